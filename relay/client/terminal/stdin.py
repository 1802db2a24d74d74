"""All of stdin, up to a bound. Does not know what it is for."""

import sys

from relay.client.terminal.bad_input import BadInput


def read_stdin(max_bytes: int, request: str, advice: str) -> bytes:
    """Return all of stdin, after a request to the person if it is a terminal. Raises BadInput, with advice, for more."""
    if sys.stdin.isatty():
        print(f"{request}; end with Ctrl-D on a line of its own.", file=sys.stderr)
    raw = sys.stdin.buffer.read(max_bytes + 1)
    if len(raw) > max_bytes:
        raise BadInput(f"stdin holds more than {max_bytes} bytes: {advice}")
    return raw
