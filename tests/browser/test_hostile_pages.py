"""Notes that try to be more than text, on every page that shows them. Nothing of them runs, is fetched or spills."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from relay.protocol.nip19 import encode_npub
from relay.verify.ring_equations import to_ring_id
from tests.browser.hostile.notes import RING, list_hostile_notes
from tests.browser.look import describe, find_intrusions, find_spilt_paint, find_wide
from tests.conformance.signing import key_of
from tests.support.browsers import CHROMIUM, Browser, Browsers
from tests.support.client import Client
from tests.support.relays import OPEN_HOUSE, relay_on

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

# As wide as a phone, and high enough for most of what a page shows.
TALL = (390, 3_000)
# What authors post in minutes comes here in a second.
LIMITS = {**OPEN_HOUSE["limits"], "ring_links_per_s": 1e9, "pow_hashes_per_row": 0, "max_message_bytes": 2**20}
# Keys whose names are markup, bidirectional, towers, and wide.
NAMED = (0, 2, 4, 11)
ODD = {"bidi", "zero width", "towers", "wide", "right to left", "emoji", "cjk"}


@pytest_asyncio.fixture
async def pages(database18: dict[str, Any]) -> AsyncIterator[dict[str, str]]:
    """Post all hostile notes, and give the pages that show them, by name."""
    notes = dict(list_hostile_notes())
    ring = {"max_age_message_forms_s": 0}
    async with relay_on(database18, accept={"plain": True}, ring=ring, limits=LIMITS) as url:
        async with Client(url) as author:
            await author.publish_all(*notes.values())
        site = url.replace("ws", "http", 1)
        yield {
            "feed": f"{site}/",
            "ring": f"{site}/ring/{to_ring_id([key_of(number) for number in RING])}",
            **{f"key {number}": f"{site}/key/{encode_npub(key_of(number))}" for number in NAMED},
            **{name: f"{site}/note/{note.id}" for name, note in notes.items() if note.kind not in (0, 1018)},
        }


def is_like_another(name: str) -> bool:
    """Return whether a page shows a text as another page does: what is shown of notes does not depend on their form."""
    return name.startswith(("nip97", "nostringer", "text", "tags", "response"))


def has_odd_letters(name: str) -> bool:
    """Return whether letters on a page may reach out of their lines."""
    kind, _, text = name.partition(", ")
    return kind.startswith(("feed", "ring", "answered", "key")) or (kind in ("bound", "poll") and text in ODD)


async def visit(browser: Browser, pages: dict[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is wrong with each page, by what kind of fault it is."""
    found: dict[str, dict[str, Any]] = {"intrusions": {}, "faults": {}, "requests": {}, "paint": {}}
    async with browser.page() as blank, browser.page(TALL) as page:
        requests = faults = 0
        for name, url in pages.items():
            # Where most runs, all is looked at.
            is_all = browser.settings.name == CHROMIUM and browser.settings.script
            if not is_all and is_like_another(name):
                continue
            assert await page.open(url) == 200, name
            found["intrusions"][name] = await find_intrusions(page) + await find_wide(page)
            asked = (await page.list_requests())[requests:]
            found["requests"][name] = [other for other in asked if urlsplit(other).netloc != urlsplit(url).netloc]
            if browser.settings.script and has_odd_letters(name):
                found["paint"][name] = await find_spilt_paint(page, blank, folder)
            found["faults"][name] = (await page.list_faults())[faults:]
            requests, faults = requests + len(asked), faults + len(found["faults"][name])
    return found


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_no_words_are_more_than_words(
    browsers: Browsers, browser_name: str, pages: dict[str, str], tmp_path: Path, script: bool
) -> None:
    browser = browsers.get(browser_name, script=script)
    found = await visit(browser, pages, tmp_path)
    assert {kind: describe(pages) for kind, pages in found.items()} == dict.fromkeys(found, "")
    assert await browser.list_strays() == []
