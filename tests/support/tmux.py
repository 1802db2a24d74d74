"""A shell in a terminal of tmux's, for tests: what a person types, and what is on the screen. Knows no program.

Each has a tmux server of its own, which ends with it.
"""

import asyncio
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.time_factor import scaled
from tests.support.waiting import until

PROMPT = "$ "
COLUMNS, ROWS = 118, 50
_BOUND_S = scaled(60.0)
# More lines than any session has: nothing scrolls away.
_SETTINGS = "set -g history-limit 20000\nset -g default-terminal screen\nset -g status off\n"
_SHELL = ("bash", "--norc", "--noprofile", "-i")


def is_installed() -> bool:
    """Return whether this machine has a tmux."""
    return shutil.which("tmux") is not None


class Tmux:
    """A terminal with a shell in `directory`; `variables` are the shell's whole environment but for the prompt."""

    def __init__(self, directory: Path, state: Path, variables: Mapping[str, str]) -> None:
        self._directory = directory
        self._socket, self._settings, self._written = state / "tmux", state / "tmux.conf", state / "written"
        self._environment = {**variables, "PS1": PROMPT}
        self._seen = 0

    async def start(self) -> None:
        """Open the terminal and wait for the shell."""
        self._settings.write_text(_SETTINGS, encoding="utf-8")
        self._written.touch()
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        # What is written to the terminal goes to a file, too: so it is seen at once, and without asking all the time.
        await self._call("new-session", "-d", *size, "-c", str(self._directory), "cat")
        await self._call("pipe-pane", f"exec cat >> '{self._written}'")
        await self._call("respawn-pane", "-k", "-c", str(self._directory), *_SHELL)
        await self.wait_for(PROMPT)

    async def type(self, text: str) -> None:
        r"""Type ASCII; "\n" is Enter, "\x04" is Ctrl-D."""
        self._seen = self._written.stat().st_size
        await self._call("send-keys", "-H", *(f"{byte:02x}" for byte in text.encode("ascii")))

    async def wait_for(self, end: str) -> None:
        """Wait until what was written since the last keys ends like this."""
        awaited = end.encode()
        try:
            await until(lambda: self._written.read_bytes()[self._seen :].endswith(awaited), _BOUND_S)
        except TimeoutError:
            raise AssertionError(f"no {end!r} at the end of the screen:\n{await self.read_screen()}") from None

    async def read_screen(self) -> str:
        """Return all lines since the beginning, each whole, however often the terminal wrapped it."""
        return await self._call("capture-pane", "-p", "-J", "-S", "-")

    async def stop(self) -> None:
        """End the shell and the tmux server."""
        await self._call("kill-server")

    async def _call(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("tmux", "-S", str(self._socket), "-f", str(self._settings), *arguments),
            env=self._environment,
            stdout=PIPE,
            stderr=PIPE,
        )
        async with asyncio.timeout(_BOUND_S):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()


@asynccontextmanager
async def open_terminal(directory: Path, state: Path, variables: Mapping[str, str]) -> AsyncIterator[Tmux]:
    """Open a terminal whose shell is in `directory`; `state` is a directory for tmux itself."""
    terminal = Tmux(directory, state, variables)
    try:
        await terminal.start()
        yield terminal
    finally:
        await terminal.stop()
