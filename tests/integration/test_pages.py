"""The pages that show notes, over HTTP from a real relay: feed, note, ring and key, page by page, as HTML and as feeds."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from relay.protocol.event import Event
from relay.protocol.nip19 import encode_nevent, encode_note, encode_npub
from relay.verify.ring_equations import to_ring_id
from tests.integration.test_http import forbid_connections
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, make_words_note, pubkey_of
from tests.support.pages import ATOM, fetch, open_atom, open_page
from tests.support.paid import order, shop
from tests.support.raw import port_of, request
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.waiting import until

RING_OF_5 = to_ring_id(tuple(make_ring(5)))


def make_profile(key: int, name: object, created_at: int = 1_000) -> Event:
    return make_event(key=KEYS[key], kind=0, content=json.dumps({"name": name}), created_at=created_at)


def nevent_of(note: Event, url: str) -> str:
    return encode_nevent(bytes.fromhex(note.id), url)


async def test_the_feed_shows_notes_of_readers_newest_first_and_what_posting_costs(database18: dict[str, Any]) -> None:
    old, new = make_ring_note("the older one", created_at=1_000), make_words_note("the newer one")
    others = [make_profile(1, "nobody"), make_ring_note("+", kind=7, tags=(("e", old.id),), scope=f"7:{old.id}")]
    tiers = [{"path": "/", "pow_bits": 0}, {"path": "/more", "pow_bits": 4}]
    async with relay_on(database18, tiers=tiers) as url, Client(url) as client:
        await client.publish_all(old, new, *others)
        page = await open_page(url, "/")
        assert [box.strip() for box in page.boxes] == ["the newer one", "the older one"]
        assert page.notes == [nevent_of(note, url) for note in (new, old)]
        assert "One of these 5 keys signed exactly the words in the box. Verified by this relay." in page.text
        assert "Nobody can tell which. It does not prove that the words are true, that 5 people exist" in page.text
        assert "its poster says" in page.text
        assert "its author says: 1970-01-01 00:16 UTC" in page.text
        assert "Posting here costs: nothing." in page.text
        assert "/more" in page.links
        other = await open_page(url, "/more")
        assert "Posting here costs: 4 bits of proof of work." in other.text
        assert other.find("link", rel="alternate", type="application/atom+xml", href="/more/feed.atom")


async def test_a_tiers_page_and_feed_show_notes_of_its_price_and_above(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path) as sold:
        paid, free = make_ring_note("paid for"), make_ring_note("free")
        async with Client(sold.cheap) as client:
            offer = await order(client, paid)
            await sold.node.pay(offer.bolt11)
            assert (await client.next("OK"))[1]
        async with Client(sold.url) as client:
            await client.publish_all(free)
        path = sold.cheap.removeprefix(sold.url)
        priced = await open_page(sold.url, path)
        assert [box.strip() for box in priced.boxes] == ["paid for"]
        assert " sat." in priced.text
        assert len((await open_page(sold.url, "/")).boxes) == 2
        entries = (await open_atom(sold.url, f"{path}/feed.atom")).findall(f"{ATOM}entry")
        assert [entry.findtext(f"{ATOM}content") for entry in entries] == ["paid for"]


async def test_a_client_that_asks_for_the_info_document_still_gets_it(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        head = "GET / HTTP/1.1\nHost: x\nAccept: application/nostr+json"
        _, headers, _ = await request(port_of(url), head)
        assert headers["content-type"] == "application/nostr+json"
        status, _, body = await request(port_of(url), "HEAD /feed.atom HTTP/1.1\nHost: x")
        assert (status, body) == (200, b"")


async def test_a_note_is_found_by_each_way_to_write_its_id(database18: dict[str, Any]) -> None:
    note = make_ring_note("said by one of us")
    raw = bytes.fromhex(note.id)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        for name in (nevent_of(note, url), encode_note(raw), note.id, note.id.upper(), f"nostr:{encode_note(raw)}"):
            page = await open_page(url, f"/note/{name}")
            assert [box.strip() for box in page.boxes] == ["said by one of us"], name
            assert f"nostr:{nevent_of(note, url)}" in page.text


async def test_the_page_of_a_note_lists_its_ring_with_the_names_that_the_keys_claim(database18: dict[str, Any]) -> None:
    ring = [key.hex() for key in make_ring(5)]
    note = make_ring_note("who knew", created_at=100_000)
    others = [make_ring_note("again", created_at=1_000), make_ring_note("and again"), make_ring_note("x", ring_size=6)]
    names = [
        make_profile(0, "Alice"),
        make_profile(1, "B\u202eob\0<script>", created_at=200_000),
        make_profile(2, "p\u0430ypal", created_at=99_999),
        make_profile(3, 7),
    ]
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note, *others, *names)
        page = await open_page(url, f"/note/{note.id}")
        assert {f"/key/{key}" for key in ring} <= set(page.links)
        assert encode_npub(bytes.fromhex(ring[0]))[:17] in page.text
        assert "“Alice”" in page.text
        assert "“B ob <script>”" in page.text
        assert "“p\u0430ypal” (letters of several alphabets)" in page.text
        assert "3 keys have profiles here that say they are older than 1970-01-02 03:46 UTC" in page.text
        assert "2 other notes here use this very ring" in page.text
        assert page.find("meta", property="og:title", content="Signed by one of 5 keys")
        assert page.find("meta", property="og:description", content="who knew")
        assert not page.find("meta", property="og:image")
        assert page.headings[0] == "h1"


async def test_of_a_note_whose_ring_signed_words_alone_nothing_else_is_shown(database18: dict[str, Any]) -> None:
    words = make_words_note("the #minister knew")
    tagged = make_event(content=words.content, tags=(*words.tags, ("t", "minister")), key=KEYS[40])
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(tagged)
        page = await open_page(url, f"/note/{tagged.id}")
        assert [box.strip() for box in page.boxes] == ["the #minister knew"]
        assert words.tags[1][1] not in page.html
        assert pubkey_of(KEYS[40]) not in page.html
        assert "The ring signed these words and nothing else" in page.text
        assert "its poster says" in page.text


async def test_of_a_text_with_its_signature_the_box_holds_the_signed_words(database18: dict[str, Any]) -> None:
    words = make_words_note("We have known since March.")
    (_, *members), (_, signature) = words.tags
    npubs = "\n".join(encode_npub(bytes.fromhex(key)) for key in members)
    note = make_event(content=f"Message:\n{words.content}\n\nRing:\n{npubs}\n\nSignature:\n{signature}", key=KEYS[40])
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        for path in ("/", f"/note/{note.id}", f"/ring/{RING_OF_5}"):
            page = await open_page(url, path)
            assert [box.strip() for box in page.boxes] == ["We have known since March."], path
            assert signature not in page.html


async def test_what_is_unknown_is_404_and_what_is_gone_410(database18: dict[str, Any]) -> None:
    deleted = make_ring_note("withdrawn", author=KEYS[40])
    expired = make_ring_note("soon gone", tags=(("expiration", str(int(time.time()) + 2)),))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(deleted, make_event(key=KEYS[40], kind=5, tags=(("e", deleted.id),)))
        assert "A request to delete a note" in (await open_page(url, f"/note/{deleted.id}", 410)).text
        unknown = await open_page(url, f"/note/{'ab' * 32}", 404)
        assert "This relay has no note with this id." in unknown.text
        for name in ("nevent1qqqq", "x", "", "ab" * 31, "%00", "note1" + "q" * 58):
            assert "names no note" in (await open_page(url, f"/note/{name}", 404)).text, name
        for path in (
            "/note",
            f"/note/{deleted.id}/other",
            "/ring/x",
            "/ring",
            "/key/npub1x",
            "/key",
            f"/ring/{'ab' * 32}",
        ):
            await open_page(url, path, 404)
        for path in ("/ring/x/feed.atom", "/key/x/feed.atom", f"/note/{deleted.id}/feed.atom", "/x/feed.atom"):
            assert (await fetch(url, path))[0] == 404
        await client.publish_all(expired)
        await open_page(url, f"/note/{expired.id}")
        await until(lambda: time.time() >= int(expired.tags[0][1]))
        assert "said itself when it would expire" in (await open_page(url, f"/note/{expired.id}", 410)).text
        assert (await open_page(url, "/")).boxes == []


async def test_a_ring_has_a_page_of_facts_and_of_its_notes(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(f"number {n}", created_at=1_000 + n) for n in range(3)]
    answer = make_ring_note("+", kind=7, tags=(("e", notes[0].id),), scope=f"7:{notes[0].id}", created_at=999)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(*notes, answer, make_ring_note("x", ring_size=6), make_profile(0, "Alice", 998))
        page = await open_page(url, f"/ring/{RING_OF_5}")
        assert [box.strip() for box in page.boxes] == ["number 2", "number 1", "number 0", "+"]
        assert "A ring of 5 keys" in page.text
        assert "Notes here that use this very ring: 4" in page.text
        assert "1 key has a profile here that says it is older than 1970-01-01 00:16 UTC" in page.text
        assert "“Alice”" in page.text
        assert f"/note/{notes[0].id}" in page.links
        feed = await open_atom(url, f"/ring/{RING_OF_5}/feed.atom")
        assert len(feed.findall(f"{ATOM}entry")) == 4


async def test_a_key_has_a_page_of_the_notes_whose_ring_has_it(database18: dict[str, Any]) -> None:
    key = bytes.fromhex(pubkey_of(KEYS[5]))
    note = make_ring_note("of six", ring_size=6)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(make_ring_note("of five"), note, make_profile(5, "Bob"))
        for name in (key.hex(), encode_npub(key), key.hex().upper()):
            page = await open_page(url, f"/key/{name}")
            assert [box.strip() for box in page.boxes] == ["of six"]
            assert "Being listed in a ring does not mean this key signed or knows of it." in page.text
            assert "“Bob”" in page.text
            assert page.find("meta", name="robots", content="noindex")
        entries = (await open_atom(url, f"/key/{encode_npub(key)}/feed.atom")).findall(f"{ATOM}entry")
        assert [entry.findtext(f"{ATOM}id") for entry in entries] == [f"nostr:{encode_note(bytes.fromhex(note.id))}"]
        assert "No note here has this key" in (await open_page(url, f"/key/{pubkey_of(KEYS[70])}")).text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["words", "linked", "six", "five"]),
        (f"ring={RING_OF_5}", ["words", "linked", "five"]),
        (f"member={pubkey_of(KEYS[5])}", ["six"]),
        (f"member={encode_npub(bytes.fromhex(pubkey_of(KEYS[5])))}", ["six"]),
        ("minring=6", ["six"]),
        ("scheme=blsag", ["linked"]),
        ("scheme=sag&minring=5&ring=&member=", ["words", "six", "five"]),
        ("minring=7&unknown=1", []),
    ],
)
async def test_a_form_narrows_the_feed(database18: dict[str, Any], query: str, shown: list[str]) -> None:
    five, six = make_ring_note("five", created_at=1), make_ring_note("six", ring_size=6, created_at=2)
    linked = make_ring_note("linked", scope="all", created_at=3)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(five, six, linked, make_words_note("words"))
        page = await open_page(url, f"/?{query}")
        assert [box.strip() for box in page.boxes] == shown
        feed = await open_atom(url, f"/feed.atom?{query}")
        assert [entry.findtext(f"{ATOM}content") for entry in feed.findall(f"{ATOM}entry")] == shown


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("ring=ab", "The id of the ring is wrong"),
        ("member=npub1abc", "The key is wrong"),
        ("member=%22%3E%3Cscript%3E", "The key is wrong"),
        ("minring=many", "The smallest number of keys is wrong"),
        ("minring=0", "The smallest number of keys is wrong"),
        ("scheme=rsa", "The scheme is wrong"),
    ],
)
async def test_a_mistake_in_the_form_is_said_above_it_and_nothing_typed_is_lost(
    database18: dict[str, Any], query: str, fault: str
) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(make_ring_note("not asked for"))
        page = await open_page(url, f"/?{query}&ring=&member=&minring=&scheme=", 400)
        assert fault in page.text
        assert page.html.index('id="faults"') < page.html.index("<form")
        assert page.boxes == []
        name, value = query.split("=")
        assert name == "scheme" or page.find("input", name=name, value=unquote(value))
        kept = ("member", pubkey_of(KEYS[0])) if name == "minring" else ("minring", "3")
        other = await open_page(url, f"/?{'='.join(kept)}&{query}", 400)
        assert other.find("input", name=kept[0], value=kept[1])
        assert (await fetch(url, f"/feed.atom?{query}"))[0] == 400


async def test_a_place_that_cannot_be_read_leads_to_the_newest_notes(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(make_ring_note("newest"))
        for before in ("x", f"9{'0' * 15}9-{'ab' * 32}", "1-ab"):
            page = await open_page(url, f"/?before={before}", 400)
            assert "these are the newest notes" in page.text
            assert [box.strip() for box in page.boxes] == ["newest"]


async def test_reading_on_gives_each_of_120_notes_once_though_many_share_a_second(database18: dict[str, Any]) -> None:
    # 50 of one second, 3 of another, then a few each.
    dates = [5_000] * 50 + [4_000] * 3 + [3_000 + n // 4 for n in range(67)]
    notes = [make_ring_note(f"number {n}", created_at=date) for n, date in enumerate(dates)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*notes)
        order_read = sorted(notes, key=lambda note: (-note.created_at, note.id))
        for path in ("/", "/?minring=2", f"/?ring={RING_OF_5}", f"/ring/{RING_OF_5}", f"/key/{pubkey_of(KEYS[0])}"):
            read: list[str] = []
            following = [path]
            while following:
                page = await open_page(url, following[0])
                assert 0 < len(page.notes) <= 20
                read += page.notes
                following = [str(link["href"]) for link in page.find("a", rel="next")]
            assert read == [nevent_of(note, url) for note in order_read], path


async def test_large_notes_make_short_pages_and_none_is_lost(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(f"{n} " + "x" * 80_000, created_at=1_000 - n) for n in range(8)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*notes)
        read: list[str] = []
        following = ["/"]
        while following:
            page = await open_page(url, following[0])
            assert len(page.html) < 100_000
            read += page.notes
            following = [str(link["href"]) for link in page.find("a", rel="next")]
        assert read == [nevent_of(note, url) for note in notes]


async def test_a_long_text_is_folded_and_all_there(database18: dict[str, Any]) -> None:
    words = "\n".join(f"line {n}" for n in range(1_000))
    note = make_ring_note(words)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        page = await open_page(url, f"/note/{note.id}")
        assert words in page.boxes[0]
        assert "Show all 8,889 characters" in page.text
        assert page.find("details")
        assert "line 999" not in (await open_page(url, "/")).text
        assert "All of this note" in (await open_page(url, "/")).text


async def test_a_plain_note_is_shown_as_what_it_is(database18: dict[str, Any]) -> None:
    note = make_event(key=KEYS[3], content="in my own name", tags=(("e", "ab" * 32),))
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(note, make_profile(3, "Carol"))
        for path in ("/", f"/note/{note.id}"):
            page = await open_page(url, path)
            assert "Not ring-signed: signed by the key of its author." in page.text
            assert "One of these" not in page.text
            assert f"/note/{'ab' * 32}" in page.links
        assert "“Carol”" in page.text
        assert encode_npub(bytes.fromhex(note.pubkey)) in page.text


async def test_an_article_is_rendered_without_what_loads_or_leads_elsewhere(database18: dict[str, Any]) -> None:
    text = (
        "# Heading\n\n*Emphasis* <b onclick=x>raw</b> [a link](https://a.example/x) ![a picture](https://b.example/p.png)\n\n"
        "[bad](javascript:alert(1)) <https://c.example/>"
    )
    note = make_ring_note(text, kind=30_023, tags=(("d", "x"), ("title", "The <title>")))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        page = await open_page(url, f"/note/{note.id}")
        assert page.headings[:2] == ["h1", "h3"]
        assert "The <title>" in page.boxes[0]
        assert "a link https://a.example/x" in page.boxes[0]
        assert "Picture: a picture https://b.example/p.png" in page.boxes[0]
        assert page.find("em")
        assert not page.find("img") + page.find("b")
        assert all(str(script["src"]).startswith("/static/") for script in page.find("script"))
        assert all(link[0] in "/#" for link in page.links)
        assert "# Heading" in (await open_page(url, "/")).boxes[0]


async def test_a_note_that_waits_for_the_next_batch_is_on_no_page(database18: dict[str, Any]) -> None:
    seen, held = make_ring_note("seen"), make_ring_note("not yet seen")
    answer = make_ring_note("+", kind=7, tags=(("e", seen.id),), scope=f"7:{seen.id}")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(seen)
    async with relay_on(database18, privacy={"publish_every_s": 3_600}) as url, Client(url) as client:
        await client.publish_all(held, answer)
        paths = ["/", "/feed.atom", f"/ring/{RING_OF_5}", f"/key/{pubkey_of(KEYS[0])}", f"/ring/{RING_OF_5}/feed.atom"]
        for path in (*paths, f"/note/{seen.id}"):
            _, _, body = await fetch(url, path)
            assert b"seen" in body
            assert b"not yet seen" not in body
            assert answer.id.encode() not in body
        assert "Reactions: 0" in (await open_page(url, f"/note/{seen.id}")).text
        assert "0 other notes here use this very ring" in (await open_page(url, f"/note/{seen.id}")).text
        page = await open_page(url, f"/note/{held.id}", 404)
        unknown = await open_page(url, f"/note/{'ab' * 32}", 404)
        assert page.html == unknown.html
        assert "notes are published together with others" in page.text


async def test_a_feed_for_feed_readers_has_the_dates_of_its_notes_and_no_other(database18: dict[str, Any]) -> None:
    note = make_ring_note("tab\there, bell\x07, null\0, ]]> & <b>", created_at=1_700_000_000)
    async with relay_on(database18, info={"name": "A & B"}) as url, Client(url) as client:
        empty = await open_atom(url, "/feed.atom")
        assert empty.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"
        await client.publish_all(note)
        feed = await open_atom(url, "/feed.atom")
        assert feed.findtext(f"{ATOM}title") == "A & B"
        assert feed.findtext(f"{ATOM}id") == "tag:127.0.0.1,2026:/"
        assert feed.findtext(f"{ATOM}updated") == "2023-11-14T22:13:20Z"
        entry = feed.find(f"{ATOM}entry")
        assert entry is not None
        assert entry.findtext(f"{ATOM}content") == "tab\there, bell\ufffd, null\ufffd, ]]> & <b>"
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == "one of 5 keys"
        assert "One of these 5 keys signed exactly" in (entry.findtext(f"{ATOM}summary") or "")
        link = entry.find(f"{ATOM}link")
        assert link is not None
        assert link.get("href") == f"{url.replace('ws', 'http')}/note/{nevent_of(note, url)}"


async def test_pages_are_in_the_language_that_the_browser_asks_for(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(make_ring_note("x"))
        for path in ("/", f"/ring/{RING_OF_5}", f"/key/{pubkey_of(KEYS[0])}"):
            status, headers, body = await fetch(url, path, language="xx, en;q=0.5")
            assert (status, headers["vary"]) == (200, "Accept, Accept-Language")
            assert b'<html lang="en" dir="ltr">' in body
        assert (await open_atom(url, "/feed.atom")).get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


async def test_pages_and_feeds_speak_spanish_to_who_asks_for_it(database18: dict[str, Any]) -> None:
    note = make_ring_note("x")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        for path in ("/", f"/note/{note.id}", f"/ring/{RING_OF_5}", f"/key/{pubkey_of(KEYS[0])}"):
            _, _, body = await fetch(url, path, language="es-MX, en;q=0.5")
            assert b'<html lang="es" dir="ltr">' in body
            assert b"keys signed" not in body, path
        _, _, feed = await fetch(url, "/feed.atom", language="es")
        assert b'xml:lang="es"' in feed
        assert b"One of these" not in feed


async def test_of_a_large_ring_all_keys_are_listed_some_of_them_folded(database18: dict[str, Any]) -> None:
    note = make_ring_note("of sixty", ring_size=60)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        page = await open_page(url, f"/note/{note.id}")
        assert "10 more keys" in page.text
        listed = [link.removeprefix("/key/") for link in page.links if link.startswith("/key/")]
        assert listed == [key.hex() for key in make_ring(60)]


async def test_a_page_without_a_database_says_so(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        note = make_ring_note("x")
        await client.publish_all(note)
        await forbid_connections(database18)
        for path in ("/", f"/note/{note.id}", f"/ring/{RING_OF_5}", "/feed.atom"):
            assert "The relay cannot read this now" in (await open_page(url, path, 503)).text
