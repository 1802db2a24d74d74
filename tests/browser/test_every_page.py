"""Every page of a relay with notes on it: for eyes and hands of all kinds (WCAG 2.2 AA), and with nothing from elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from relay.pages.language import LANGUAGES
from relay.protocol.event import encode_event
from tests.browser.look import find_wide
from tests.browser.seeded_relay import SeededRelay, seeded_relay
from tests.support.browsers import CHROMIUM, NARROW, PHONE, WIDE, Browser, Browsers, Page
from tests.support.events import make_ring_note

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

IS_THERE = "(selector) => document.querySelector(selector) !== null"
UNFOLD = "() => { for (const folded of document.querySelectorAll('details')) folded.open = true; }"
# What the keyboard must reach: of radio buttons with one name one, and the others by arrow keys.
LIST_CONTROLS = """
() => {
  const wanted = "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])";
  const controls = [...document.querySelectorAll(wanted)].filter((control) =>
    !control.disabled && control.type !== "hidden" && control.tabIndex >= 0
    && control.checkVisibility({ visibilityProperty: true }));
  window.controls = controls.filter((control) => control.type !== "radio"
    || (control.form ?? document).querySelector(`input[name="${control.name}"]:checked`) === control
    || controls.find(({ type, name, form }) => type === "radio" && name === control.name && form === control.form) === control);
  return window.controls.map((control) => control.outerHTML.slice(0, 200));
}
"""
# Which of them has the focus, and whether that is to be seen.
FIND_FOCUS = """
() => {
  const control = document.activeElement;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(control);
  const box = control.getBoundingClientRect();
  const isMarked = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && !/rgba\\(.*, 0\\)/.test(outlineColor);
  const isOnScreen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return { number: window.controls.indexOf(control), isShown: isMarked && isOnScreen };
}
"""


@pytest_asyncio.fixture
async def relay(database18: dict[str, Any], tmp_path: Path) -> AsyncIterator[SeededRelay]:
    async with seeded_relay(database18, tmp_path) as relay:
        yield relay


async def visit(browser: Browser, relay: SeededRelay, size: tuple[int, int]) -> AsyncIterator[tuple[str, Page]]:
    """Open every page in turn, with all that is folded on it."""
    async with browser.page(size) as page:
        for name, place in relay.list_pages().items():
            await page.resize(size)
            assert await page.open(place.url) == place.status, name
            if browser.settings.script:
                await page.wait_for(IS_THERE, place.ready)
            await page.evaluate(UNFOLD)
            yield name, page


@pytest.mark.parametrize("language", LANGUAGES)
async def test_axe_core_finds_nothing_wrong(browsers: Browsers, relay: SeededRelay, language: str) -> None:
    found = []
    async for name, page in visit(browsers.get(CHROMIUM, languages=language), relay, WIDE):
        # Files have the language that they were made in.
        if name not in ("evidence file", "file that signs"):
            assert await page.evaluate("() => document.documentElement.lang") == language
        for size in (WIDE, PHONE):
            await page.resize(size)
            found += [(name, size[0], fault) for fault in await page.audit()]
    assert found == []


async def test_axe_core_finds_no_fault_of_colour_in_the_dark(browsers: Browsers, relay: SeededRelay) -> None:
    found = []
    async for name, page in visit(browsers.get(CHROMIUM, dark=True), relay, PHONE):
        found += [(name, fault) for fault in await page.audit("color-contrast", "link-in-text-block")]
    assert found == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_is_wider_than_a_narrow_screen(
    browsers: Browsers, browser_name: str, relay: SeededRelay, language: str
) -> None:
    found = {}
    async for name, page in visit(browsers.get(browser_name, languages=language), relay, NARROW):
        found[name] = await find_wide(page)
    assert {name: wide for name, wide in found.items() if wide} == {}


async def test_every_control_is_reached_by_keyboard_and_is_seen_to_be(
    browsers: Browsers, browser_name: str, relay: SeededRelay
) -> None:
    unreached, unseen = {}, {}
    async for name, page in visit(browsers.get(browser_name), relay, WIDE):
        controls = await page.evaluate(LIST_CONTROLS)
        reached, hidden = set(), set()
        for _ in controls:
            await page.press("Tab")
            focus = await page.evaluate(FIND_FOCUS)
            reached.add(focus["number"])
            if not focus["isShown"]:
                hidden.add(focus["number"])
        unreached[name] = [control for number, control in enumerate(controls) if number not in reached]
        unseen[name] = [control for number, control in enumerate(controls) if number in hidden]
    assert {name: controls for name, controls in unreached.items() if controls} == {}
    assert {name: controls for name, controls in unseen.items() if controls} == {}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_nothing_goes_wrong_and_nothing_is_fetched_from_elsewhere(
    browsers: Browsers, browser_name: str, relay: SeededRelay, script: bool
) -> None:
    browser = browsers.get(browser_name, script=script)
    # Without script a page is its text, its style and its icon.
    own = (relay.url,) if script else (f"{relay.url}/static/page.", f"{relay.url}/static/icon.")
    pages = {place.url for place in relay.list_pages().values()}
    async for name, page in visit(browser, relay, PHONE):
        assert await page.list_faults() == [], name
        asked = [url for url in await page.list_requests() if url not in pages and urlsplit(url).scheme != "blob"]
        assert [url for url in asked if not url.startswith(own)] == [], name
    assert await browser.list_strays() == []


async def test_axe_core_finds_nothing_wrong_with_what_the_form_answers(browsers: Browsers, relay: SeededRelay) -> None:
    note = encode_event(make_ring_note("By the form.")).decode()
    async with browsers.get(CHROMIUM).page(PHONE) as page:
        for posted, answer in ((note.replace("By", "Not by"), "#problem"), (note, "main a[href^='/note/']")):
            await page.open(f"{relay.url}/post")
            await page.paste("#note", posted)
            # As where no script runs.
            await page.evaluate("() => HTMLFormElement.prototype.submit.call(document.querySelector('#post'))")
            await page.wait_for(IS_THERE, answer)
            assert await page.audit() == []
            assert await find_wide(page) == []
