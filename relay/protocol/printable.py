"""Strangers' texts made harmless to show, in a terminal and on a page: one table of what nobody can see. Knows no screen."""

import re
import unicodedata

# What stands on a page in the place of a character that cannot be seen.
MARK = "\ufffd"
# Letters and signs that look like nothing: fillers of Hangul and Khmer, the joiner of graphemes, the empty Braille cell.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# The zero-width non-joiner and joiner.
_JOINERS = frozenset("\u200c\u200d")
_joiner = re.compile("[\u200c\u200d]")
_KEPT = frozenset("\n\t")
# Where they belong to the spelling, and between pictographs, which are So, Sk (skin tones) and variation selectors.
_JOINED_SCRIPTS = frozenset(
    (
        "ARABIC",
        "SYRIAC",
        "MONGOLIAN",
        "DEVANAGARI",
        "BENGALI",
        "GURMUKHI",
        "GUJARATI",
        "ORIYA",
        "TAMIL",
        "TELUGU",
        "KANNADA",
        "MALAYALAM",
        "SINHALA",
        "KHMER",
        "MYANMAR",
    )
)
_PICTOGRAPHS = frozenset(("So", "Sk"))
_SELECTORS = frozenset("\ufe0e\ufe0f")
# Alphabets that have letters in common by their looks (Unicode technical standard 39).
_ALIKE = frozenset(("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"))


def is_hidden(char: str) -> bool:
    """Return whether a character cannot be seen, controls a screen, or reorders the text around it."""
    # Categories C*: control, format (bidirectional marks too), surrogates, unassigned. Zl and Zp: line separators.
    return char in _BLANK or unicodedata.category(char).startswith(("C", "Zl", "Zp"))


def to_one_line(text: str, max_chars: int) -> str:
    """Return the beginning of a stranger's text on one line, with a space for each character that is hidden."""
    line = text[:max_chars]
    return line.translate({ord(char): " " for char in set(line) if is_hidden(char)}).strip()


def to_lines(text: str) -> str:
    """Return a stranger's text with its line ends and tabs, and a mark for each other character that is hidden.

    A joiner stays where it belongs to the spelling: what is left of it elsewhere makes two texts look alike.
    """
    text = text.replace("\r\n", "\n")
    # Of 100,000 characters few are different.
    hidden = {char for char in set(text) - _KEPT if is_hidden(char)}
    marked = text.translate(dict.fromkeys(map(ord, hidden - _JOINERS), MARK))
    return _joiner.sub(lambda found: found[0] if _is_joined(marked, found.start()) else MARK, marked)


def has_lookalikes(text: str) -> bool:
    """Return whether a text has letters of several alphabets that look alike, such as a Cyrillic a in a Latin name."""
    return len({script for char in text if (script := _find_script(char)) in _ALIKE}) > 1


def _is_joined(text: str, place: int) -> bool:
    """Return whether a joiner stands between two letters or pictographs that are written with one."""
    if not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if before in _SELECTORS and place > 1:
        before = text[place - 2]
    if {unicodedata.category(before), unicodedata.category(after)} <= _PICTOGRAPHS:
        return text[place] == "\u200d"
    return _find_script(before) in _JOINED_SCRIPTS and _find_script(after) in _JOINED_SCRIPTS | {""}


def _find_script(char: str) -> str:
    """Return the first word of a character's name, which is its script in what is asked here; "" for no letter or mark."""
    if not unicodedata.category(char).startswith(("L", "M")):
        return ""
    return unicodedata.name(char, "").partition(" ")[0]
