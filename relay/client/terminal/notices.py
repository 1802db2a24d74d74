"""Notices on stderr, and strangers' texts made safe to print. Knows nothing of relays."""

import sys
import unicodedata

# Room for a Lightning invoice, not for a flood.
MAX_SHOWN_CHARS = 2_000


def to_printable(text: str) -> str:
    """Return a stranger's text on one line, without characters that control a terminal or reorder its text."""
    # Categories C*: control, format (bidirectional marks too), surrogates, unassigned. Zl and Zp: line separators.
    is_safe = (not unicodedata.category(char).startswith(("C", "Zl", "Zp")) for char in text[:MAX_SHOWN_CHARS])
    return "".join(char if safe else " " for char, safe in zip(text, is_safe, strict=False)).strip()


def print_notice(text: str) -> None:
    """Print a notice on stderr."""
    # If stderr is closed from the start, it is None, and print would use stdout, which is for programs.
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def print_warning(text: str) -> None:
    """Print a warning on stderr."""
    print_notice(f"warning: {text}")
