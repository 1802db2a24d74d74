"""Somebody else's server as a process of its own, for tests: started, awaited, ended by its pid. Knows no server."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.time_factor import scaled
from tests.support.waiting import until

_STOP_S = scaled(30.0)


class Program:
    """Run a command in a new directory, which holds all it writes; `variables` are its whole environment but for PATH."""

    def __init__(self, directory: Path, *command: str | Path, **variables: str) -> None:
        directory.mkdir(mode=0o700)
        self.directory = directory
        self._command = command
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **variables}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, is_ready: Callable[[], Awaitable[bool]], bound_s: float) -> None:
        """Start it and wait until it is ready; OSError means not yet."""
        process = self._process = self._spawn()

        async def has_begun() -> bool:
            assert process.poll() is None, f"{self._command[0]} ended: {self._log_file.read_text('utf-8')[-2000:]}"
            try:
                return await is_ready()
            except OSError:
                return False

        await until(has_begun, bound_s)

    async def stop(self) -> None:
        """End it, by force if it does not end by itself; that it ended already is no error."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, _STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def read_files(self) -> bytes:
        """Return all that it wrote down, in its log and elsewhere, one file after the other."""
        return b"".join(path.read_bytes() for path in self.directory.rglob("*") if path.is_file())

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Start it as no process of asyncio's: it outlives the event loop that it was started in."""
        assert self._process is None
        with self._log_file.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def _log_file(self) -> Path:
        return self.directory / "printed.log"
