"""Strangers' words as a page shows them: harmless, and with a beginning where they are long. Knows no note."""

from dataclasses import dataclass

from relay.protocol.printable import MARK, to_lines, to_one_line

# What is longer is folded: the page shows its beginning, and all of it on demand.
_FOLD_CHARS = 2_000
_START_CHARS = 600
# Of lists: more than a screen of lines is folded, too.
_FOLD_LINES = 40
_START_LINES = 12


@dataclass(frozen=True, slots=True)
class Words:
    """A text whose hidden characters are marked. `start` is None where the text is short enough to be shown at once."""

    text: str
    start: str | None
    has_marks: bool


def make_words(text: str) -> Words:
    """Return a stranger's text to show. U+FFFD, the mark, may also stand in the text itself."""
    shown = to_lines(text)
    is_long = len(shown) > _FOLD_CHARS or shown.count("\n") > _FOLD_LINES
    return Words(shown, _begin(shown) if is_long else None, MARK in shown)


def summarise(text: str, max_chars: int) -> str:
    """Return the beginning of a text on one line, for titles and lists of links."""
    line = " ".join(to_one_line(text, 4 * max_chars).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def _begin(text: str) -> str:
    start = "\n".join(text[:_START_CHARS].split("\n")[:_START_LINES])
    return start.rstrip() + " …"
