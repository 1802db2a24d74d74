"""Labels, rules and fences around a message in a text, and how to remove them. Knows no keys and no signatures.

docs/ring-notes.md, form D, defines them. Only U+000A ends a line.
"""

import re
from typing import NamedTuple

WHITE_SPACE = " \t\r\n"
_NAMES = "message|ring members|ring signature|ring|members|signature"


def _to_label(names: str) -> str:
    bold, underlined = (rf"{mark}(?:(?:{names}):{mark}|(?:{names}){mark}:)" for mark in (r"\*\*", "__"))
    return rf"(?:#{{1,6}} )?(?:{bold}|{underlined}|(?:{names}):)"


# ASCII only: some letters of other scripts equal an ASCII letter when case is ignored.
_FLAGS = re.IGNORECASE | re.ASCII
_LABEL_LINE = re.compile(rf"{_to_label(_NAMES)}|---", _FLAGS)
_MESSAGE_LABEL = re.compile(rf"[ \t]*{_to_label('message')}", _FLAGS)
_FENCES = frozenset({"```", "```json", "```text"})


class Span(NamedTuple):
    """A part of a text, from `start` up to `end`."""

    start: int
    end: int


def is_labels(text: str) -> bool:
    """Return whether a text has only white space, label lines and fences."""
    return all(_is_trimming(line) or _is_fence(line) for line in text.split("\n"))


def strip_white_space(text: str, span: Span) -> Span:
    """Return the span without white space at its ends."""
    part = text[span.start : span.end]
    start = span.start + len(part) - len(part.lstrip(WHITE_SPACE))
    return Span(start, max(start, span.start + len(part.rstrip(WHITE_SPACE))))


def trim_labels(text: str) -> Span:
    """Return the text without the label lines at its end, and without one fence there that was never opened."""
    lines = text.split("\n")
    may_drop_fence = sum(map(_is_fence, lines)) % 2 == 1
    end = len(text)
    for line in reversed(lines):
        if _is_fence(line) and may_drop_fence:
            may_drop_fence = False
        elif not _is_trimming(line):
            break
        end -= len(line) + 1
    return strip_white_space(text, Span(0, max(end, 0)))


def find_message(text: str, span: Span) -> Span | None:
    """Return the span after the first label `Message:` that begins a line, or None."""
    start = span.start
    for line in text[span.start : span.end].split("\n"):
        if label := _MESSAGE_LABEL.match(line):
            return strip_white_space(text, Span(start + label.end(), span.end))
        start += len(line) + 1
    return None


def open_fence(text: str, span: Span) -> Span:
    """Return the lines between two fences if these are the first and last line of the span, else the span itself."""
    part = text[span.start : span.end]
    first, last = part.find("\n"), part.rfind("\n")
    if first < 0 or not _is_fence(part[:first]) or not _is_fence(part[last + 1 :]):
        return span
    return Span(span.start + first + 1, max(span.start + first + 1, span.start + last))


def _is_trimming(line: str) -> bool:
    stripped = line.strip(WHITE_SPACE)
    return not stripped or _LABEL_LINE.fullmatch(stripped) is not None


def _is_fence(line: str) -> bool:
    return line.strip(WHITE_SPACE) in _FENCES
