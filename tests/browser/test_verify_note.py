"""A note's page, verified once more by the reader's browser, which compares what the page shows with what is signed."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from coincurve import PrivateKey

from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol.event import Event, encode_event
from relay.protocol.ring_terms import Form
from tests.support.browsers import Browser, Browsers, Page
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

WORDS = "We have known since March.\n\n<b>Really</b>: \u202eyes\u200b, 👩\u200d🔬 said so."
NOTE = make_ring_note(WORDS)
# In the message-only forms the words in the box are not the content.
AS_TEXT = make_message_note(
    Draft(
        ring=make_ring(5),
        secret=KEYS[2].secret,
        content="Said by one of us.\nIn two lines.",
        created_at=int(time.time()),
        form=Form.TEXT,
    ),
    PrivateKey(),
)
ARTICLE = make_ring_note("# A title\n\nSome *words*.", kind=30_023, tags=(("d", "a"), ("title", "Long")))
LONG = make_ring_note("A line of many.\n" * 300)
PLAIN = make_event(content="signed by one key")


@pytest_asyncio.fixture
async def url(database18: dict[str, Any]) -> AsyncIterator[str]:
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as author:
        await author.publish_all(NOTE, AS_TEXT, ARTICLE, LONG, PLAIN)
        yield url.replace("ws", "http", 1)


@pytest.fixture
def browser(browsers: Browsers, browser_name: str) -> Browser:
    return browsers.get(browser_name)


async def verify(page: Page, url: str, note: Event) -> str:
    """Open a note's page, verify, and return the verdict."""
    assert await page.open(f"{url}/note/{note.id}") == 200
    return await click(page)


async def click(page: Page) -> str:
    await page.click("#start")
    await page.wait_for("() => document.querySelector('#outcome h2') !== null", bound_s=scaled(60.0))
    return await page.find_text("#outcome")


async def test_the_browser_confirms_what_the_page_shows(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        for note in (NOTE, AS_TEXT, LONG):
            verdict = await verify(page, url, note)
            assert verdict.startswith("One of these 5 keys signed exactly the words in the box.")
            assert "This page shows these very words." in verdict
            assert "Verified by this relay and again by your browser. Nobody can tell which." in verdict
        assert all(request.startswith(url) for request in await page.list_requests())
        assert await page.list_faults() == []


async def test_an_article_is_shown_formatted_and_its_source_is_in_the_box(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        verdict = await verify(page, url, ARTICLE)
        assert "This page shows the words formatted." in verdict
        assert await page.find_text("#outcome pre") == ARTICLE.content
        assert await page.list_faults() == []


async def test_a_page_that_shows_other_words_is_said_to(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/note/{NOTE.id}")
        await page.evaluate("() => { document.querySelector('[data-shown-words]').textContent = 'Other words.' }")
        verdict = await click(page)
        assert "This page shows something else than what was signed." in verdict
        assert (await page.find_text("#outcome pre")).startswith("We have known since March.")


async def test_the_note_and_its_evidence_are_offered_as_files(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/note/{NOTE.id}")
        kept = await page.download(f'a[href="/note/{NOTE.id}.json"]')
        assert kept.read_bytes() == encode_event(NOTE)
        kept = await page.download(f'a[href="/note/{NOTE.id}/evidence.html"]')
        assert b"<!doctype html>" in kept.read_bytes()


async def test_without_script_the_page_is_whole_and_has_no_button_that_does_nothing(
    browsers: Browsers, browser_name: str, url: str
) -> None:
    async with browsers.get(browser_name, script=False).page() as page:
        await page.open(f"{url}/note/{NOTE.id}")
        assert "Verified by this relay." in await page.find_text("main")
        assert await page.find_text("#verify-note") == ""
        assert f"/note/{NOTE.id}/evidence.html" in await page.evaluate("() => document.body.innerHTML")


async def test_a_note_that_no_ring_signed_is_not_offered_to_be_verified(browser: Browser, url: str) -> None:
    async with browser.page() as page:
        await page.open(f"{url}/note/{PLAIN.id}")
        assert await page.evaluate("() => document.querySelector('#verify-note')") is None


async def test_the_verdict_is_accessible(browsers: Browsers, url: str) -> None:
    async with browsers.get("chromium").page() as page:
        await verify(page, url, NOTE)
        assert await page.audit() == []
