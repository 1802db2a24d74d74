"""The pay page in a real browser: what a payer sees, from the open invoice to the published note, with JavaScript and without."""

import base64
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
import zxingcpp
from nostr_sdk import Nip19Event

from tests.support.chromium import Browser, Tab, chromium
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.paid import order, shop
from tests.support.time_factor import scaled
from tests.support.waiting import until

MINUTES_LEFT = 12
# A page without JavaScript asks again this often, and a little.
BOUND_S = scaled(20.0)
REFRESH_BOUND_S = scaled(30.0)
# Draws a picture, and gives its size and the brightness of its dots.
READ_PICTURE = """
(async () => {
  const bitmap = await createImageBitmap(await (await fetch("data:image/png;base64,%s")).blob());
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const dots = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  let text = "";
  for (let at = 0; at < dots.length; at += 4) text += String.fromCharCode(dots[at]);
  return [bitmap.width, bitmap.height, btoa(text)];
})()
"""


@dataclass(frozen=True)
class Payment:
    """A note that is to be paid for: where its page is, and what makes the relay say something else of it."""

    url: str
    bolt11: str
    note_id: str
    pay: Callable[[], Awaitable[None]]
    publish: Callable[[], Awaitable[None]]
    expire: Callable[[], Awaitable[None]]


@pytest_asyncio.fixture
async def payment(database18: dict[str, Any], tmp_path: Path) -> AsyncIterator[Payment]:
    """Order a note of a relay that publishes by the hour, so that a paid note waits until the test says so."""
    note = make_ring_note()
    sections: dict[str, Any] = {"invoices": {"expiry_s": 60 * MINUTES_LEFT}, "privacy": {"publish_every_s": 3_600}}
    async with shop(database18, tmp_path, **sections) as sold, Client(sold.expensive) as author:
        offer = await order(author, note)

        async def expire() -> None:
            """Let the invoice expire, and leave the payer the grace."""
            connection = await asyncpg.connect(**database18)
            await connection.execute("UPDATE invoices SET expires_at = $1", int(time.time()) - 1)
            await connection.close()

        yield Payment(
            offer.pay_url,
            offer.bolt11,
            note.id,
            pay=lambda: sold.node.pay(offer.bolt11),
            publish=lambda: sold.relay.publisher.publish(int(time.time())),
            expire=expire,
        )


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium("the pay page was not opened in a browser") as browser:
        yield browser


@pytest_asyncio.fixture
async def tab(browser: Browser) -> Tab:
    return await browser.open_tab()


async def wait_for_heading(tab: Tab, words: str, bound_s: float = BOUND_S) -> None:
    heading = ""

    async def is_shown() -> bool:
        nonlocal heading
        heading = await tab.find_text("h1")
        return words in heading

    try:
        await until(is_shown, bound_s)
    except TimeoutError:
        requests = len(tab.list_requests())
        pytest.fail(f"after {bound_s:g} s and {requests} requests the heading is {heading!r}, not {words!r}")


def check_that_all_went_well(tab: Tab, payment: Payment) -> None:
    assert tab.list_faults() == []
    assert {urlsplit(url).netloc for url in tab.list_requests()} == {urlsplit(payment.url).netloc}


async def read_qr(browser: Browser, tab: Tab) -> str:
    """Read the code from a picture of the page, as a wallet's camera does."""
    width, height, dots = await (await browser.open_tab()).evaluate(READ_PICTURE % await tab.take_picture())
    image = memoryview(base64.b64decode(dots)).cast("B", (height, width))
    # Not every wallet reads light modules on a dark ground.
    (code,) = zxingcpp.read_barcodes(image, try_invert=False)
    return str(code.text)


