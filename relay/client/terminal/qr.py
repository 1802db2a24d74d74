"""A text as a QR code on a terminal. Knows not what it says."""

import os
import sys

from relay.client.terminal.notices import print_notice

# White around the code, in modules: without it no camera finds it (ISO/IEC 18004 asks for 4).
_QUIET_MODULES = 4
# Where the terminal does not say how wide it is.
_USUAL_COLUMNS = 80
_HALF_BLOCKS = "▀▄█"


def print_qr(text: str) -> None:
    """Draw a text on stderr, where that is a terminal with the letters and the room for it."""
    if sys.stderr is None or not sys.stderr.isatty() or not _has_half_blocks(sys.stderr.encoding):
        return
    # Imported here: the commands that draw nothing start without it.
    import segno

    code = segno.make_qr(text, error="l")
    width, _ = code.symbol_size(border=_QUIET_MODULES)
    if width > (os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS):
        print_notice(f"(a terminal of {width} columns would show a QR code here)\n")
        return
    code.terminal(out=sys.stderr, border=_QUIET_MODULES, compact=True)


def _has_half_blocks(encoding: str) -> bool:
    try:
        _HALF_BLOCKS.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
