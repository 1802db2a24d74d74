"""What a terminal shows of an invoice."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE

import pytest
import segno

from relay.protocol.event import encode_event
from tests.support.command import ENVIRONMENT
from tests.support.priced_relay import (
    BOLT11,
    BOUND_S,
    NOTE,
    OFFER,
    PAY_URL,
    in_turn,
    ok,
    run_priced_relay,
)

QR = segno.make_qr(f"LIGHTNING:{BOLT11.upper()}", error="l")
QR_COLUMNS = QR.symbol_size(border=4)[0]
HALF_BLOCKS = {" ": (1, 1), "▀": (0, 1), "▄": (1, 0), "█": (0, 0)}


async def show_on_terminal(columns: int, **variables: str) -> str:
    """Return what a terminal of that width shows of a priced answer."""
    ours, theirs = pty.openpty()
    # Rows and columns; 0 is what a terminal says that does not know.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
    async with run_priced_relay(in_turn(ok(False, OFFER), ok(True))) as relay:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "relay", "publish", relay.url),
            env={**ENVIRONMENT, **variables},
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        reading = asyncio.create_task(asyncio.to_thread(read_terminal, ours))
        async with asyncio.timeout(BOUND_S):
            await process.communicate(encode_event(NOTE))
            shown = await reading
    os.close(ours)
    assert process.returncode == 0
    return shown


def read_terminal(descriptor: int) -> str:
    shown = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # So Linux says that nobody has the other end open.
            piece = b""
        if not piece:
            return shown.decode().replace("\r\n", "\n")
        shown += piece


@pytest.mark.parametrize("columns", [0, QR_COLUMNS, 200])
async def test_a_terminal_shows_the_invoice_as_a_qr_code(columns: int) -> None:
    shown = await show_on_terminal(columns)
    rows = [line for line in shown.splitlines() if set(line) <= set(HALF_BLOCKS) and len(line) > 20]
    modules = [bytes(HALF_BLOCKS[char][half] for char in row) for row in rows for half in (0, 1)]
    wanted = [bytes(row) for row in QR.matrix_iter(border=4)]
    assert modules[: len(wanted)] == wanted
    assert BOLT11 in shown.splitlines()


@pytest.mark.parametrize(("columns", "variables"), [(QR_COLUMNS - 1, {}), (200, {"PYTHONIOENCODING": "ascii"})])
async def test_a_terminal_that_cannot_show_a_qr_code_shows_the_rest(columns: int, variables: dict[str, str]) -> None:
    shown = await show_on_terminal(columns, **variables)
    assert not set(shown) & set("▀▄█")
    assert "\\u2588" not in shown
    assert BOLT11 in "".join(shown.splitlines())
    assert PAY_URL in shown
