"""The pages that show notes, over HTTP from a real relay: what they show, page by page, in HTML and as feeds."""

import json
import re
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from relay.protocol.event import Event
from relay.protocol.nip19 import encode_nevent, encode_note, encode_npub
from relay.verify.ring_equations import to_ring_id
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, make_words_note, pubkey_of
from tests.support.raw import port_of, request
from tests.support.relays import OPEN_HOUSE, relay_on

ATOM = "{http://www.w3.org/2005/Atom}"


class Page(HTMLParser):
    """A page taken apart: its text, the text of its boxes, its links and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.links: list[str] = []
        self.boxes: list[str] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self._box_at: int | None = None
        self._parts: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], self._open
        self.text = re.sub(r"\s+", " ", "".join(self._parts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "a" and attributes.get("href"):
            self.links.append(str(attributes["href"]))
        if tag not in ("meta", "link", "input", "br", "hr"):
            if attributes.get("class") == "box":
                self.boxes.append("")
                self._box_at = len(self._open)
            if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
                self.headings.append(tag)
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "link", "input", "br", "hr"):
            assert self._open.pop() == tag, (tag, self._open)
            if self._box_at is not None and len(self._open) == self._box_at:
                self._box_at = None

    def handle_data(self, data: str) -> None:
        self._parts.append(data)
        if self._box_at is not None:
            self.boxes[-1] += data


async def fetch(url: str, path: str, language: str = "en") -> tuple[int, dict[str, str], bytes]:
    head = f"GET {path} HTTP/1.1\nHost: x\nAccept: text/html\nAccept-Language: {language}"
    return await request(port_of(url), head)


async def open_page(url: str, path: str, status: int = 200) -> Page:
    found, headers, body = await fetch(url, path)
    assert found == status, body
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    return Page(body.decode())


async def open_atom(url: str, path: str) -> ElementTree.Element:
    status, headers, body = await fetch(url, path)
    assert (status, headers["content-type"]) == (200, "application/atom+xml; charset=utf-8")
    return ElementTree.fromstring(body)


def make_profile(key: int, name: object, created_at: int = 1_000) -> Event:
    return make_event(key=KEYS[key], kind=0, content=json.dumps({"name": name}), created_at=created_at)


def list_notes(page: Page) -> list[str]:
    """Return the nevents of the notes that a page links to, each once."""
    return list(dict.fromkeys(link.removeprefix("/note/") for link in page.links if link.startswith("/note/nevent1")))


async def test_the_feed_shows_notes_of_readers_newest_first_and_what_posting_costs(database18: dict[str, Any]) -> None:
    old, new = make_ring_note("the older one", created_at=1_000), make_words_note("the newer one")
    others = [make_profile(1, "nobody"), make_ring_note("+", kind=7, tags=(("e", old.id),), scope=f"7:{old.id}")]
    tiers = [{"path": "/", "pow_bits": 0}, {"path": "/more", "pow_bits": 4}]
    async with relay_on(database18, tiers=tiers) as url, Client(url) as client:
        await client.publish_all(old, new, *others)
        page = await open_page(url, "/")
        assert [box.strip() for box in page.boxes] == ["the newer one", "the older one"]
        assert list_notes(page) == [encode_nevent(bytes.fromhex(note.id), url) for note in (new, old)]
        assert "One of these 5 keys signed exactly the words in the box. Verified by this relay." in page.text
        assert "Nobody can tell which. It does not prove that the words are true, that 5 people exist" in page.text
        assert "its poster says" in page.text
        assert "its author says: 1970-01-01 00:16 UTC" in page.text
        assert "Posting here costs: nothing." in page.text
        assert "/more" in page.links
        other = await open_page(url, "/more")
        assert "Posting here costs: 4 bits of proof of work." in other.text
        assert ("link", {"rel": "alternate", "type": "application/atom+xml", "href": "/more/feed.atom"}) in other.tags
