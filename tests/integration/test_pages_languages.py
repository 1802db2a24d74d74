"""Every page in every language, over HTTP from a real relay: nothing of it is left in English, and no cookie remembers a choice."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from relay.pages.language import LANGUAGES, load_translations
from relay.protocol.event import Event
from tests.browser.seeded_relay import SeededRelay, seeded_relay
from tests.integration.test_http import forbid_connections
from tests.support.client import as_json
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of
from tests.support.forms import post_note
from tests.support.page_texts import list_texts
from tests.support.pages import fetch, open_atom
from tests.support.paid import shop
from tests.support.raw import port_of
from tests.support.relays import OPEN_HOUSE, relay_on

# The operator's own words, and the name of a hash.
DATA = {"ring.example", "mailto:op@ring.example", "SHA-256"}
_START_CHARS = 12
# The start of an id, by which a screen reader tells links apart.
ID = re.compile(r"[0-9a-f]{8}")
ABOUT = ("/about", "/sign", "/takedown", "/post", "/post?path=/1k", "/verify", "/prices")
WRONG = ("/?ring=x&member=y&minring=0&scheme=z&before=w", "/note/x", f"/note/{'0' * 64}", "/key/x", "/ring/x")


def list_paths(relay: SeededRelay) -> Iterator[str]:
    """Yield the path of every page."""
    for place in relay.list_pages().values():
        parts = urlsplit(place.url)
        yield parts.path + (f"?{parts.query}" if parts.query else "")
    yield from ABOUT
    yield from WRONG
    notes = [*relay.notes.free.values(), *relay.notes.paid.values()]
    yield from (f"/note/{note.id}" for note in notes)
    yield from (f"/note/{note.id}/evidence.html" for note in notes[-1:])
    yield f"/key/{pubkey_of(KEYS[0])}"


async def open_texts(url: str, path: str, language: str) -> list[str]:
    """Return the texts of a page in a language, which its headers and its first element must say."""
    status, headers, body = await fetch(url, path, language)
    assert status in (200, 400, 404, 410, 503), (path, status, body)
    html = body.decode()
    direction = load_translations(language).gettext("ltr")
    assert f'<html lang="{language}" dir="{direction}">' in html, path
    assert "set-cookie" not in headers
    if "/evidence.html" not in path:
        assert headers["vary"] == "Accept, Accept-Language", path
    return list_texts(html)


def find_left_over(english: list[str], translated: list[str], notes: str = "") -> set[str]:
    """Return the texts of a page that it has in English, too, but for strangers' words, with which the titles of notes begin."""
    same = set(english) & set(translated) - DATA
    return {text for text in same if not ID.fullmatch(text) and not is_words(text, notes)}


def is_words(text: str, notes: str) -> bool:
    """Return whether a text begins as a note does. A short one must be the title of a page: single words are in any note."""
    title = text.removesuffix(" – ring.example")
    return (title != text or len(title) > _START_CHARS) and title[:_START_CHARS] in notes


def join_words(notes: Iterable[Event]) -> str:
    """Return what strangers wrote, on one line."""
    return " ".join(" ".join([note.content, *(tag[1] for tag in note.tags if tag[0] == "title")]) for note in notes)


@pytest.mark.parametrize("language", LANGUAGES[1:])
async def test_no_page_has_a_text_in_english(database18: dict[str, Any], tmp_path: Path, language: str) -> None:
    left: dict[str, set[str]] = {}
    seen = 0
    async with seeded_relay(database18, tmp_path) as relay:
        words = " ".join(join_words([*relay.notes.free.values(), *relay.notes.paid.values()]).split())
        for path in dict.fromkeys(list_paths(relay)):
            english = await open_texts(relay.url, path, "en")
            translated = await open_texts(relay.url, path, language)
            left[path] = find_left_over(english, translated, words)
            seen += len(english)
    assert seen > 1_000
    assert {path: texts for path, texts in left.items() if texts} == {}


@pytest.mark.parametrize("language", LANGUAGES[1:])
async def test_what_the_form_is_answered_is_in_no_english_but_the_relays_own_words(
    database18: dict[str, Any], language: str
) -> None:
    tiers = [{"path": "/"}, {"path": "/work", "pow_bits": 20}]
    async with relay_on(database18, tiers=tiers, privacy={"publish_every_s": 3_600.0}) as url:
        notes = [make_ring_note("Held."), make_event(content="Not taken: it has no ring.")]
        texts = [json.dumps(as_json(note)) for note in notes]
        for text in (*texts, "{", "", "nsec1" + "q" * 58):
            pages: dict[str, list[str]] = {}
            for wanted in ("en", language):
                status, headers, html = await post_note(port_of(url), text, headers={"Accept-Language": wanted})
                assert status in (202, 422), html
                assert "set-cookie" not in headers
                assert f'<html lang="{wanted}" ' in html
                pages[wanted] = list_texts(html)
            assert find_left_over(pages["en"], pages[language]) == set()


@pytest.mark.parametrize("language", LANGUAGES[1:])
async def test_a_page_without_a_database_is_in_its_language(
    database18: dict[str, Any], tmp_path: Path, language: str
) -> None:
    async with shop(database18, tmp_path) as sold:
        url = sold.url
        await forbid_connections(database18)
        for path in ("/", f"/note/{'0' * 64}", f"/ring/{'0' * 64}", f"/pay/{'0' * 32}"):
            english, translated = [await open_texts(url, path, wanted) for wanted in ("en", language)]
            assert find_left_over(english, translated) == set()


async def test_a_page_that_is_kept_is_kept_for_its_language_alone(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **OPEN_HOUSE) as url:
        for _ in range(2):
            for accept, language in (("en", "en"), ("es-MX,es;q=0.9", "es"), ("x" * 7_000, "en"), ("\x80,,;q", "en")):
                _, _, body = await fetch(url, "/", accept)
                assert f'<html lang="{language}" dir="ltr">' in body.decode()
        feed = await open_atom(url, "/feed.atom", "es")
        assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "es"
