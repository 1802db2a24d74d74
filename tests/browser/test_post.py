"""The page for posting in each browser, by WebSocket with script and by form without: from a pasted note to its page."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from relay.protocol.nip19 import encode_nsec
from tests.support.browsers import NARROW, Browsers, Page
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.paid import Shop, shop
from tests.support.raw import port_of
from tests.support.relays import read_metric
from tests.support.tls import make_tls
from tests.support.waiting import until

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
EVENTS_BY_WEBSOCKET = 'ringrelay_messages_total{verb="EVENT"}'


@pytest_asyncio.fixture
async def sold(database18: dict[str, Any], tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(database18, tmp_path) as sold:
        yield sold


@asynccontextmanager
async def behind_tls(relay_port: int, directory: Path) -> AsyncIterator[str]:
    """Run what a TLS proxy in front of a relay does, and give its address."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay_reader, relay_writer = await asyncio.open_connection("127.0.0.1", relay_port)
        await asyncio.gather(copy(reader, relay_writer), copy(relay_reader, writer))

    context = make_tls(directory)
    async with await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


async def post(page: Page, url: str, text: str, path: str = "/") -> None:
    """Paste a text and press the button, as a person does."""
    assert await page.open(f"{url}/post?path={path}") == 200
    await page.paste("#note", text)
    await page.click("#send")


def to_web(url: str) -> str:
    return url.replace("ws", "http", 1)


@SCRIPT
async def test_a_note_is_posted_and_leads_to_its_page(
    browsers: Browsers, browser_name: str, sold: Shop, script: bool
) -> None:
    note = make_ring_note("Größe €")
    async with browsers.get(browser_name, script=script).page(NARROW) as page, Client(sold.url) as reader:
        await post(page, to_web(sold.url), json.dumps(as_json(note), indent=2))
        if script:
            await page.wait_for_text("The note is published.", "#outcome")
            assert await page.follow("#outcome a") == 200
        await page.wait_for_text("Größe €")
        assert await reader.fetch({}) == [as_json(note)]
        assert read_metric(sold.relay, EVENTS_BY_WEBSOCKET) == script
        assert await page.list_faults() == []
        assert {urlsplit(asked).netloc for asked in await page.list_requests()} == {urlsplit(sold.url).netloc}


@SCRIPT
async def test_a_note_with_a_price_leads_to_its_pay_page_and_is_published_once_it_is_paid_for(
    browsers: Browsers, browser_name: str, sold: Shop, script: bool
) -> None:
    note = make_ring_note("paid for")
    async with browsers.get(browser_name, script=script).page() as page:
        await post(page, to_web(sold.url), json.dumps(as_json(note)), "/1k")
        if script:
            await page.wait_for_text("has a price here", "#outcome")
            assert await page.follow("#outcome a") == 200
        await page.wait_for_text("Waiting for your payment", "h1")
        await sold.node.pay(await page.find_text("#invoice"))
        await page.wait_for_text("Your note is published", "h1", bound_s=60)
        assert await page.list_faults() == []


@SCRIPT
async def test_a_refusal_is_in_the_relays_words_and_the_note_stays_in_the_field(
    browsers: Browsers, browser_name: str, sold: Shop, script: bool
) -> None:
    text = json.dumps(as_json(make_event()))
    async with browsers.get(browser_name, script=script).page() as page:
        await post(page, to_web(sold.url), text)
        words = "blocked: this relay only accepts ring-signed notes; sign it with a ring"
        await page.wait_for_text(words, "#outcome" if script else "#problem")
        assert await page.evaluate("() => document.getElementById('note').value") == text
        assert await page.list_faults() == []


@SCRIPT
async def test_a_secret_key_is_refused_and_taken_away(
    browsers: Browsers, browser_name: str, sold: Shop, script: bool
) -> None:
    async with browsers.get(browser_name, script=script).page() as page:
        await post(page, to_web(sold.url), encode_nsec(KEYS[0].secret))
        await page.wait_for_text("It was not sent." if script else "consider it lost")
        assert await page.evaluate("() => document.getElementById('note').value") == ""
        assert "nsec1" not in await page.evaluate("() => document.documentElement.outerHTML")
        assert read_metric(sold.relay, EVENTS_BY_WEBSOCKET) == 0
        requests = await page.list_requests()
        assert len([url for url in requests if url.endswith("/post")]) == (0 if script else 1)


async def test_over_tls_the_note_goes_by_websocket_too(
    browsers: Browsers, browser_name: str, sold: Shop, tmp_path: Path
) -> None:
    note = make_ring_note()
    async with (
        behind_tls(port_of(sold.url), tmp_path) as url,
        browsers.get(browser_name, insecure=True).page() as page,
        Client(sold.url) as reader,
    ):
        await post(page, url, json.dumps(["EVENT", as_json(note)]))
        await page.wait_for_text("The note is published.", "#outcome")
        assert await reader.fetch({}) == [as_json(note)]
        assert read_metric(sold.relay, EVENTS_BY_WEBSOCKET) == 1
        assert await page.list_faults() == []


async def test_where_no_websocket_can_be_had_the_form_is_sent(
    browsers: Browsers, browser_name: str, sold: Shop
) -> None:
    note = make_ring_note()
    async with browsers.get(browser_name).page() as page, Client(sold.url) as reader:
        url = to_web(sold.url)
        assert await page.open(f"{url}/post") == 200
        await page.evaluate("() => { window.WebSocket = class { constructor() { throw new Error('forbidden') } } }")
        await page.paste("#note", json.dumps(as_json(note)))
        await page.click("#send")
        await page.wait_for_text("Press the button again", "#outcome")
        await page.click("#send")

        async def is_there() -> bool:
            return await reader.fetch({}) == [as_json(note)]

        await until(is_there)
        assert read_metric(sold.relay, EVENTS_BY_WEBSOCKET) == 0
        assert await page.list_faults() == []


async def test_what_travels_by_websocket_has_one_of_four_sizes(
    browsers: Browsers, browser_name: str, sold: Shop
) -> None:
    measure = """
    () => {
      window.sizes = [];
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data) {
        window.sizes.push(new TextEncoder().encode(data).length);
        return send.call(this, data);
      };
    }
    """
    async with browsers.get(browser_name).page() as page:
        assert await page.open(f"{to_web(sold.url)}/post") == 200
        await page.evaluate(measure)
        for content in ("a", "ä" * 4_000, "a" * 30_000):
            await page.paste("#note", json.dumps(as_json(make_ring_note(content)), ensure_ascii=False))
            await page.click("#send")
            await page.wait_for_text("The note is published.", "#outcome")
            await page.evaluate("() => document.getElementById('outcome').replaceChildren()")
        assert await page.evaluate("() => window.sizes") == [4_096, 16_384, 65_536]
