"""What the tests of the pages rely on: the browsers hide no fault, no request and no script from them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.support.browsers import FIREFOX, NARROW, Browsers

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

STYLE = "h1 { color: rgb(200, 0, 0) } @media (prefers-color-scheme: dark) { h1 { color: rgb(0, 0, 200) } }"
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
FORM = f"""{HEAD}<title>A form</title><link rel="stylesheet" href="/page.css">
<h1>before</h1><form action="/sent"><input id="words" name="words"><input id="file" type="file"><button>Send</button></form>
<a href="/saved.json" download>Keep</a>
<script>document.querySelector("h1").textContent = "after"</script>
"""
FAULTY = (
    HEAD
    + """<title>Faults</title><img src="http://elsewhere.example/picture.png">
<script>
  new Worker(URL.createObjectURL(new Blob(["fetch('http://elsewhere.example/from-worker').catch(() => {})"])));
  console.error("complaint");
  setTimeout(() => { throw new Error("mishap") });
  alert("in the way");
</script>
"""
)
# Its policy refuses the script and the picture.
GUARDED = (
    HEAD
    + """<title>Guarded</title><script>document.title = "ran"</script>
<img src="/picture.png">
"""
)


async def show(request: web.Request) -> web.Response:
    form = FORM + f"<p>{request.headers.get('Accept-Language', '')}</p>"
    texts = {
        "/form": form,
        "/faulty": FAULTY,
        "/guarded": GUARDED,
        "/sent": f"{HEAD}<title>Sent</title><p>got {request.query.get('words')}",
    }
    policy = {"Content-Security-Policy": "default-src 'none'"} if request.path == "/guarded" else {}
    return web.Response(text=texts[request.path], content_type="text/html", headers=policy)


async def give_style(_: web.Request) -> web.Response:
    return web.Response(text=STYLE, content_type="text/css")


async def give_download(_: web.Request) -> web.Response:
    headers = {"Content-Disposition": 'attachment; filename="saved.json"'}
    return web.json_response({"kept": True}, headers=headers)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/page.css", give_style)
    application.router.add_get("/saved.json", give_download)
    application.router.add_get("/{page}", show)
    runner = web.AppRunner(application)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_page_is_read_and_its_form_used_by_keyboard(browsers: Browsers, browser_name: str, site: str) -> None:
    async with browsers.get(browser_name).page() as page:
        assert await page.open(f"{site}/form") == 200
        assert await page.find_text("h1") == "after"
        await page.fill("#words", "something else")
        await page.fill("#words", "grüße")
        await page.press("Enter")
        await page.wait_for_text("got grüße")
        expected = [f"{site}/form", f"{site}/page.css", f"{site}/sent?words=gr%C3%BC%C3%9Fe"]
        assert await page.list_requests() == expected
        assert await page.list_faults() == []
        assert await page.open(f"{site}/nowhere") == 500


async def test_with_script_off_no_script_of_a_page_runs(browsers: Browsers, browser_name: str, site: str) -> None:
    async with browsers.get(browser_name, script=False).page() as page:
        await page.open(f"{site}/form")
        assert await page.find_text("h1") == "before"
        await page.fill("#words", "by hand")
        assert await page.follow("button") == 200
        assert await page.find_text() == "got by hand"
        await page.open(f"{site}/faulty")
        assert await page.list_faults() == []


async def test_every_fault_of_a_page_is_seen(browsers: Browsers, browser_name: str, site: str) -> None:
    async with browsers.get(browser_name).page() as page:
        await page.open(f"{site}/faulty")
        for expected in ("complaint", "mishap", "dialog: alert: in the way"):
            assert any(expected in fault for fault in await page.list_faults()), expected
    async with browsers.get(browser_name).page() as page:
        await page.open(f"{site}/guarded")
        assert await page.evaluate("() => document.title") == "Guarded"
        faults = await page.list_faults()
        assert any("script-src" in fault for fault in faults)
        assert any("img-src" in fault for fault in faults)


async def test_what_would_leave_the_machine_is_written_down(browsers: Browsers, browser_name: str, site: str) -> None:
    browser = browsers.get(browser_name, languages="de")
    assert await browser.list_strays() == []
    async with browser.page() as page:
        await page.open(f"{site}/faulty")
        assert "http://elsewhere.example/picture.png" in await page.list_requests()
        await page.wait_for("() => new Promise(done => setTimeout(() => done(true), 200))")
    strays = " ".join(await browser.list_strays())
    assert "elsewhere.example/picture.png" in strays
    assert "elsewhere.example/from-worker" in strays


async def test_a_browser_without_loopback_does_not_even_reach_this_machine(
    browsers: Browsers, browser_name: str, site: str, tmp_path: Path
) -> None:
    browser = browsers.get(browser_name, loopback=False)
    file = tmp_path / "page.html"
    file.write_text(
        f"<!doctype html><title>A file</title><h1>From disk</h1><script>fetch('{site}/form', {{mode: 'no-cors'}})</script>"
    )
    async with browser.page() as page:
        assert await page.open(file.as_uri()) == 0
        assert await page.find_text("h1") == "From disk"
    assert any(f"{site}/form" in stray for stray in await browser.list_strays())


async def test_a_download_is_kept_and_a_file_chosen(
    browsers: Browsers, browser_name: str, site: str, tmp_path: Path
) -> None:
    async with browsers.get(browser_name).page() as page:
        await page.open(f"{site}/form")
        assert (await page.download("a")).read_text() == '{"kept": true}'
        chosen = tmp_path / "ring.txt"
        chosen.write_text("a ring")
        await page.attach("#file", chosen)
        assert await page.evaluate("() => document.querySelector('#file').files[0].text()") == "a ring"


async def test_colours_languages_and_sizes_are_those_asked_for(
    browsers: Browsers, browser_name: str, site: str, tmp_path: Path
) -> None:
    colours = {}
    for dark in (False, True):
        async with browsers.get(browser_name, dark=dark, languages="es,en").page(NARROW) as page:
            await page.open(f"{site}/form")
            colours[dark] = await page.evaluate("() => getComputedStyle(document.querySelector('h1')).color")
            assert (await page.find_text("p")).startswith("es,en")
            assert await page.evaluate("() => [innerWidth, innerHeight]") == list(NARROW)
            await page.resize((800, 600))
            assert await page.evaluate("() => [innerWidth, innerHeight]") == [800, 600]
            await page.take_picture(tmp_path / "page.png")
            assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert colours == {False: "rgb(200, 0, 0)", True: "rgb(0, 0, 200)"}


async def test_what_is_hard_to_read_is_found(browsers: Browsers, browser_name: str, site: str) -> None:
    async with browsers.get(browser_name).page() as page:
        await page.open(f"{site}/form")
        assert "label" in {found["rule"] for found in await page.audit()}


async def test_a_story_in_javascript_runs(browsers: Browsers, browser_name: str, site: str, tmp_path: Path) -> None:
    story = tmp_path / "story.mjs"
    story.write_text("export default async (page, given) => [await page.title(), given]")
    async with browsers.get(browser_name).page() as page:
        await page.open(f"{site}/form")
        assert await page.run(story, {"a": 1}) == ["A form", {"a": 1}]


def test_firefox_is_told_apart(browsers: Browsers, browser_name: str) -> None:
    assert ("firefox" in browsers.get(browser_name).version.lower()) == (browser_name == FIREFOX)
