"""Notices on stderr, and strangers' texts made safe to print. Knows nothing of relays."""

import sys

from relay.protocol.printable import to_one_line

# Room for a Lightning invoice, not for a flood.
MAX_SHOWN_CHARS = 2_000


def to_printable(text: str) -> str:
    """Return a stranger's text on one line, without characters that control a terminal or reorder its text."""
    return to_one_line(text, MAX_SHOWN_CHARS)


def print_notice(text: str) -> None:
    """Print a notice on stderr."""
    # If stderr is closed from the start, it is None, and print would use stdout, which is for programs.
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def print_warning(text: str) -> None:
    """Print a warning on stderr."""
    print_notice(f"warning: {text}")
