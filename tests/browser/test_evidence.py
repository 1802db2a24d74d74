"""The evidence file, opened from disk: it verifies its note without a network, and no word of the note leaves its box."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.pages.evidence_file import build_evidence
from relay.protocol.event import Event, encode_event
from relay.protocol.printable import to_lines
from tests.support import command
from tests.support.browsers import Browser, Browsers, Page
from tests.support.client import as_json
from tests.support.events import make_ring_note
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

VECTORS = Path(__file__).parents[1] / "vectors" / "ring_notes.json"
SLOW_S = scaled(120.0)


@pytest.fixture
def browser(browsers: Browsers, browser_name: str) -> Browser:
    # Nothing of this machine can be reached either.
    return browsers.get(browser_name, loopback=False)


async def open_file(page: Page, directory: Path, note: Event | dict[str, Any], language: str = "en") -> str:
    """Open the evidence file of a note, and return the verdict once it is there."""
    path = directory / "evidence.html"
    encoded = encode_event(note) if isinstance(note, Event) else json.dumps(note).encode()
    path.write_bytes(build_evidence(encoded, language))
    await page.open(path.as_uri())
    await page.wait_for("() => document.querySelector('#outcome h2') !== null", bound_s=SLOW_S)
    return await page.find_text("#outcome")


async def check_quiet(page: Page, directory: Path) -> None:
    """Check that the page asked for nothing but itself and its worker, and that nothing went wrong."""
    own = (directory / "evidence.html").as_uri()
    # Firefox tells nothing of files.
    assert [
        request for request in await page.list_requests() if request != own and not request.startswith("blob:")
    ] == []
    assert [stray for stray in await page.browser.list_strays() if "elsewhere" in stray] == []
    assert await page.list_faults() == []


async def test_it_verifies_itself_from_disk_without_a_request(browser: Browser, tmp_path: Path) -> None:
    async with browser.page() as page:
        verdict = await open_file(page, tmp_path, make_ring_note("We have known since March.", ring_size=40))
        assert verdict.startswith("One of these 40 keys signed exactly the words in the box.")
        assert "Verified by this file, in your browser. Nobody can tell which." in verdict
        assert await page.find_text("#outcome pre") == "We have known since March."
        assert "Anyone can forge a page that says so" in await page.find_text(".warning")
        await check_quiet(page, tmp_path)


async def test_it_does_so_without_webassembly_and_jit(browsers: Browsers, browser_name: str, tmp_path: Path) -> None:
    async with browsers.get(browser_name, loopback=False, compilers=False).page() as page:
        verdict = await open_file(page, tmp_path, make_ring_note("We have known since March.", ring_size=10))
        assert verdict.startswith("One of these 10 keys signed exactly the words in the box.")
        await check_quiet(page, tmp_path)


async def test_it_speaks_the_language_that_it_was_made_in(browsers: Browsers, tmp_path: Path) -> None:
    async with browsers.get("chromium", loopback=False).page() as page:
        verdict = await open_file(page, tmp_path, make_ring_note(ring_size=7), "es")
        assert await page.evaluate("() => document.documentElement.lang") == "es"
        assert verdict.startswith("Una de estas 7 claves")
        assert await page.audit() == []


async def test_a_changed_note_is_false(browser: Browser, tmp_path: Path) -> None:
    changed = {**as_json(make_ring_note("We have known since March.")), "content": "We have known since May."}
    async with browser.page() as page:
        verdict = await open_file(page, tmp_path, changed)
        assert verdict.startswith("False: this is not what a ring signed.")
        await check_quiet(page, tmp_path)


async def test_what_is_no_json_any_more_is_false_too(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "evidence.html"
    page_of_note = build_evidence(encode_event(make_ring_note("We have known since March."))).decode()
    path.write_text(page_of_note.replace("since March.", 'since "May".'), encoding="utf-8")
    async with browser.page() as page:
        await page.open(path.as_uri())
        await page.wait_for("() => document.querySelector('#outcome h2') !== null", bound_s=SLOW_S)
        assert (await page.find_text("#outcome")).startswith("False: this is not what a ring signed.")
        await check_quiet(page, tmp_path)


async def test_every_form_and_scheme_gets_the_verdict_of_the_vectors(browser: Browser, tmp_path: Path) -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    async with browser.page() as page:
        for vector in vectors[::15]:
            verdict = await open_file(page, tmp_path, vector["event"])
            if vector["expected"]["valid"]:
                assert verdict.startswith(f"One of these {vector['expected']['ring_size']} keys"), vector["name"]
            else:
                assert not verdict.startswith("One of these"), vector["name"]
        assert await page.list_faults() == []


async def test_words_of_a_hostile_note_stay_text(browser: Browser, tmp_path: Path) -> None:
    words = "</pre><script>alert(1)</script><img src=http://elsewhere.example/x>{size}\u202e<!--NOTE-->"
    note = make_ring_note(words, tags=(("t", "</script><script>alert(2)</script>"),), scope="</style><b>")
    async with browser.page() as page:
        await open_file(page, tmp_path, note)
        assert await page.find_text("#outcome pre") == to_lines(words)
        counts = await page.evaluate(
            "() => ['script', 'img', 'b'].map((name) => document.querySelectorAll(name).length)"
        )
        assert counts == [1, 0, 0]
        await check_quiet(page, tmp_path)


async def test_the_json_is_kept_as_a_file_that_verifies(browser: Browser, tmp_path: Path) -> None:
    note = make_ring_note("<b> & Grüße")
    async with browser.page() as page:
        await open_file(page, tmp_path, note)
        kept = await page.download("#download")
        assert kept.read_bytes() == encode_event(note)
        done = await command.run("verify", stdin=kept.read_bytes())
        assert (done.status, json.loads(done.out)["valid"]) == (0, True)
        await page.click("#copy")
        await page.wait_for("() => document.querySelector('#kept').textContent !== ''")
        assert await page.find_text("#kept") in ("Copied", "Selected: copy it now")


async def test_a_sag_is_shown_as_nostringers_program_takes_it(browsers: Browsers, tmp_path: Path) -> None:
    async with browsers.get("chromium", loopback=False).page() as page:
        await open_file(page, tmp_path, make_ring_note("One of us.", ring_size=7))
        assert "Its message is a hash of the whole note" in await page.find_text("#outcome")
        shown = json.loads(await page.find_text("pre.code"))
        ring = tmp_path / "ring.txt"
        ring.write_text("\n".join(shown["ring_members"]), encoding="utf-8")
        bare = ("--message-hex", shown["message"].encode().hex(), "--ring", str(ring))
        done = await command.run("verify", *bare, "--signature", shown["ring_signature"])
        assert json.loads(done.out)["valid"], done.err
        await open_file(page, tmp_path, make_ring_note("One of us.", ring_size=7, scope="a poll"))
        assert await page.find_text("pre.code") == ""


async def test_it_can_be_cancelled_and_verified_again(browser: Browser, tmp_path: Path) -> None:
    async with browser.page() as page:
        await open_file(page, tmp_path, make_ring_note(ring_size=80, scope="slow"))
        # In one turn of the page, before any work can be done.
        await page.evaluate("() => { for (const id of ['start', 'cancel']) document.getElementById(id).click() }")
        await page.wait_for_text("Cancelled. Nothing was verified.")
        assert await page.find_text("#outcome") == ""
        await page.click("#start")
        await page.wait_for_text("One of these 80 keys", bound_s=SLOW_S)
        await check_quiet(page, tmp_path)


async def test_without_script_the_json_is_there_and_nothing_is_called_verified(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    note = make_ring_note("We have known since March.")
    path = tmp_path / "evidence.html"
    path.write_bytes(build_evidence(encode_event(note)))
    async with browsers.get(browser_name, script=False).page() as page:
        await page.open(path.as_uri())
        assert "nothing is verified" in await page.find_text("main")
        assert json.loads(await page.find_text("#json")) == as_json(note)
        assert await page.find_text("#evidence") == ""


@pytest.mark.parametrize("is_dark", [False, True])
async def test_the_file_is_accessible(browsers: Browsers, tmp_path: Path, *, is_dark: bool) -> None:
    async with browsers.get("chromium", dark=is_dark, loopback=False).page() as page:
        await open_file(page, tmp_path, make_ring_note("We have known since March."))
        assert await page.audit() == []
        await page.take_picture(tmp_path / "picture.png")
