"""A few harmless characters of a note, for a refusal: its author sees what is meant. Knows no form."""

import re

# Direction marks and overrides (Unicode 9.12): they would reorder the words of the refusal around them.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# A key or a signature, and by mistake it can be a secret key.
_LONG_WORD = re.compile(r"[0-9A-Za-z_]{20,}")
_SHOWN_OF_LONG = 8
_SECRETS = ("nsec1", "ncryptsec1")
_MAX_CHARS = 40
_MAX_END_CHARS = 16


def quote(text: str) -> str:
    """Return the beginning of a text in quotes: at most 40 characters, printable and in one line. "" for no text."""
    if not text:
        return ""
    shown = _clean(text[: 4 * _MAX_CHARS])
    return f"\u201c{shown}\u201d" if len(shown) <= _MAX_CHARS else f"\u201c{shown[: _MAX_CHARS - 1]}\u2026\u201d"


def quote_ends(text: str) -> str:
    """Return the first and the last words of a text in quotes, and how many characters it has."""
    if len(text) <= _MAX_CHARS:
        shown = _clean(text)
    else:
        first, last = _clean(text[: 4 * _MAX_END_CHARS]), _clean(text[-4 * _MAX_END_CHARS :])
        shown = f"{first[:_MAX_END_CHARS]}\u2026{last[-_MAX_END_CHARS:]}"
    return f"\u201c{shown}\u201d, {len(text)} characters"


def _clean(text: str) -> str:
    """Return a text in one line, with a space in the place of all that cannot be printed, and long words cut."""
    line = " ".join("".join(c if c.isprintable() and c not in _DIRECTIONS else " " for c in text).split())
    return _LONG_WORD.sub(_cut_word, line)


def _cut_word(word: re.Match[str]) -> str:
    secret = next((start for start in _SECRETS if word[0].lower().startswith(start)), None)
    return (secret or word[0][:_SHOWN_OF_LONG]) + "\u2026"
