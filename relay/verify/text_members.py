"""The list of members in a text: its keys, what may stand between them, and which list is the ring's. Knows no signature.

docs/ring-notes.md, form D, step 2, has the patterns under the same names. Each step of reading takes the longest match and never
gives it back. Names beside keys are bounded, so that hardly a sentence fits.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay.protocol.hex import HEX32
from relay.protocol.nip19 import NPROFILE, NPUB
from relay.verify.text_labels import WHITE_SPACE, Part, find_label, find_part, strip_outside
from relay.verify.text_names import AND, NAME

# A set comes first, and the look behind it: so 90,000 other characters are passed over in 1 ms, not in 7.
KEY = re.compile(
    rf"[0-9a-fn](?<![0-9A-Za-z][0-9a-fn])"
    rf"(?:(?<=0)[23]{HEX32}|(?<=[0-9a-f])[0-9a-f]{{63}}|(?<=n)(?:ostr:n)?(?:{NPUB[1:]}|{NPROFILE[1:]}))(?![0-9A-Za-z])"
)
# How far before a list its label is looked for, and a name before its first key.
_LABEL_CHARS = 200
_NAME_CHARS = 120
# Possessive: nothing that follows white space here begins with it, so backtracking through 90,000 of it is useless.
_WS = r"[ \t\r\n]*+"
_Q_SIGNS = ("**", "__", *"\"'`\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e")
_OPENING = "[({<"
_Q = r"(?:[\"'`\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e]|\*\*|__)?"
_OPEN = rf"(?:[\[({{<]{_WS})?{_Q}@?"
_CLOSE = rf"{_Q}(?:{_WS}[\])}}>])?"
_COMMAS = r",;|\u3001\uff0c\uff1b"
_MARK = r"(?:[*+][ \t]++|[-\u2013\u2014\u2022\u2023\u25aa\u00b7>][ \t]*+|\(?(?P<place>[0-9]{1,4})[.):][ \t]*+)"
_SIGN = r"[ \t]*+[:=#\u2013\u2014-][ \t]++"
_B = r"(?:\*\*|__|[\"'])?"
_LEFT = rf"(?:{_B}@?(?P<name>{NAME}):?{_B}(?:{_SIGN}|[ \t]++)|\[@?(?P<link>{NAME})\](?=\())"
# The bracket of a link is no longer part of what is read.
_LEFT_AT_END = _LEFT.replace(r"(?=\()", "")
_RIGHT = re.compile(
    rf"[ \t]*+\([ \t]*+@?(?P<inner>{NAME})[ \t]*+\)"
    rf"|(?:(?P<sign>{_SIGN})|[ \t]++)@?(?P<name>{NAME})(?=[ \t\r]*+(?:[{_COMMAS}\n]|{AND}|\Z))"
)
_BREAK = re.compile(rf"[ \t\r]*+[{_COMMAS}]{_WS}(?:{AND}{_WS})?|[ \t\r]++{AND}{_WS}|[ \t\r]*+\n{_WS}(?:{AND}{_WS})?")
_open, _close, _mark, _left = map(re.compile, (_OPEN, _CLOSE, _MARK, _LEFT))
_space = re.compile(_WS)
_MARK_BEFORE = re.compile(rf"(?<![^ \t\r\n]){_MARK}\Z")
_NAME_BEFORE = re.compile(rf"(?:(?<![^\n])[ \t]*+(?:{_MARK})?|(?<=[:\uff1a])[ \t]*+){_LEFT_AT_END}\Z")


@dataclass(frozen=True, slots=True)
class _Gap:
    """What joins two keys of a list: whether a name stands right of the first, and left of the second with its number."""

    has_right: bool
    has_left: bool
    place: str | None


@dataclass(frozen=True, slots=True)
class _Edge:
    """An end of a list: its place in the text, whether a name stands there, and the number of the first entry."""

    place: int
    has_name: bool = False
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A list of keys: its place in the text, the keys as they are written, the numbers before them, its label and names."""

    start: int
    end: int
    keys: tuple[str, ...]
    places: tuple[str | None, ...]
    is_labelled: bool
    has_names_on_both_sides: bool

    @property
    def is_counted(self) -> bool:
        """Return whether each number is its entry's position: any other could be read as content."""
        return all(place in (None, str(number)) for number, place in enumerate(self.places, start=1))


