"""A program on a terminal of its own, for tests: what a person types, and what the screen shows. Knows no program."""

import asyncio
import os
import pty
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass

from tests.support.command import ENVIRONMENT
from tests.support.time_factor import scaled

_BOUND_S = scaled(60.0)
# The first process of a session takes the terminal for its own, so that /dev/tty is it, and becomes the program.
_TAKE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@dataclass
class Shown:
    """How a program ended, what its terminal showed, and what it wrote to stdout where that was a pipe."""

    status: int
    screen: str
    out: str


async def run_on_terminal(
    *arguments: str,
    typed: tuple[tuple[str, str], ...] = (),
    stdin: str | None = None,
    has_pipes: bool = False,
    **variables: str,
) -> Shown:
    """Run `ringrelay` on a new terminal, and type a text whenever the one before it is shown.

    Stdin is the terminal unless a text is given for it. With has_pipes only the controlling terminal is there: stdout and
    stderr are pipes, as in a script.
    """
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _TAKE_TERMINAL, str(theirs), "-m", "relay", *arguments),
        env={**ENVIRONMENT, **variables},
        stdin=theirs if stdin is None else PIPE,
        stdout=PIPE,
        stderr=PIPE if has_pipes else theirs,
        start_new_session=True,
        pass_fds=(theirs,),
    )
    os.close(theirs)
    reading = asyncio.create_task(asyncio.to_thread(_follow_screen, ours, typed))
    async with asyncio.timeout(_BOUND_S):
        out, err = await process.communicate(None if stdin is None else stdin.encode())
        screen = await reading
    os.close(ours)
    assert process.returncode is not None
    return Shown(process.returncode, screen + (err or b"").decode(), out.decode())


def _follow_screen(descriptor: int, typed: tuple[tuple[str, str], ...]) -> str:
    shown, place = b"", 0
    while True:
        while typed and (found := shown.find(typed[0][0].encode(), place)) >= 0:
            place = found + len(typed[0][0].encode())
            os.write(descriptor, typed[0][1].encode())
            typed = typed[1:]
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # So Linux says that nobody has the other end open.
            piece = b""
        if not piece:
            return shown.decode().replace("\r\n", "\n")
        shown += piece
