"""Pages as a reader's program sees them: fetched over HTTP, and taken apart by a parser that is not the relay's."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from tests.support.raw import port_of, request

ATOM = "{http://www.w3.org/2005/Atom}"
_VOID = frozenset(("meta", "link", "input", "br", "hr"))


class Page(HTMLParser):
    """A page taken apart: its text, the text of its boxes, its links, headings and tags. Every tag must be closed in order."""

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
        if tag in _VOID:
            return
        if attributes.get("class") == "box":
            assert self._box_at is None
            self.boxes.append("")
            self._box_at = len(self._open)
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append(tag)
        if tag in ("th", "td"):
            self._parts.append(" ")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag, (tag, self._open)
            if self._box_at is not None and len(self._open) == self._box_at:
                self._box_at = None

    def handle_data(self, data: str) -> None:
        self._parts.append(data)
        if self._box_at is not None:
            self.boxes[-1] += data

    def find(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Return the attributes of all tags of a name that have these."""
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]

    @property
    def notes(self) -> list[str]:
        """Return the nevents of the notes that the page leads to, each once."""
        found = (link.removeprefix("/note/") for link in self.links if link.startswith("/note/nevent1"))
        return list(dict.fromkeys(nevent.partition("?")[0] for nevent in found))


async def fetch(url: str, path: str, language: str = "en") -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body that a browser gets. `url` is the relay's, ws."""
    head = f"GET {path} HTTP/1.1\nHost: x\nAccept: text/html\nAccept-Language: {language}"
    return await request(port_of(url), head)


async def open_page(url: str, path: str, status: int = 200) -> Page:
    """Return a page of the relay at a URL, which must have this status and the headers of all pages."""
    found, headers, body = await fetch(url, path)
    assert found == status, (found, body)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    return Page(body.decode())


async def open_atom(url: str, path: str, language: str = "en") -> ElementTree.Element:
    """Return the root of a feed that an XML parser reads, and check what RFC 4287 requires of it."""
    status, headers, body = await fetch(url, path, language)
    assert (status, headers["content-type"]) == (200, "application/atom+xml; charset=utf-8")
    root = ElementTree.fromstring(body)
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", element.findtext(f"{ATOM}updated") or "")
        assert re.match(r"(tag|nostr):", element.findtext(f"{ATOM}id") or "")
        assert [link.get("rel") for link in element.findall(f"{ATOM}link")].count("alternate") == 1
    for entry in root.findall(f"{ATOM}entry"):
        assert entry.findtext(f"{ATOM}author/{ATOM}name")
    return root
