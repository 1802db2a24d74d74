"""Notes that try to be more than text, verified by a browser: pasted into /verify, and in evidence files. Nothing of them runs."""

from pathlib import Path
from typing import Any

import pytest

from relay.pages.evidence_file import build_evidence
from relay.protocol.event import Event, encode_event
from tests.browser.hostile.notes import list_hostile_notes
from tests.browser.look import describe, find_intrusions, find_spilt_paint, find_wide
from tests.support.browsers import Browsers, Page
from tests.support.relays import relay_on
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

# As wide as a phone, and high enough for most of what a verdict shows.
TALL = (390, 3_000)
BOUND_S = scaled(120.0)
# Plain notes get no verdict with words.
NOTES = {name: note for name, note in list_hostile_notes() if note.kind != 0}
# Letters that may reach out of their lines.
ODD = ("bidi", "zero width", "towers", "wide", "right to left")
# What the file itself has inside it, and what no page of a relay has.
OF_THE_FILE = ("<script>", "<style>", "<meta http-equiv", '<a class="button" id="download"')


async def wait_for_verdict(page: Page) -> str:
    await page.wait_for("() => document.querySelector('#outcome h2') !== null", bound_s=BOUND_S)
    return await page.find_text("#outcome h2")


async def look(page: Page, blank: Page, name: str, folder: Path) -> list[Any]:
    """Return what is wrong with a verdict on the screen."""
    found: list[Any] = [
        fault
        for fault in await find_intrusions(page) + await find_wide(page)
        if not any(own in fault for own in OF_THE_FILE)
    ]
    if name.startswith("bound") and name.endswith(ODD):
        found += filter(None, [await find_spilt_paint(page, blank, folder)])
        # It has hidden the texts, of which one is the relay's name.
        await page.evaluate(
            "() => { for (const hidden of document.querySelectorAll('[style]')) hidden.removeAttribute('style') }"
        )
    return found


async def test_no_words_in_a_verdict_are_more_than_words(
    browsers: Browsers, browser_name: str, database18: dict[str, Any], tmp_path: Path
) -> None:
    browser = browsers.get(browser_name)
    found: dict[str, Any] = {}
    async with relay_on(database18) as url, browser.page() as blank, browser.page(TALL) as page:
        site = url.replace("ws", "http", 1)
        await page.open(f"{site}/verify")
        for name, note in NOTES.items():
            await page.paste("#pasted", encode_event(note).decode())
            await page.click("#start")
            assert (await wait_for_verdict(page)).startswith("One of these"), name
            found[name] = await look(page, blank, name, tmp_path)
        found["faults"] = await page.list_faults()
        found["requests"] = [request for request in await page.list_requests() if not request.startswith(site)]
    assert describe(found) == ""


async def test_no_words_in_an_evidence_file_are_more_than_words(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    browser = browsers.get(browser_name, loopback=False)
    found: dict[str, Any] = {}
    async with browser.page() as blank, browser.page(TALL) as page:
        for name, note in NOTES.items():
            path = write(note, tmp_path)
            await page.open(path.as_uri())
            assert (await wait_for_verdict(page)).startswith("One of these"), name
            found[name] = await look(page, blank, name, tmp_path)
        found["faults"] = await page.list_faults()
        asked = await page.list_requests()
        found["requests"] = [request for request in asked if not request.startswith((tmp_path.as_uri(), "blob:"))]
    assert describe(found) == ""


def write(note: Event, folder: Path) -> Path:
    path = folder / "evidence.html"
    path.write_bytes(build_evidence(encode_event(note)))
    return path
