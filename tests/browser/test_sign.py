"""The file that signs, from disk in each browser: what it signs is valid and taken, it asks for nothing, and it keeps no key."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from relay.client.signing.encrypted_key import encrypt_key
from relay.client.signing.verify_event import verify_note
from relay.protocol.event import decode_event, encode_event
from relay.verify.answers import find_answer
from relay.verify.proof import detect_claim
from tests.support.browsers import NARROW, Browsers
from tests.support.client import Client
from tests.support.command import ENVIRONMENT
from tests.support.events import make_ring_note
from tests.support.relays import relay_on
from tests.support.sign_page import Author, SignPage, find_sign_file, make_author, open_sign_file
from tests.support.time_factor import scaled

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

WORDS = 'The third report was changed.\n\u05d4\u05d3\u05d5\u05d7 "shorter" \U0001f600'
SIZES = (2, 40, 200)
VERIFY_BOUND_S = scaled(60.0)
# What would show a reader other words than those that were signed.
HOSTILE = "before \u202ereversed\u202c \u200bafter\x00<b>bold</b>"


def check_by_command(note: str) -> None:
    """Check that `ringrelay verify` calls the note valid."""
    command = [sys.executable, "-m", "relay", "verify"]
    done = subprocess.run(
        command, input=note, capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=VERIFY_BOUND_S
    )
    assert done.returncode == 0, done.stderr
    assert "valid" in done.stdout


async def check_quiet(page: SignPage) -> None:
    """Check that the file asked for nothing but itself, and had no fault."""
    asked = [url for url in await page.page.list_requests() if urlsplit(url).scheme not in ("file", "blob")]
    assert asked == []
    assert await page.page.list_faults() == []
    assert await page.page.browser.list_strays() == []


async def prepare(page: SignPage, author: Author, words: str = WORDS) -> None:
    await page.use_key(author)
    await page.set_ring(author)
    await page.page.paste("#words", words)


async def sign_in_both_schemes(page: SignPage, author: Author) -> list[str]:
    notes = []
    for scheme in ("sag", "blsag"):
        await page.choose("#scheme", scheme)
        if scheme == "blsag":
            await page.page.fill("#scope", "a series")
        notes.append(await page.sign())
    return notes


async def publish_all(database: dict[str, Any], notes: Sequence[str]) -> None:
    async with relay_on(database, ring={"min_size_linkable": 2}) as url, Client(url) as client:
        for note in notes:
            assert await client.publish(decode_event(note)) == (True, "")


async def test_rings_of_2_40_and_200_sign_in_both_schemes_offline(
    browsers: Browsers, browser_name: str, database18: dict[str, Any], tmp_path: Path
) -> None:
    notes: list[str] = []
    for size in SIZES:
        author = make_author(size)
        # Nothing can be reached, not even this machine.
        async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
            await prepare(page, author)
            made = await sign_in_both_schemes(page, author)
            await check_quiet(page)
        for note in made:
            event = decode_event(note)
            proved = verify_note(event)
            assert (set(proved.ring), event.content) == (set(author.ring), WORDS)
            check_by_command(note)
        notes += made
    await publish_all(database18, notes)


async def test_long_texts_and_answers_are_signed_and_an_answer_is_said_to_be_linkable_first(
    browsers: Browsers, browser_name: str, database18: dict[str, Any], tmp_path: Path
) -> None:
    author = make_author(10)
    target = make_ring_note("which?", kind=1)
    notes = []
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await prepare(page, author, "# A heading\n\nMore than a note.")
        await page.choose("#what", "article")
        await page.page.fill("#title", "What was changed")
        notes.append(await page.sign())
        for what, kind in (("reaction", 7), ("vote", 1018)):
            assert await page.page.find_text("#target") == ""
            await page.choose("#what", what)
            assert "links it" in await page.page.find_text("[data-text=answer_reveals]")
            await page.page.fill("#target", target.id)
            await page.page.paste("#options", "y")
            notes.append(await page.sign())
            answer = decode_event(notes[-1])
            found = find_answer(answer, detect_claim(answer))
            assert found is not None
            assert (found.kind, found.target.hex()) == (kind, target.id)
        await check_quiet(page)
    article = decode_event(notes[0])
    assert (article.kind, article.tags[:2]) == (30023, (("d", "what-was-changed"), ("title", "What was changed")))
    # The target is not there: any ring may answer.
    await publish_all(database18, notes)


async def test_the_key_leaves_its_field_at_once_and_stands_nowhere_in_the_page(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    author = make_author(10)
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await page.page.fill("#key", author.nsec)
        cleared = "() => { document.querySelector('#key-use').click(); return document.querySelector('#key').value }"
        assert await page.page.evaluate(cleared) == ""
        await page.page.wait_for_text(author.npub, "#key-status")
        await page.set_ring(author)
        await page.page.paste("#words", WORDS)
        note = await page.sign()
        held = await page.page.evaluate(
            "() => document.documentElement.outerHTML + [...document.querySelectorAll('input, textarea')].map(f => f.value)"
        )
        for spelling in (author.nsec, author.secret.hex()):
            assert spelling not in held
            assert spelling not in note
        # A field in a form is what browsers offer to keep.
        assert await page.page.evaluate("() => document.querySelectorAll('form').length") == 0
        assert await page.page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]
        await page.page.click("#key-forget")
        await page.look_over()
        assert await page.list_said("#refusal-list") == ["Give your secret key first (1)."]
        await check_quiet(page)


async def test_an_encrypted_key_is_opened_with_its_passphrase(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    author = make_author(10)
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await page.page.paste("#key", encrypt_key(author.secret, "p\u00e4ss", log_n=10))
        await page.page.press("Enter")
        await page.page.wait_for_text("under a passphrase", "#passphrase-about")
        await page.page.fill("#passphrase", "pass")
        await page.page.press("Enter")
        await page.page.wait_for_text("not the one of this ncryptsec", "#key-refused")
        assert await page.page.evaluate("() => document.querySelector('#passphrase').value") == ""
        await page.page.fill("#passphrase", "p\u00e4ss")
        await page.page.press("Enter")
        await page.page.wait_for_text(author.npub, "#key-status")
        await check_quiet(page)


async def test_served_by_anybody_it_shows_no_field_for_a_key(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    application = web.Application()
    application.router.add_static("/", find_sign_file().parent)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with browsers.get(browser_name).page() as page:
        await page.open(f"http://127.0.0.1:{runner.addresses[0][1]}/{find_sign_file().name}")
        assert "Type no key here" in await page.find_text()
        assert await page.find_text("#page") == ""
        assert await page.evaluate("() => document.querySelector('#key').checkVisibility()") is False
    await runner.cleanup()


async def test_no_service_of_a_browser_is_given_its_words(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        # Translations, spelling and suggested endings may be made on a browser's servers, past the policy of any page.
        asked = await page.page.evaluate(
            """() => [...document.querySelectorAll('body, h1, li, pre, input, textarea')].filter(each => each.translate
              || each.spellcheck || !each.closest('[writingsuggestions=false]')).map(each => each.outerHTML)"""
        )
        assert asked == []


async def test_inside_another_page_it_shows_no_field_for_a_key(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    outer = tmp_path / "outer.html"
    outer.write_text(f'<iframe src="{find_sign_file().as_uri()}"></iframe>')
    reader = tmp_path / "read_frame.mjs"
    reader.write_text(
        "export default async (page) => (await page.waitForFrame(frame => frame.url().includes('/sign-')))"
        ".evaluate(() => document.body.innerText)"
    )
    async with browsers.get(browser_name, loopback=False).page() as page:
        await page.open(outer.as_uri())
        shown = await page.run(reader)
        assert "Open the file by itself. Type no key here." in shown
        assert "nsec" not in shown


async def test_a_page_that_is_left_holds_no_key(browsers: Browsers, browser_name: str, tmp_path: Path) -> None:
    # As when a browser keeps the page to go back to.
    leave = "() => { dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })) }"
    author = make_author(10)
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await page.page.fill("#key", author.nsec)
        await page.page.evaluate(leave)
        assert await page.page.evaluate("() => document.querySelector('#key').value") == ""
        await page.use_key(author)
        await page.page.evaluate(leave)
        assert author.npub not in await page.page.find_text("#page")
        assert await page.page.evaluate("() => document.querySelector('#key').checkVisibility()")


async def test_nothing_can_leave_it_and_no_markup_can_enter_it(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    browser = browsers.get(browser_name, loopback=False)
    async with open_sign_file(browser, tmp_path) as page:
        blocked = await page.page.evaluate(
            """async () => {
              const tried = [];
              try { await fetch('http://elsewhere.example/'); tried.push('fetch') } catch {}
              const image = new Image();
              const failed = new Promise(done => { image.onload = () => { tried.push('image'); done() }; image.onerror = done });
              image.src = 'http://elsewhere.example/picture.png';
              await failed;
              const script = document.createElement('script');
              try { script.textContent = 'document.title = "ran"'; document.body.append(script) } catch {}
              if (document.title === 'ran') tried.push('script');
              // Where there are trusted types, no text becomes markup.
              const trusts = 'trustedTypes' in window;
              try { document.querySelector('#warned').innerHTML = '<b></b>'; if (trusts) tried.push('markup') } catch {}
              return tried;
            }"""
        )
        assert blocked == []
        assert await browser.list_strays() == []


async def test_refusals_and_warnings_are_those_of_the_command_line(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    author = make_author(4)
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await prepare(page, author, f"I am {author.npub}, and this is my {author.nsec}")
        await page.look_over()
        refusals = await page.list_said("#refusal-list")
        assert any("the message holds a secret key" in said for said in refusals)
        assert any("the message holds your own key" in said for said in refusals)
        assert await page.page.find_text("#sign") == ""
        await page.page.paste("#words", "\u201cOn 3 May 2026 at 14:05\u201d  see https://example.org/?id=7")
        await page.look_over()
        warnings = " ".join(await page.list_said("#warning-list"))
        for said in (
            "a ring of 4 hides you among 3 other members",
            "typographic",
            "two spaces",
            "dates",
            "times",
            "links",
        ):
            assert said in warnings
        assert "an empty list protects nobody" in await page.page.find_text("#warnings")
        # What was changed after it was looked over is looked over again.
        await page.page.fill("#words", "other words")
        assert await page.page.find_text("#sign") == ""
        await check_quiet(page)


async def test_what_was_changed_while_it_was_looked_over_cannot_be_signed(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await prepare(page, make_author(10))
        await page.page.evaluate(
            """() => {
              document.querySelector('#review').click();
              const words = document.querySelector('#words');
              words.value = '\u201cnobody looked at this\u201d';
              words.dispatchEvent(new Event('input', { bubbles: true }));
            }"""
        )
        await page.page.wait_for("() => document.querySelector('#working').hidden")
        assert [await page.page.find_text(part) for part in ("#sign", "#warnings", "#refusals")] == ["", "", ""]
        await page.look_over()
        assert "typographic" in " ".join(await page.list_said("#warning-list"))
        await check_quiet(page)


async def test_the_note_is_saved_and_shown_in_codes(browsers: Browsers, browser_name: str, tmp_path: Path) -> None:
    author = make_author(10)
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await prepare(page, author)
        note = await page.sign()
        saved = await page.page.download("#save")
        assert saved.name.startswith("note")
        assert saved.read_text() == note + "\n"
        about = await page.page.find_text("#qr-about")
        total = int(about.split()[0])
        assert total > 2
        assert await page.page.find_text("#qr-part") == f"Code 1 of {total}"
        await page.page.click("#qr-previous")
        assert await page.page.find_text("#qr-part") == f"Code {total} of {total}"
        width = await page.page.evaluate("() => document.querySelector('#qr').width")
        assert width > 200
        await check_quiet(page)


async def test_a_pasted_note_is_checked_and_its_words_are_shown_harmlessly(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    note = encode_event(make_ring_note(HOSTILE)).decode()
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await page.page.paste("#verify", note)
        await page.page.click("#verify-go")
        await page.page.wait_for_text("keys signed exactly the words in the box", "#verdict-says")
        shown = await page.page.evaluate("() => document.querySelector('#verdict-words').textContent")
        assert shown == "before \ufffdreversed\ufffd \ufffdafter\ufffd<b>bold</b>"
        await page.page.paste("#verify", note.replace("before", "Before"))
        await page.page.click("#verify-go")
        await page.page.wait_for_text("it was changed after it was signed", "#verify-refused")
        assert await page.page.find_text("#verdict") == ""
        await check_quiet(page)


async def test_a_verdict_goes_when_another_note_is_pasted_or_checked(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    note = encode_event(make_ring_note("signed", ring_size=60)).decode()
    changed = note.replace("signed", "sighed")
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await page.page.paste("#verify", note)
        # The first is still checked when the second is asked for.
        await page.page.evaluate(
            """(changed) => {
              document.querySelector('#verify-go').click();
              document.querySelector('#verify').value = changed;
              document.querySelector('#verify-go').click();
            }""",
            changed,
        )
        await page.page.wait_for_text("it was changed after it was signed", "#verify-refused")
        assert await page.page.find_text("#verdict") == ""
        await page.page.paste("#verify", note)
        assert await page.page.find_text("#verify-refused") == ""
        await page.page.click("#verify-go")
        await page.page.wait_for_text("signed", "#verdict-words")
        await page.page.paste("#verify", "Another text.")
        assert await page.page.find_text("#verdict") == ""
        await check_quiet(page)


async def test_a_ring_that_is_still_read_does_not_answer_for_a_note_that_is_checked(
    browsers: Browsers, browser_name: str, tmp_path: Path
) -> None:
    author = make_author(1_000)
    note = encode_event(make_ring_note("checked meanwhile")).decode()
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:
        await page.page.paste("#verify", note)
        # The ring is read a moment after it was typed, and that takes a while.
        await page.page.evaluate(
            """(ring) => {
              const field = document.querySelector('#ring');
              field.value = ring;
              field.dispatchEvent(new Event('input', { bubbles: true }));
              const check = () => document.querySelector('#verify-go').click();
              return new Promise(done => setTimeout(() => { check(); done() }, 310));
            }""",
            author.ring_text,
        )
        await page.page.wait_for_text("checked meanwhile", "#verdict-words")
        await page.page.wait_for_text("1000 keys", "#ring-status")
        await check_quiet(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_it_is_for_everybody(browsers: Browsers, browser_name: str, tmp_path: Path, dark: bool) -> None:
    author = make_author(4)
    async with open_sign_file(browsers.get(browser_name, dark=dark, languages="es"), tmp_path, NARROW) as page:
        assert await page.page.find_text("h1") == ""  # the first is of the page that refuses
        assert await page.page.find_text("#page h1") == "Firmar como miembro de un anillo"
        await prepare(page, author, "words \u05d4\u05d3\u05d5\u05d7")
        await page.choose("#scheme", "blsag")
        await page.page.fill("#scope", "x")
        note = await page.sign()
        await page.page.paste("#verify", note)
        await page.page.click("#verify-go")
        await page.page.wait_for("() => !document.querySelector('#verdict').hidden")
        await page.page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert await page.page.audit() == []
        assert await page.page.evaluate("() => document.documentElement.scrollWidth") == NARROW[0]
        await page.choose("#language", "en")
        assert await page.page.find_text("#page h1") == "Sign as one of a ring"
        assert await page.page.evaluate("() => document.documentElement.lang") == "en"
        assert "a ring of 4 hides you" in " ".join(await page.list_said("#warning-list"))


async def test_a_note_is_signed_by_keyboard_alone(browsers: Browsers, browser_name: str, tmp_path: Path) -> None:
    author = make_author(10)
    async with open_sign_file(browsers.get(browser_name, loopback=False), tmp_path) as page:

        async def tab_to(element_id: str) -> None:
            for _ in range(40):
                await page.page.press("Tab")
                if await page.page.evaluate("() => document.activeElement.id") == element_id:
                    return
            pytest.fail(f"{element_id} is not reached by Tab")

        await tab_to("key")
        await page.page.fill("#key", author.nsec)
        await page.page.press("Enter")
        await page.page.wait_for_text(author.npub, "#key-status")
        await tab_to("ring")
        await page.page.paste("#ring", author.ring_text)
        await tab_to("words")
        await page.page.fill("#words", "by keyboard")
        await tab_to("review")
        await page.page.press("Enter")
        await page.page.wait_for("() => !document.querySelector('#sign').hidden")
        await tab_to("sign")
        await page.page.press("Enter")
        await page.page.wait_for("() => document.activeElement.id === 'result-heading'", bound_s=scaled(60.0))
        verify_note(decode_event(await page.page.evaluate("() => document.querySelector('#note').value")))
