"""Feeds for feed readers: Atom (RFC 4287). Its times are those that the notes say of themselves. Knows no store."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit
from xml.etree import ElementTree

from relay.http.answer import Answer
from relay.pages.headers import build_page
from relay.pages.moments import describe_moment
from relay.pages.note_view import NoteView
from relay.pages.numbers import group_digits
from relay.pages.proof_words import describe_proof
from relay.pages.renderer import Renderer
from relay.pages.shelf import Shelf
from relay.protocol.nip19 import encode_note

ATOM_TYPE = "application/atom+xml; charset=utf-8"
_NAMESPACE = "http://www.w3.org/2005/Atom"
# A tag URI (RFC 4151) has a date at which the host's name was its owner's. One that changed would make other feeds.
_TAG_YEAR = "2026"


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its title, the path of its page, its own path, its notes, newest first, and when the first of them expires."""

    title: str
    page_path: str
    path: str
    notes: list[NoteView]
    keep_until: int | None


def build_atom(feed: Feed, shelf: Shelf, renderer: Renderer) -> Answer:
    """Return a feed. All that strangers wrote in it was made harmless before, so it has no character that XML forbids."""
    root = ElementTree.Element("feed", {"xmlns": _NAMESPACE, "xml:lang": renderer.language})
    host = urlsplit(shelf.find_url()).hostname or "localhost"
    _add(root, "title", feed.title)
    # No colon may be in its host, as those of IPv6 have.
    _add(root, "id", f"tag:{'localhost' if ':' in host else host},{_TAG_YEAR}:{feed.page_path}")
    _add(root, "updated", feed.notes[0].created.iso if feed.notes else describe_moment(0).iso)
    _link(root, "self", shelf.find_web_url(feed.path), ATOM_TYPE.partition(";")[0])
    _link(root, "alternate", shelf.find_web_url(feed.page_path), "text/html")
    for note in feed.notes:
        root.append(_build_entry(note, shelf, renderer))
    xml = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{xml}\n'
    return build_page(text, HTTPStatus.OK, type_=ATOM_TYPE, keep_until=feed.keep_until)


def _build_entry(note: NoteView, shelf: Shelf, renderer: Renderer) -> ElementTree.Element:
    entry = ElementTree.Element("entry")
    _ = renderer.translations.gettext
    _add(entry, "title", note.summary or _("A note without words"))
    _add(entry, "id", f"nostr:{encode_note(bytes.fromhex(note.id))}")
    _add(entry, "updated", note.created.iso)
    _add(ElementTree.SubElement(entry, "author"), "name", _name_author(note, renderer))
    _link(entry, "alternate", shelf.find_web_url(f"/note/{note.nevent}"), "text/html")
    _add(entry, "summary", describe_proof(note, renderer.translations))
    content = ElementTree.SubElement(entry, "content", {"type": "text"})
    content.text = "" if note.words is None else note.words.text
    return entry


def _name_author(note: NoteView, renderer: Renderer) -> str:
    if note.ring is None:
        return "" if note.author is None else note.author.short
    text = renderer.translations.ngettext("one of %(num)s key", "one of %(num)s keys", note.ring.size)
    return text % {"num": group_digits(note.ring.size, renderer.translations)}


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _link(parent: ElementTree.Element, relation: str, address: str, type_: str) -> None:
    ElementTree.SubElement(parent, "link", {"rel": relation, "href": address, "type": type_})
