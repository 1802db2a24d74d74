"""The relay as an operator runs it: a process of its own with its own Postgres, and what ends both."""

import asyncio
import itertools
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from relay.postgres.embedded.cluster import DATABASE, PORT, ROLE
from tests.support.raw import port_of
from tests.support.time_factor import scaled
from tests.support.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
# Settings for a relay that is to take all it is sent.
LOAD_SETTINGS = {"ACCEPT__PLAIN": "true", "LIMITS__EVENTS_PER_S": "100000"}
_READY_S = scaled(60.0)
_STOP_S = scaled(15.0)
# Each process that runs tests begins somewhere else.
_PORTS = itertools.count(61 * os.getpid())


def exists(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def list_children(parent: int) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name, in parentheses, may hold spaces; what follows is the state and the parent.
            if int(entry.read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.add(int(entry.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def list_workers(parent: int) -> tuple[int, set[int]]:
    """Return the process of which a relay's workers, which verify, are forked, 0 if there is none; and the workers."""
    for child in list_children(parent):
        try:
            if b"relay.verify.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child, {pid for pid in list_children(child) if exists(pid)}
        except (FileNotFoundError, ProcessLookupError):
            continue
    return 0, set()


def has_signal(mask: str, pid: int, signal_number: signal.Signals) -> bool:
    """Tell whether a signal is in one of a process's masks: SigCgt of those caught, ShdPnd of those waiting."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = next(line for line in status.splitlines() if line.startswith(f"{mask}:"))
    return bool(int(found.split()[1], 16) & 1 << (signal_number - 1))


def send_signal(pid: int, signal_number: signal.Signals) -> None:
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        pass  # It ended by itself in between.


def find_free_port() -> int:
    """Return a port that nothing listens on, below those that the system hands out, which tests beside this one get."""
    while True:
        port = 20_000 + next(_PORTS) % 12_000
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


class ServeProcess:
    """Run `ringrelay serve` on a directory, with free ports.

    `settings` are RELAY_* variables without the prefix; `variables` are for Python itself. `prelude` is Python that
    runs in the process first. `python` is the interpreter, with what is installed for it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        prelude: str = "",
        python: str = sys.executable,
        variables: Mapping[str, str] = MappingProxyType({}),
        **settings: str,
    ) -> None:
        self.directory = directory
        self.private_port = find_free_port()
        self.url = ""
        self.printed = bytearray()
        self.process: Process
        self._prelude = prelude
        self._python = python
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RELAY_")},
            "PYTHONPATH": str(REPOSITORY),
            "RELAY_DATA_DIR": str(self.data_dir),
            "RELAY_SERVER__PORT": "0",
            "RELAY_SERVER__PRIVATE_PORT": str(self.private_port),
            "RELAY_DATABASE__SHARED_BUFFERS_MIB": "16",
            # Tests that are not about it mine nothing; a test with a configuration of its own says what it wants.
            **({} if (directory / "relay.toml").exists() else {"RELAY_TIERS": '[{"path": "/"}]'}),
            **{f"RELAY_{name}": value for name, value in settings.items()},
            **variables,
        }

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return port_of(self.url)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> str:
        """Return all that this and earlier relays on the directory wrote to standard error."""
        return self._log_file.read_text(encoding="utf-8")

    @property
    def postgres_log(self) -> str:
        return (self.data_dir / "postgres" / "postgres.log").read_text(encoding="utf-8")

    @property
    def _log_file(self) -> Path:
        return self.directory / "serve.log"

    def connect_arguments(self, user: str = ROLE, database: str = DATABASE) -> dict[str, Any]:
        """Return what asyncpg needs to connect as the relay does."""
        return {"host": str(self.data_dir / "postgres" / "socket"), "port": PORT, "user": user, "database": database}

    async def start(self) -> None:
        command = ["-m", "relay", "serve"]
        if self._prelude:
            command = ["-c", f"{self._prelude}\nimport sys\nfrom relay.cli import main\nsys.exit(main(['serve']))"]
        with self._log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(self._python, *command),
                stdout=PIPE,
                stderr=log,
                env=self._environment,
                # Only some tests have put a relay.toml there.
                cwd=self.directory,
            )

    async def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(_READY_S):
            while line := await self.process.stdout.readline():
                self.printed += line
                if line.startswith(b"  relay "):
                    self.url = line.decode().split()[1]
                if line.startswith(b"  first note "):
                    return
        raise AssertionError(f"the relay ended before it was ready: {self.log}")

    def list_postgres(self) -> list[int]:
        """Return the process ids of the built-in Postgres, the postmaster first."""
        pid_file = self.data_dir / "postgres" / "cluster" / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return []
        return [pid, *sorted(list_children(pid))] if exists(pid) else []

    async def wait_for_end(self, bound_s: float = _STOP_S) -> int:
        """Return the exit status."""
        async with asyncio.timeout(bound_s):
            return await self.process.wait()

    async def stop(self) -> None:
        """End it as an operator does, expect that it ends well, and keep what it printed; once is enough."""
        if self.process.returncode is None:
            self.process.terminate()
        assert self.process.stdout is not None
        async with asyncio.timeout(_STOP_S):
            self.printed += await self.process.stdout.read()
        assert await self.wait_for_end() == 0, self.log

    async def kill_everything(self) -> None:
        """Freeze the relay and every process of its Postgres, then kill them all: one moment for the whole machine."""
        send_signal(self.pid, signal.SIGSTOP)
        pids = {self.pid}
        # A frozen postmaster forks no more; what it forked before it froze, the next look finds.
        while new := set(self.list_postgres()) - pids:
            for pid in sorted(new, key=lambda pid: pid not in self.list_postgres()[:1]):
                send_signal(pid, signal.SIGSTOP)
            pids |= new
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        await self.wait_for_end()
        await until(lambda: not any(map(exists, pids)))


@asynccontextmanager
async def started(relay: ServeProcess) -> AsyncIterator[ServeProcess]:
    """Start a relay process; whatever is left of it at the end is killed."""
    await relay.start()
    try:
        yield relay
    finally:
        if relay.process.returncode is None or relay.list_postgres():
            await relay.kill_everything()


@asynccontextmanager
async def serve(directory: Path, **options: Any) -> AsyncIterator[ServeProcess]:
    """Run a relay process that is ready; whatever is left of it at the end is killed. Options are ServeProcess's."""
    async with started(ServeProcess(directory, **options)) as relay:
        await relay.wait_until_ready()
        yield relay
