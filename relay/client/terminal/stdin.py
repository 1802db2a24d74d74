"""All of stdin, up to a bound. Does not know what it is for."""

import sys

from relay.client.terminal.bad_input import BadInput

# What Linux keeps of a line that is typed or pasted, without its end. It drops the rest without a word (termios(3)).
_TERMINAL_LINE_BYTES = 4_095


def read_stdin(max_bytes: int, request: str, advice: str) -> bytes:
    """Return all of stdin, after a request to the person if it is a terminal.

    Raises BadInput, with advice, for more, and for a line that the terminal cut.
    """
    if sys.stdin.isatty():
        print(f"{request}; end with Ctrl-D on a line of its own.", file=sys.stderr)
    raw = sys.stdin.buffer.read(max_bytes + 1)
    if len(raw) > max_bytes:
        raise BadInput(f"stdin holds more than {max_bytes} bytes: {advice}")
    for line in raw.split(b"\n"):
        check_whole(line)
    return raw


def check_whole(line: bytes) -> None:
    """Raise BadInput for a line of stdin that is cut, as a terminal cuts a long one."""
    if len(line.rstrip(b"\n")) >= _TERMINAL_LINE_BYTES and sys.stdin.isatty():
        raise BadInput(
            f"the terminal may have cut a line: it keeps {_TERMINAL_LINE_BYTES} bytes of one. Write it into a file, and end "
            "the command with < FILE"
        )
