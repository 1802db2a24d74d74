"""The texts of a page that are its own: what readers see or hear of it, but for the data that it shows. Knows no language."""

import re
from html.parser import HTMLParser

_VOID = frozenset(("meta", "link", "input", "br", "hr", "img", "path"))
# Keys, ids, addresses, commands, times and strangers' words, each in an element of its own; scripts and styles.
_DATA = frozenset(("code", "bdi", "pre", "time", "textarea", "script", "style", "svg"))
_SPOKEN = frozenset(("aria-label", "title", "alt", "placeholder"))
# What other sites show of a link.
_TOLD_ELSEWHERE = frozenset(("og:title", "og:description"))
# What scripts compare and nobody sees.
_FLAGS = frozenset(("data-if", "data-unless"))
# What scripts say has several words, or is a sentence of one. Their numbers, ids, paths and states are neither.
_SAID = re.compile(r"[A-Z]|.*\s", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{2,}")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        for name, value in attributes.items():
            if name in _SPOKEN or (name.startswith("data-") and name not in _FLAGS and _SAID.match(value)):
                self._keep(value)
        if attributes.get("property") in _TOLD_ELSEWHERE or attributes.get("name") == "description":
            self._keep(attributes.get("content", ""))
        if tag not in _VOID:
            is_data = tag in _DATA or attributes.get("lang") == "en" or "box" in attributes.get("class", "").split()
            # The document itself may be in English.
            self._open.append((tag, is_data and tag != "html"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        while self._open and tag not in _VOID and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(is_data for _, is_data in self._open):
            self._keep(data)

    def _keep(self, text: str) -> None:
        if _WORD.search(text):
            self.texts.append(" ".join(text.split()))


def list_texts(html: str) -> list[str]:
    """Return the texts of a page that have a word in them, in their order: of its elements, and of what is only heard."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.texts