async def test_a_payer_sees_the_note_published_without_doing_anything(tab: Tab, payment: Payment) -> None:
    await tab.open(payment.url)
    await tab.evaluate("window.stillHere = true")
    assert await tab.find_text("h1") == "Waiting for your payment"
    assert payment.bolt11 in await tab.find_text("#invoice")
    await payment.pay()
    await wait_for_heading(tab, "Paid")
    assert payment.bolt11 not in await tab.evaluate("document.documentElement.outerHTML")
    assert "Paid" in await tab.evaluate("document.title")
    await payment.publish()
    await wait_for_heading(tab, "Your note is published")
    link = await tab.evaluate("document.querySelector('a[href^=\"nostr:\"]').href")
    assert Nip19Event.from_nostr_uri(link).event_id().to_hex() == payment.note_id
    # It was one page all the time.
    assert await tab.evaluate("window.stillHere")
    check_that_all_went_well(tab, payment)


async def test_the_countdown_runs(tab: Tab, payment: Payment) -> None:
    await tab.open(payment.url)
    first = await tab.find_text("#left")
    assert re.fullmatch(r"\d+:\d\d", first)

    async def has_gone_on() -> bool:
        return await tab.find_text("#left") < first

    await until(has_gone_on)
    check_that_all_went_well(tab, payment)


@pytest.mark.parametrize("clipboard", ["at hand", "refused"])
async def test_the_button_copies_the_invoice(browser: Browser, tab: Tab, payment: Payment, clipboard: str) -> None:
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    await browser.call("Browser.grantPermissions", permissions=permissions)
    await tab.open(payment.url)
    await tab.call("Page.bringToFront")
    if clipboard == "refused":
        # As on a page without TLS.
        await tab.evaluate("void (navigator.clipboard.writeText = undefined)")
    await tab.click("#copy")

    async def is_copied() -> bool:
        return bool(await tab.find_text("#copied") == "Copied")

    await until(is_copied)
    assert await tab.evaluate("navigator.clipboard.readText()") == payment.bolt11
    check_that_all_went_well(tab, payment)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_code_can_be_read_off_a_narrow_screen(
    browser: Browser, tab: Tab, payment: Payment, scheme: str
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    await tab.call("Emulation.setEmulatedMedia", features=features)
    await tab.call("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=2, mobile=True)
    await tab.open(payment.url)
    assert await tab.evaluate("document.documentElement.scrollWidth") == 320
    assert await read_qr(browser, tab) == f"LIGHTNING:{payment.bolt11.upper()}"
    check_that_all_went_well(tab, payment)


async def test_a_page_whose_invoice_is_gone_shows_none_and_goes_on_asking(tab: Tab, payment: Payment) -> None:
    await tab.open(payment.url)
    await payment.expire()
    await wait_for_heading(tab, "Nothing to pay here")
    assert await tab.evaluate("document.querySelector('svg, #invoice')") is None
    # Its payment was under way when the invoice expired.
    await payment.pay()
    await wait_for_heading(tab, "Paid")
    check_that_all_went_well(tab, payment)


async def test_an_invoice_is_taken_away_when_it_expires_though_the_relay_is_silent(tab: Tab, payment: Payment) -> None:
    await tab.open(payment.url)
    await tab.call(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await tab.evaluate(f"(now => {{ Date.now = () => now() + {60_000 * MINUTES_LEFT} }})(Date.now)")
    await wait_for_heading(tab, "The invoice has expired")
    assert await tab.evaluate("document.querySelector('svg, #invoice, a[href^=\"lightning:\"]')") is None

    async def is_told() -> bool:
        return "does not answer" in await tab.find_text("#trouble")

    await until(is_told, scaled(40.0))
    assert tab.list_faults() == []


async def test_a_payer_without_javascript_sees_the_same(tab: Tab, payment: Payment) -> None:
    await tab.call("Emulation.setScriptExecutionDisabled", value=True)
    await tab.open(payment.url)
    text = await tab.find_text("main")
    assert re.search(r"expires in about 1\d minutes", text)
    assert payment.bolt11 in text
    assert "Copy" not in text
    await payment.pay()
    await wait_for_heading(tab, "Paid", REFRESH_BOUND_S)
    await payment.publish()
    await wait_for_heading(tab, "Your note is published", REFRESH_BOUND_S)
    assert "nostr:nevent1" in await tab.find_text("#note")
    check_that_all_went_well(tab, payment)
