"""A text as a QR code on a terminal. Does not know what it means."""

import os
import sys

from relay.client.terminal.notices import print_notice

# The white border in modules: without it no camera finds the code (ISO/IEC 18004 asks for 4).
_QUIET_MODULES = 4
# For a terminal that does not report its width.
_USUAL_COLUMNS = 80
_HALF_BLOCKS = "▀▄█"


def print_qr(text: str) -> None:
    """Print a text as a QR code on stderr, if that is a terminal with these characters and enough room."""
    if sys.stderr is None or not sys.stderr.isatty() or not _has_half_blocks(sys.stderr.encoding):
        return
    # Imported here: commands without a QR code start faster.
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