def list_blocks(text: str) -> Iterator[Block]:
    """Yield the lists of two keys or more in a text, in their order. One key alone is no ring."""
    keys: list[re.Match[str]] = []
    gaps: list[_Gap] = []
    for key in KEY.finditer(text):
        gap = _read_gap(text[keys[-1].end() : key.start()]) if keys else None
        if gap is None:
            if gaps:
                yield _build_block(text, keys, gaps)
            keys, gaps = [], []
        else:
            gaps.append(gap)
        keys.append(key)
    if gaps:
        yield _build_block(text, keys, gaps)


def _read_gap(text: str) -> _Gap | None:
    """Read the text between two keys, None where it does not join them into one list."""
    end = _end_of(_close, text, 0)
    right = _RIGHT.match(text, end)
    broken = _BREAK.match(text, right.end() if right else end)
    if right and not broken:
        return None
    end = broken.end() if broken else _end_of(_space, text, end)
    mark = _mark.match(text, end) if end and text[end - 1] in WHITE_SPACE else None
    end = mark.end() if mark else end
    left = _find_name(_left.match(text, end)) if broken else None
    end = _end_of(_open, text, left.end() if left else end)
    if end != len(text):
        return None
    return _Gap(right is not None, left is not None, mark["place"] if mark else None)


def _find_name(found: re.Match[str] | None) -> re.Match[str] | None:
    """Return a match of LEFT, None where its name is a label's: that begins another part of the text."""
    return None if found is None or find_part(found["name"] or found["link"]) else found


def _build_block(text: str, keys: list[re.Match[str]], gaps: list[_Gap]) -> Block:
    start = _find_start(text, keys[0].start(), gaps[0].has_left)
    end = _find_end(text, keys[-1].end(), gaps[-1].has_right)
    return Block(
        start.place,
        end.place,
        tuple(key[0].removeprefix("nostr:") for key in keys),
        (start.number, *(gap.place for gap in gaps)),
        _has_label(text, start.place),
        any((start.has_name, *(gap.has_left for gap in gaps)))
        and any((end.has_name, *(gap.has_right for gap in gaps))),
    )


def _find_start(text: str, key: int, may_be_named: bool) -> _Edge:
    """Return where a list begins whose first key begins at `key`, and the number of its first entry."""
    end = _find_open(text, key)
    line = max(text.rfind("\n", 0, end) + 1, end - _NAME_CHARS)
    named = _find_name(_NAME_BEFORE.search(text, line, end))
    if named and named["link"] and text[end] != "(":
        named = None
    # Behind a label the name of the first key alone is no part of the words.
    if named and (may_be_named or _has_label(text, named.start())):
        return _Edge(named.start(), True, named["place"])
    mark = _MARK_BEFORE.search(text, line, end)
    return _Edge(end) if mark is None else _Edge(mark.start(), number=mark["place"])


def _find_open(text: str, end: int) -> int:
    """Return where the longest OPEN begins that ends at `end`. Backwards: a pattern takes up to 8 ms from the beginning."""
    if text.startswith("@", end - 1, end):
        end -= 1
    end -= next((len(sign) for sign in _Q_SIGNS if text.endswith(sign, 0, end)), 0)
    bracket = end
    while bracket and text[bracket - 1] in WHITE_SPACE:
        bracket -= 1
    return bracket - 1 if bracket and text[bracket - 1] in _OPENING else end


def _find_end(text: str, end: int, may_be_named: bool) -> _Edge:
    """Return where a list ends whose last key ends at `end`."""
    end = _end_of(_close, text, end)
    right = _RIGHT.match(text, end)
    has_name = right is not None and bool(right["inner"] or right["sign"] or may_be_named)
    if right and has_name:
        end = right.end()
    return _Edge(end + 1 if text[end : end + 1] in (",", ";", ".") else end, has_name)


def _has_label(text: str, end: int) -> bool:
    lines = strip_outside(text[max(0, end - _LABEL_CHARS) : end])
    return find_label(lines[lines.rfind("\n") + 1 :]) is Part.MEMBERS


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Return where the match of a pattern ends that matches always, be it nothing."""
    found = pattern.match(text, start)
    return found.end() if found else start
