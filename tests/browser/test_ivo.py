"""Ivo's story (an employee, at home): he gets the file that signs, checks it, signs offline, and posts in another browser."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relay.client.signing.verify_event import verify_note
from relay.protocol.event import decode_event
from tests.support import command
from tests.support.browsers import PHONE, Browsers
from tests.support.client import Client
from tests.support.paid import Shop, shop
from tests.support.sign_page import SignPage, make_author
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

WORDS = "The third report was changed on 3 May.  Nobody said why."
PAID_BOUND_S = scaled(30.0)


@pytest_asyncio.fixture
async def sold(database18: dict[str, Any], tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(database18, tmp_path) as sold:
        yield sold


def compute_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


async def download(browsers: Browsers, browser_name: str, url: str, folder: Path) -> Path:
    """Download the file into a folder, and compare its hash with the page's and with the one of his own installation."""
    async with browsers.get(browser_name, script=False).page() as page:
        assert await page.open(f"{url}/sign") == 200
        shown = await page.find_text("main")
        file = Path(shutil.move(await page.download("a[download]"), folder))
        digest = compute_hash(file)
        assert digest in shown
    assert digest in (await command.run("--version")).out
    return file


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_ivo_signs_offline_posts_and_pays(
    browsers: Browsers, browser_name: str, sold: Shop, tmp_path: Path, script: bool
) -> None:
    url = sold.url.replace("ws", "http", 1)
    author = make_author(7)
    ring = tmp_path / "ring.txt"
    ring.write_text(f"# colleagues\n{author.ring_text}")
    file = await download(browsers, browser_name, url, tmp_path)

    offline = browsers.get(browser_name, loopback=False)
    async with offline.page() as page:
        await page.open(file.as_uri())
        signing = SignPage(page)
        await signing.use_key(author)
        await page.attach("#ring-file", ring)
        await page.wait_for_text("7 keys", "#ring-status")
        await page.paste("#words", WORDS)
        await signing.look_over()
        # He sees that the ring is small, that he named a day, and his two spaces.
        assert len(await signing.list_said("#warning-list")) == 3
        note = await signing.sign()
        assert await page.list_faults() == []
    assert await offline.list_strays() == []

    # In another browser, which never saw the key, and with the text alone.
    async with browsers.get(browser_name, script=script).page(PHONE) as page, Client(sold.expensive) as reader:
        assert await page.open(f"{url}/post?path=/10k") == 200
        await page.paste("#note", note)
        if script:
            await page.click("#send")
            await page.wait_for("() => document.querySelector('#outcome a') !== null")
            await page.follow("#outcome a")
        else:
            await page.follow("#send")
        invoice = (await page.find_text("#invoice")).strip()
        await sold.node.pay(invoice)
        await page.wait_for_text("Your note is published", "h1", PAID_BOUND_S)
        (published,) = await reader.fetch({"kinds": [1]})
    assert published["content"] == WORDS
    assert set(verify_note(decode_event(note)).ring) == set(author.ring)
