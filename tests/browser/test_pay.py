"""The pay page in each browser, with script and without: from the invoice to the published note."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.support.browsers import NARROW, Browsers
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.paid import Shop, order, shop
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

# A page without script asks again this often, and a little.
REFRESH_BOUND_S = scaled(30.0)


@pytest_asyncio.fixture
async def sold(database18: dict[str, Any], tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(database18, tmp_path) as sold:
        yield sold


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_payer_sees_the_note_published(browsers: Browsers, browser_name: str, sold: Shop, script: bool) -> None:
    browser = browsers.get(browser_name, script=script)
    async with Client(sold.expensive) as author, browser.page(NARROW) as page:
        offer = await order(author, make_ring_note())
        assert await page.open(offer.pay_url) == 200
        assert await page.find_text("h1") == "Waiting for your payment"
        assert offer.bolt11 in await page.find_text("#invoice")
        assert bool(await page.find_text("#copy")) == script
        assert await page.evaluate("() => document.documentElement.scrollWidth") == NARROW[0]
        await sold.node.pay(offer.bolt11)
        await page.wait_for_text("Your note is published", "h1", REFRESH_BOUND_S)
        assert await page.list_faults() == []
        hosts = {urlsplit(url).netloc for url in await page.list_requests()}
        assert hosts == {urlsplit(offer.pay_url).netloc}
    assert await browser.list_strays() == []
