"""A stranger's words in quotes: exact, and harmless on a terminal."""

import json
import unicodedata


def quote_lines(text: str) -> list[str]:
    """Return each line of a text in quotes, with its end. What a terminal would not show as it is, is escaped as in JSON."""
    lines = text.splitlines(keepends=True) or [""]
    return ["".join(map(_escape, json.dumps(line, ensure_ascii=False))) for line in lines]


def _escape(char: str) -> str:
    # Categories C*: control, format (bidirectional marks too), unassigned. Z*: spaces, of which only one looks like itself.
    is_shown = char == " " or not unicodedata.category(char).startswith(("C", "Z"))
    return char if is_shown else json.dumps(char)[1:-1]
