"""The words that a text's ring may have signed: at most six readings of them. Knows no keys, signatures or curve.

docs/ring-notes.md, form D, step 5, lists the readings in this order. Each may cost a verification of the whole ring.
"""

from typing import NamedTuple

from relay.verify import text_labels
from relay.verify.text_labels import Span

# As English, French, German, the Nordic languages and Japanese write them.
QUOTES = frozenset(
    {
        '""',
        "''",
        "``",
        *["“”", "„“", "„”", "””", "«»", "»«", "‘’", "‚‘", "「」", "『』"],
    }
)
_BOLD = "**"
# French quotes have a no-break space inside, and web pages leave some at the ends.
_SPACES = text_labels.WHITE_SPACE + "\u00a0\u202f"


class Reading(NamedTuple):
    """Words that the ring may have signed, and the first line that would stand outside them, None for none."""

    words: str
    outside: str | None


Pieces = tuple[str, str, str]


def open_quotation(text: str) -> str:
    """Return a text without the `>`, and one space behind it, of each line, where every line that is not blank has one."""
    lines = text.split("\n")
    if not all(line.startswith(">") or text_labels.is_blank(line) for line in lines):
        return text
    return "\n".join(line.removeprefix(">").removeprefix(" ") if line.startswith(">") else line for line in lines)


def list_readings(pieces: Pieces) -> tuple[Reading, ...]:
    """Return the readings of a text without its members and its signature: head, middle and tail."""
    head = pieces[0]
    stripped = text_labels.strip_blank(head, Span(0, len(head)))
    trimmed = text_labels.trim_labels(head)
    piece, span = _find_value(pieces, trimmed)
    value = pieces[piece][span.start : span.end]
    others = _respell(value, is_followed=pieces[piece][span.end : span.end + 1] in tuple(text_labels.WHITE_SPACE))
    readings = _Readings(pieces)
    # A head of labels alone holds no words, and nobody signs a label and the white space behind it.
    if trimmed.end > trimmed.start:
        # Whoever put words into quotes, or on Windows, did not sign the white space around them as it is now.
        if trimmed.end == stripped.end and all(other == value + "\n" for other in others):
            readings.add(0, Span(0, len(head)))
        readings.add(0, stripped)
        readings.add(0, trimmed)
    readings.add(piece, span)
    for other in others:
        if other.strip(text_labels.WHITE_SPACE):
            readings.found.setdefault(other, readings.found[value])
    # Each costs a verification: no more than half as many again as there are without the respelled ones.
    first = {head, head[stripped.start : stripped.end], head[trimmed.start : trimmed.end], value} - {""}
    return tuple(Reading(*reading) for reading in list(readings.found.items())[: max(2, len(first) * 3 // 2)])


class _Readings:
    """The readings of a text found so far, each with the first line that would stand outside it."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        # Readings share what stands around them: looking for a line that is no label takes up to 5 ms.
        self._others: dict[tuple[int, Span], str | None] = {}
        self.found: dict[str, str | None] = {}

    def add(self, piece: int, span: Span) -> None:
        """Add a part of a piece, unless it is empty or there already."""
        words = self._pieces[piece][span.start : span.end]
        if not words or words in self.found:
            return
        around = [(piece, Span(0, span.start)), (piece, Span(span.end, len(self._pieces[piece])))]
        around += [(number, Span(0, len(text))) for number, text in enumerate(self._pieces) if number != piece]
        self.found[words] = next((line for part in around if (line := self._find_other(*part)) is not None), None)

    def _find_other(self, piece: int, span: Span) -> str | None:
        part = (piece, span)
        if part not in self._others:
            self._others[part] = text_labels.find_other(self._pieces[piece][span.start : span.end])
        return self._others[part]


def _find_value(pieces: Pieces, trimmed: Span) -> tuple[int, Span]:
    """Return the piece and the span of what a label announces as the message, else of the head without its labels."""
    number, span = 0, trimmed
    for place, piece in enumerate(pieces):
        named = text_labels.find_message(piece, text_labels.trim_labels(piece) if place else trimmed)
        if named is not None:
            number, span = place, named
            break
    text = pieces[number]
    return number, text_labels.open_fence(text, text_labels.skip_rules(text, span))


def _respell(value: str, *, is_followed: bool) -> list[str]:
    """Return words without quotes, with the line ends of Unix, and, where white space follows, with one behind them.

    Only those that differ.
    """
    opened = open_quotes(value)
    unix = opened.replace("\r\n", "\n")
    found = [text for text, before in ((opened, value), (unix, opened)) if text != before]
    return [*found, unix + "\n"] if is_followed else found


def open_quotes(words: str) -> str:
    """Return words without quotes or `**` around them, or the `>` before each line, and without spaces at their ends."""
    bare = open_quotation(words)
    if len(words) > 2 and words[0] + words[-1] in QUOTES:
        bare = words[1:-1]
    elif len(words) > 2 * len(_BOLD) and words.startswith(_BOLD) and words.endswith(_BOLD):
        bare = words[len(_BOLD) : -len(_BOLD)]
    return bare.strip(_SPACES)
