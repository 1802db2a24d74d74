"""Nora's story (a journalist, in Tor Browser at *Safest*): she opens a link, reads what is proved and what is not, and keeps it.

No script runs until she opens what she kept, on another machine without a network.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from relay.protocol.nip19 import encode_nevent
from tests.browser.seeded_relay import SeededRelay, seeded_relay
from tests.support import command
from tests.support.browsers import Browsers, Page

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

# Of the ring's keys, as a page lists them.
KEYS = "() => [...document.querySelectorAll('.members li')].map((line) => line.innerText)"


@pytest_asyncio.fixture
async def relay(database18: dict[str, Any], tmp_path: Path) -> AsyncIterator[SeededRelay]:
    async with seeded_relay(database18, tmp_path) as relay:
        yield relay


async def check_that_no_script_was_needed(page: Page, relay: SeededRelay) -> None:
    assert await page.list_faults() == []
    assert {urlsplit(url).netloc for url in await page.list_requests()} == {urlsplit(relay.url).netloc}
    assert not any(url.endswith(".js") for url in await page.list_requests())


async def test_nora_reads_a_note_and_its_ring_and_keeps_both(
    browsers: Browsers, browser_name: str, relay: SeededRelay
) -> None:
    note = relay.notes.free["forty"]
    link = encode_nevent(bytes.fromhex(note.id), relay.url.replace("http", "ws", 1))
    async with browsers.get(browser_name, script=False).page() as page:
        assert await page.open(f"{relay.url}/note/{link}") == 200
        # What was said, and by whom.
        assert await page.find_text(".box") == note.content
        said = await page.find_text(".proof")
        assert said.startswith("One of these 40 keys signed exactly the words in the box. Verified by this relay.")
        for not_proved in (
            "Nobody can tell which.",
            "that the words are true",
            "that 40 people exist",
            "when it was written",
        ):
            assert not_proved in said
        keys = await page.evaluate(KEYS)
        assert len(keys) == 40
        assert sum("Ana Ruiz" in key for key in keys) == 1
        assert "Being listed does not mean that a key signed or knows of it." in await page.find_text()
        # What else this ring said, and what is said of one of its keys.
        assert await page.follow("section[aria-labelledby='ring'] a[href^='/ring/']") == 200
        assert await page.find_text("h1") == "A ring of 40 keys"
        assert await page.evaluate(KEYS) == keys
        assert await page.follow(".members a") == 200
        assert "Being listed in a ring does not mean this key signed" in await page.find_text()
        # The feed, narrowed by its form.
        assert await page.follow(".site .relay") == 200
        await page.click("summary")
        await page.fill("#minring", "40")
        assert await page.follow("form button") == 200
        shown = await page.evaluate("() => [...document.querySelectorAll('.box')].map((box) => box.innerText)")
        assert note.content in shown
        assert relay.notes.free["two"].content not in shown
        # What she keeps.
        await page.open(f"{relay.url}/note/{link}")
        as_json = await page.download("a[href$='.json']")
        evidence = await page.download("a[href$='evidence.html']")
        await check_that_no_script_was_needed(page, relay)
    assert (await command.run("verify", stdin=as_json.read_bytes())).status == 0
    async with browsers.get(browser_name, loopback=False).page() as page:
        await page.open(evidence.as_uri())
        await page.wait_for_text("One of these 40 keys signed exactly the words in the box.", "#outcome")
        assert await page.find_text("#outcome pre") == note.content
        assert await page.list_faults() == []
    assert await browsers.get(browser_name, loopback=False).list_strays() == []


async def test_nora_is_told_what_became_of_a_note_that_is_not_there(
    browsers: Browsers, browser_name: str, relay: SeededRelay
) -> None:
    pages = relay.list_pages()
    async with browsers.get(browser_name, script=False).page() as page:
        assert await page.open(pages["note, gone"].url) == 410
        assert "A request to delete a note with this id is stored here." in await page.find_text("main")
        assert await page.open(pages["note, unknown"].url) == 404
        assert await page.follow("main a") == 200
        await check_that_no_script_was_needed(page, relay)
