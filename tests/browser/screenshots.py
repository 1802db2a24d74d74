"""Pictures of every page, to be looked at by people: `python -m tests.browser.screenshots FOLDER [NAME...]`.

Each page is taken at 390 and 1280 pixels, light and dark, of a relay that notes were posted on. A name, or a part of one,
takes those pages only; `--languages es` takes them in Spanish. `--documents` makes the pictures of docs/pages.md instead.
Needs Node and Chromium.
"""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from relay.protocol.event import encode_event
from tests.browser.seeded_relay import SeededRelay, seeded_relay
from tests.support.browsers import CHROMIUM, PHONE, WIDE, Browser, Browsers
from tests.support.postgres_servers import Directories, Servers

# Of docs/pages.md, in pixels.
PICTURE = (390, 640)
# So that a picture shows no date.
UNDATE = """
() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode())
    text.data = text.data.replace(/\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d/, "2030-01-31 12:00");
}
"""


async def take_all(relay: SeededRelay, browser: Browser, folder: Path, wanted: list[str]) -> None:
    """Write a picture of every wanted page in both sizes."""
    colours = "dark" if browser.settings.dark else "light"
    for name, place in relay.list_pages().items():
        if wanted and not any(part in name for part in wanted):
            continue
        async with browser.page() as page:
            await page.open(place.url)
            await page.wait_for("(selector) => document.querySelector(selector) !== null", place.ready)
            for size in (PHONE, WIDE):
                await page.resize(size)
                file = folder / f"{re.sub(r'[^a-z0-9]+', '-', name)}-{size[0]}-{colours}.png"
                await page.take_picture(file)
                print(file)


async def take_for_documents(relay: SeededRelay, browser: Browser, folder: Path) -> None:
    """Write what docs/pages.md shows: a feed, a note, and the verdict of a browser."""
    pages = relay.list_pages()
    async with browser.page(PICTURE) as page:
        await page.open(pages["feed"].url)
        await page.evaluate(UNDATE)
        await page.take_picture(folder / "feed.png", whole=False)
        await page.open(pages["note, forty"].url)
        await page.evaluate(UNDATE)
        await page.take_picture(folder / "note.png", whole=False)
        await page.open(pages["verify"].url)
        await page.paste("#pasted", encode_event(relay.notes.free["forty"]).decode())
        await page.click("#start")
        await page.wait_for_text("One of these 40 keys", "#outcome")
        await page.evaluate(UNDATE)
        await page.evaluate("() => document.querySelector('#outcome').scrollIntoView()")
        await page.take_picture(folder / "verdict.png", whole=False)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--documents", action="store_true")
    parser.add_argument("--languages", default="en")
    arguments = parser.parse_intermixed_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    directories = Directories()
    servers = Servers(directories.root)
    browsers = Browsers("no picture was made")
    try:
        server = await servers.get("postgres 18")
        with tempfile.TemporaryDirectory() as node:
            async with server.database() as database, seeded_relay(database, Path(node)) as relay:
                if arguments.documents:
                    await take_for_documents(relay, browsers.get(CHROMIUM), arguments.folder)
                    return
                for dark in (False, True):
                    browser = browsers.get(CHROMIUM, dark=dark, languages=arguments.languages)
                    await take_all(relay, browser, arguments.folder, arguments.names)
    finally:
        browsers.close()
        await servers.stop()
        directories.close()


if __name__ == "__main__":
    asyncio.run(main())
