"""Mia's story: what somebody sent her is pasted into /verify, and her browser says which words which ring signed."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from coincurve import PrivateKey, PublicKeyXOnly
from nostr_sdk import EventId, Nip19Event, RelayUrl

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol.event import Event, encode_event
from relay.protocol.printable import to_lines
from relay.protocol.ring_terms import Form
from tests.support.browsers import Browser, Browsers, Page
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, pubkey_of
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

PASTED = json.loads((Path(__file__).parents[1] / "vectors" / "pasted_texts.json").read_text(encoding="utf-8"))["texts"]
NOTE = make_ring_note("We have known since March.")
SLOW_S = scaled(120.0)
# Without compilers a member takes some ten milliseconds, and the machine may be busy.
LONG_S = scaled(240.0)
NOT_PROVED = "Nobody can tell which. It does not prove that the words are true"


@pytest_asyncio.fixture
async def url(database18: dict[str, Any]) -> AsyncIterator[str]:
    async with relay_on(database18, **OPEN_HOUSE) as url:
        yield url.replace("ws", "http", 1)


@pytest.fixture
def browser(browsers: Browsers, browser_name: str) -> Browser:
    return browsers.get(browser_name)


async def verify(page: Page, text: str, bound_s: float = scaled(20.0)) -> str:
    """Paste a text, and return the verdict once it is there."""
    await page.paste("#pasted", text)
    return await start(page, bound_s)


async def start(page: Page, bound_s: float = scaled(20.0)) -> str:
    # The click takes away the verdict of before.
    await page.click("#start")
    await page.wait_for("() => document.querySelector('#outcome h2') !== null", bound_s=bound_s)
    return await page.find_text("#outcome")


def text_of(note: Event) -> str:
    return encode_event(note).decode()


async def publish(url: str, *notes: Event) -> None:
    async with Client(url.replace("http", "ws", 1)) as author:
        await author.publish_all(*notes)


async def test_a_notes_json_is_verified_and_its_words_are_in_the_box(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        assert await page.open(f"{url}/verify") == 200
        verdict = await verify(page, text_of(NOTE))
        assert verdict.startswith("One of these 5 keys signed exactly the words in the box.")
        assert f"Verified by your browser. {NOT_PROVED}, that 5 people exist" in verdict
        assert await page.find_text("#outcome pre") == NOTE.content
        assert await page.evaluate("() => document.activeElement.tagName") == "H2"
        assert await page.list_faults() == []


async def test_a_verdict_goes_when_the_text_in_the_field_changes(browser: Browser, url: str) -> None:
    slow = make_ring_note("We have known since March.", ring_size=120)
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        assert (await verify(page, text_of(NOTE))).startswith("One of these 5 keys")
        await page.paste("#pasted", "Another text, which nobody signed.")
        assert [await page.find_text(part) for part in ("#outcome", "#told")] == ["", ""]
        # One that is still verified is not shown either, and typing goes on in the field.
        await page.paste("#pasted", text_of(slow))
        await page.evaluate("() => document.querySelector('#start').click()")
        await page.paste("#pasted", "Another text, which nobody signed.")
        await asyncio.sleep(1)
        assert [await page.find_text(part) for part in ("#outcome", "#told", "#cancel")] == ["", "", ""]
        assert await page.evaluate("() => document.activeElement.id") == "pasted"
        assert (await verify(page, "Another text, which nobody signed.")).startswith("Not understood")
        assert await page.list_faults() == []


async def test_texts_as_people_paste_them_get_the_verdict_of_the_table(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        for sample in PASTED[::12]:
            verdict = await verify(page, sample["text"], SLOW_S)
            if sample["expected"]["valid"]:
                assert verdict.startswith(f"One of these {sample['expected']['ring_size']} keys"), sample["name"]
                assert sample["expected"]["ring_id"] in verdict, sample["name"]
                assert "Names beside keys, labels, time, author and tags are not signed" in verdict
            else:
                assert verdict.startswith(("False:", "Not understood:")), sample["name"]
        assert await page.list_faults() == []


async def test_the_box_holds_the_signed_words_and_nothing_of_the_text_around_them(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        sample = next(sample for sample in PASTED if "Message:" in sample["text"] and sample["expected"]["valid"])
        await verify(page, sample["text"])
        assert await page.find_text("#outcome pre") == sample["expected"]["signed_text"]


async def test_line_ends_are_verified_as_they_were_copied(browser: Browser, url: str) -> None:
    # Signed with the line ends of Windows, which a field on a page changes.
    draft = Draft(
        ring=make_ring(5),
        secret=KEYS[2].secret,
        content="In two\r\nlines.",
        created_at=int(time.time()),
        form=Form.TEXT,
    )
    text = make_message_note(draft, PrivateKey()).content
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        # As it is without them.
        assert (await verify(page, text)).startswith("False:")
        await page.run(Path(__file__).with_name("paste_by_keyboard.mjs"), {"text": text, "selector": "#pasted"})
        assert "\r" not in await page.evaluate("() => document.querySelector('#pasted').value")
        assert (await start(page)).startswith("One of these 5 keys")
        # What was typed since then counts.
        assert not (await verify(page, f"{text}?")).startswith("One of these")


async def test_a_tampered_note_is_false_whatever_was_changed(browser: Browser, url: str) -> None:
    original = json.loads(text_of(NOTE))
    other = make_ring_note("Other words.")
    changed = {
        "the words": {**original, "content": NOTE.content.replace("March", "May")},
        "the words, with the id of before and a signature of today": json.loads(
            text_of(make_event(key=KEYS[79], content="Other words.", tags=NOTE.tags))
        ),
        "the ring": {**original, "tags": [["ring", *original["tags"][0][1:-1]], *original["tags"][1:]]},
        "the signature": {**original, "tags": json.loads(text_of(other))["tags"]},
        "the time": {**original, "created_at": original["created_at"] + 1},
    }
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        for what, note in changed.items():
            verdict = await verify(page, json.dumps(note))
            assert verdict.startswith("False: this is not what a ring signed."), what
            assert "The reason:" in verdict


async def test_a_link_is_looked_up_at_this_relay_alone(browser: Browser, url: str) -> None:
    await publish(url, NOTE)
    elsewhere = RelayUrl.parse("wss://elsewhere.example")
    nevent = Nip19Event(EventId.parse(NOTE.id), relays=[elsewhere]).to_bech32()
    links = (
        nevent,
        f"nostr:{nevent}",
        EventId.parse(NOTE.id).to_bech32(),
        f"{url}/note/{nevent}",
        f"{url}/note/{NOTE.id}",
    )
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        for link in links:
            verdict = await verify(page, link)
            assert verdict.startswith("One of these 5 keys"), link
            assert f"came from this relay a moment ago, and from nowhere else: {url.removeprefix('http://')}" in verdict
        absent = make_ring_note("not here")
        assert "This relay does not have the note" in await verify(page, EventId.parse(absent.id).to_bech32())
        asked = await page.list_requests()
        assert asked[-1] == f"{url}/note/{absent.id}.json"
        assert all(request.startswith(url) for request in asked)
        assert await page.list_faults() == []
    assert [stray for stray in await browser.list_strays() if "elsewhere" in stray] == []


async def test_what_is_no_note_is_not_called_false(browser: Browser, url: str) -> None:
    plain = make_event(content="signed by one key")
    said = {
        "": "The field is empty",
        text_of(plain): "This is an ordinary note",
        text_of(NOTE)[:-40]: "and is not whole",
        "Dear all, we have known since March.": "There is no ring signature in this text",
        "npub1qfeauhmpf2j4v5t2cfzucklg50y232nfza0p9fyt43er33jrpk5s0addwp": "This names a person",
        "naddr1qqxnzd3cxqmrzv3exgmr2wfeqgs": "An naddr names",
        EventId.parse(NOTE.id).to_bech32()[:-1] + "q": "The link is mistyped",
    }
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        for pasted, words in said.items():
            verdict = await verify(page, pasted)
            assert verdict.startswith("Not understood: nothing was verified."), pasted
            assert words in verdict


async def test_a_secret_key_is_never_sent_and_taken_out_of_the_field(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        # In hex it looks as the id of a note does.
        assert "64 digits can be the id of a note" in await verify(page, KEYS[0].secret.hex())
        verdict = await verify(page, "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5")
        assert "This is a secret key" in verdict
        assert await page.evaluate("() => document.querySelector('#pasted').value") == ""
        files = re.compile(rf"{re.escape(url)}/(verify|static/(page\.css|verify\.js|icon\.svg)\?v=\w+)")
        assert all(map(files.fullmatch, await page.list_requests()))


async def test_a_message_with_a_note_is_a_note(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        for message in (f'["EVENT",{text_of(NOTE)}]', f' ["EVENT", "a {{sub}}", {text_of(NOTE)}]\n'):
            assert (await verify(page, message)).startswith("One of these 5 keys")


async def test_a_note_in_the_parts_of_qr_codes_is_put_together(browser: Browser, url: str) -> None:
    text = text_of(NOTE)
    parts = [f"p{place + 1}of3 {part}" for place, part in enumerate((text[:500], text[500:900], text[900:]))]
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        assert (await verify(page, "\n".join(reversed(parts)))).startswith("One of these 5 keys")


async def test_small_and_linkable_rings_are_said_to_be_what_they_are(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        two = await verify(page, text_of(make_ring_note(ring_size=2, signer=1)))
        assert "by the one of the two whom you believe less" in two
        assert "Anyone who can rule the other out knows who signed" in two
        linkable = await verify(page, text_of(make_ring_note(ring_size=3, scope="vote {size}")))
        assert "The others can prove that it was not them" in linkable
        assert "vote {size}" in linkable
        assert "Another note with the same key image and scope has the same signer" in linkable
        assert "is small" not in await verify(page, text_of(make_ring_note(ring_size=5)))


async def test_a_large_ring_shows_progress_and_can_be_cancelled(browser: Browser, url: str) -> None:
    note = text_of(make_ring_note(ring_size=80, scope="slow"))
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        await page.paste("#pasted", note)
        await page.evaluate(WATCH)
        await page.click("#start")
        await page.wait_for("() => document.querySelector('#outcome h2') !== null", bound_s=SLOW_S)
        seen = await page.evaluate("() => globalThis.seen")
        assert len([value for value in seen if 0 < value < 1]) > 1, seen
        assert seen == sorted(seen)
        assert await page.evaluate("() => document.querySelector('#progress').hidden")
        await page.evaluate(START_AND_CANCEL)
        await page.wait_for_text("Cancelled. Nothing was verified.")
        assert await page.find_text("#outcome") == ""
        assert await page.evaluate("() => document.activeElement.id") == "start"
        # While a note is being fetched, too.
        await page.paste("#pasted", EventId.parse(NOTE.id).to_bech32())
        await page.evaluate(START_AND_CANCEL)
        await page.wait_for_text("Cancelled. Nothing was verified.")
        assert (await verify(page, text_of(NOTE))).startswith("One of these 5 keys")


def make_long_ring_note(size: int) -> Event:
    """Make a note of a ring that is larger than what a relay takes, of keys that nobody made."""
    points = (sha256(b"member %d" % number).digest() for number in itertools.count())
    others = itertools.islice((x for x in points if is_on_curve(x)), size - 1)
    secret = KEYS[0]
    draft = Draft(
        ring=[bytes.fromhex(pubkey_of(secret)), *others],
        secret=secret.secret,
        content="Many.",
        created_at=int(time.time()),
    )
    return make_bound_note(draft, PrivateKey())


def is_on_curve(x: bytes) -> bool:
    try:
        PublicKeyXOnly(x)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("compilers", [True, False])
async def test_a_very_long_ring_is_verified_with_webassembly_where_there_is_any(
    browsers: Browsers, browser_name: str, url: str, *, compilers: bool
) -> None:
    note = text_of(await asyncio.to_thread(make_long_ring_note, 2_000))
    async with browsers.get(browser_name, compilers=compilers).page() as page:
        await page.open(f"{url}/verify")
        assert await page.evaluate("() => typeof WebAssembly === 'object'") is compilers
        verdict = await verify(page, note, LONG_S)
        assert verdict.startswith("One of these 2,000 keys signed exactly the words in the box.")
        asked = [request for request in await page.list_requests() if "wasm" in request]
        assert len(asked) == compilers
        await page.click("summary")
        await page.wait_for("() => document.querySelectorAll('.keys li').length === 2000")
        assert await page.list_faults() == []


async def test_a_short_ring_is_verified_without_fetching_anything_for_it(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        await verify(page, text_of(NOTE))
        assert [request for request in await page.list_requests() if "wasm" in request] == []


async def test_words_of_a_hostile_note_stay_text_in_their_box(browser: Browser, url: str) -> None:
    words = "<img src=x onerror=alert(1)><script>alert(2)</script>{size}\u202egnp.exe\u200b"
    note = make_ring_note(words, tags=(("t", "</pre><script>alert(3)</script>"),), scope="<b>{ringId}</b>")
    async with browser.page() as page:
        await page.open(f"{url}/verify")
        verdict = await verify(page, text_of(note))
        assert await page.find_text("#outcome pre") == to_lines(words)
        assert "stands for a character that cannot be seen" in verdict
        assert "<b>{ringId}</b>" in verdict
        assert await page.evaluate("() => document.querySelectorAll('#outcome :is(img, script, b)').length") == 0
        assert await page.list_faults() == []


async def test_a_verdict_is_in_the_readers_language(browsers: Browsers, url: str) -> None:
    async with browsers.get("chromium", languages="es").page() as page:
        await page.open(f"{url}/verify")
        assert (await verify(page, text_of(NOTE))).startswith("Una de estas 5 claves")
        # No name in braces is left.
        assert "{" not in await page.find_text("#outcome")


async def test_without_script_the_page_says_what_to_use_instead(
    browsers: Browsers, browser_name: str, url: str
) -> None:
    async with browsers.get(browser_name, script=False).page() as page:
        await page.open(f"{url}/verify")
        text = await page.find_text("main")
        assert "ringrelay verify" in text
        assert "evidence file" in text
        assert await page.find_text("#pasted") == ""
        assert await page.find_text("button") == ""


@pytest.mark.parametrize("is_dark", [False, True])
async def test_the_page_and_its_verdicts_are_accessible(browsers: Browsers, url: str, *, is_dark: bool) -> None:
    async with browsers.get("chromium", dark=is_dark).page() as page:
        await page.open(f"{url}/verify")
        assert await page.audit() == []
        for pasted in (text_of(NOTE), text_of(NOTE).replace("March", "May"), "nothing"):
            await verify(page, pasted)
            assert await page.audit() == []


# In one turn of the page, before any work can be done.
START_AND_CANCEL = "() => { for (const id of ['start', 'cancel']) document.getElementById(id).click() }"
# A list of every value that the bar has.
WATCH = """() => {
  globalThis.seen = [];
  const bar = document.querySelector("progress");
  new MutationObserver(() => globalThis.seen.push(bar.value)).observe(bar, { attributes: true });
}"""
