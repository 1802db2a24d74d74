"""Hostile notes on pages: whatever a stranger writes, in whatever field, stays a text in its place."""

import json
import time
from typing import Any

import pytest

from relay.protocol.event import Event
from relay.verify.ring_equations import to_ring_id
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, make_words_note, pubkey_of
from tests.support.pages import Page, fetch, open_atom, open_page
from tests.support.relays import OPEN_HOUSE, relay_on

RING = to_ring_id(tuple(make_ring(5)))
HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "an end of everything": "</div></article></main></body></html><h1>Verified by this relay</h1>",
    "an unclosed tag": "<div class=box><a href='//evil.example",
    "an unclosed comment": "<!-- <![CDATA[ <!DOCTYPE x [",
    "an attribute": '" onmouseover="alert(1)" x=\'y` ',
    "a picture": '<img src=x onerror=alert(1)><svg onload=alert(1)><iframe srcdoc="x">',
    "a template": "{{ 7*7 }}{% raw %}${7*7}<%= 7 %>",
    "an entity": "&lt;script&gt; &#60; &amp; &nbsp; &#x202e;",
    "a direction": "\u202egnp.exe \u2066\u2069\u200e one of 40 keys",
    "what cannot be seen": "a\u200bb\u200dc\ufeff\u00ad\U000e0041\u3164",
    "a null": "before\0after \x1b[31m \x7f \x85",
    "other line ends": "a\rb\u2028c\u2029d\x0be\x0cf",
    "no characters": "\uffff\ufffe\ufdd0",
    "stacked accents": "Z" + "\u0301" * 500,
    "one long word": "A" * 5_000,
    "many lines": "\n" * 2_000 + "end",
    "a text from right to left": "שלום <b>עולם</b> مرحبا",
    "100 kB": "<b>" * 33_000,
}
HIDDEN = "\0\x1b\x7f\x85\u202e\u2066\u2069\u200e\u200b\u200d\ufeff\u00ad\U000e0041\u3164\u2028\u2029\uffff\ufffe\ufdd0\x0b\x0c\r"
# Of Markdown, which some of these texts are by chance.
MARKDOWN_TAGS = "h3 h4 h5 h6 em strong code pre blockquote ul ol li br hr s span table thead tbody tr th td"
HARMLESS = "a word, and another one"


def make_notes(text: str, target: str) -> list[Event]:
    """Return a note of each kind that pages show in a way of its own, with a text in whatever fields it has."""
    short = text[:200]
    return [
        make_ring_note(text, tags=(("title", short), ("subject", short), ("e", short, short, "reply"), ("x", short))),
        make_words_note(text),
        make_ring_note(text, kind=30_023, tags=(("d", short), ("title", short), ("summary", short), ("image", short))),
        make_ring_note(text, kind=1068, tags=(("option", short, short), ("endsAt", short), ("polltype", short))),
        make_ring_note(short, kind=7, tags=(("e", target),), scope=f"7:{target}", signer=len(text) % 5),
        make_ring_note(text, scope=short.encode()[:120].decode(errors="ignore")),
        make_event(key=KEYS[60], content=text, tags=(("title", short),)),
    ]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_text_stays_a_text_in_every_field(database18: dict[str, Any], text: str) -> None:
    short = text[:200]
    targets = [make_ring_note("target"), make_ring_note("another target")]
    harmless, notes = make_notes(HARMLESS, targets[0].id), make_notes(text, targets[1].id)
    profiles = [make_event(key=KEYS[n], kind=0, content=json.dumps({"name": short, "picture": short})) for n in (0, 60)]
    key = pubkey_of(KEYS[0])
    paths = ["/", f"/ring/{RING}", f"/key/{key}", *(f"/note/{note.id}" for note in (*notes, targets[1]))]
    async with relay_on(database18, info={"name": short[:60]}, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*targets, *harmless)
        # With a list that is folded, too.
        await client.publish_all(*[make_ring_note(f"{HARMLESS} {n}" * 200) for n in range(3)])
        known = await list_tags(
            url, ["/", "/?minring=x", f"/ring/{RING}", *(f"/note/{note.id}" for note in (*harmless, targets[0]))]
        )
        await client.publish_all(*notes, *profiles)
        for path in paths:
            page = await open_page(url, path)
            check(page.html)
            assert {tag for tag, _ in page.tags} <= {*known, *MARKDOWN_TAGS.split()}, path
            assert all(str(script.get("src")).startswith("/static/") for script in page.find("script")), path
            for tag, attributes in page.tags:
                assert not any(name.startswith("on") or name == "style" for name in attributes), (path, tag)
                for name in ("href", "src", "action"):
                    assert (attributes.get(name) or "/")[0] in "/#", (path, tag, attributes)
                    assert not (attributes.get(name) or "").startswith("//")
        for path in ("/feed.atom", f"/ring/{RING}/feed.atom", f"/key/{key}/feed.atom"):
            feed = await open_atom(url, path)
            check("".join(feed.itertext()))


async def list_tags(url: str, paths: list[str]) -> set[str]:
    """Return the names of all tags on some pages, of notes that do no harm."""
    return {tag for path in paths for tag, _ in Page((await fetch(url, path))[2].decode()).tags}


def check(text: str) -> None:
    """Check that nothing in a page is hidden or reorders what stands around it."""
    assert not set(HIDDEN) & set(text)


async def test_no_words_of_a_note_stand_before_its_box_or_behind_it_in_its_card(database18: dict[str, Any]) -> None:
    notes = [make_ring_note("secretword in a bound note"), make_words_note("secretword in words")]
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(*notes)
        for path in ("/", f"/ring/{RING}", f"/key/{pubkey_of(KEYS[0])}"):
            page = await open_page(url, path)
            assert page.html.count("secretword") == sum(box.count("secretword") for box in page.boxes) == 2


async def test_2000_tags_and_many_options_make_a_page_of_bounded_size(database18: dict[str, Any]) -> None:
    tags = tuple(("option", str(n), f"option {n}" * 5) for n in range(1_900))
    note = make_ring_note("many", kind=1068, tags=tags)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(note)
        page = await open_page(url, f"/note/{note.id}")
        assert "option 99" in page.text
        assert "option 100" not in page.text


async def test_long_texts_are_not_read_in_the_thread_that_serves_everybody(database18: dict[str, Any]) -> None:
    # Each joiner is looked at with what stands around it.
    notes = [make_event(key=KEYS[n], content="\u0915\u200d" * 20_000) for n in range(3)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        # Templates are compiled once.
        await open_page(url, "/")
        await client.publish_all(*notes)
        started_s = time.thread_time()
        page = await open_page(url, "/")
        # It took 0.13 s.
        assert time.thread_time() - started_s < 0.06
        assert len(page.boxes) == 3
