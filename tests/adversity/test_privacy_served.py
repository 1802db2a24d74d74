"""The relay as an operator runs it, a process of its own with its own Postgres: what that Postgres keeps of its clients.

The other privacy tests start their process with `serving`, which knows nothing of what is looked for.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.database_profile import DURABILITY_SETTINGS, PRIVACY_SETTINGS, check_privacy_settings
from tests.support.client import Client
from tests.support.events import make_ring_note

_REPOSITORY = Path(__file__).resolve().parents[2]
_START_S = 60.0
_STOP_S = 15.0


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Served:
    """A running `ringrelay serve`, and what it has written so far."""

    port: int
    private_port: int
    data_dir: Path
    error_file: Path
    process: asyncio.subprocess.Process
    printed: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def postgres_log(self) -> str:
        return (self.data_dir / "postgres" / "postgres.log").read_text(encoding="utf-8")

    def read_errors(self) -> str:
        return self.error_file.read_text(encoding="utf-8")

    async def connect_as_superuser(self) -> asyncpg.Connection:
        host = str(self.data_dir / "postgres" / "socket")
        return await asyncpg.connect(host=host, port="5432", user="postgres", database="ringrelay")

    async def fetch(self, path: str) -> bytes:
        """Return the whole answer to a GET on the private port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.private_port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(_START_S):
            answer = await reader.read()
        writer.close()
        return answer

    async def stop(self) -> None:
        """End it as an operator does, and keep what it printed."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        async with asyncio.timeout(_STOP_S):
            self.printed += await self.process.stdout.read()
            assert await self.process.wait() == 0


@asynccontextmanager
async def serving(directory: Path, *, prelude: str = "", **environment: str) -> AsyncIterator[Served]:
    """Run the relay while the context lasts; `prelude` is Python that runs in its process first."""
    port, private_port = find_free_port(), find_free_port()
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RELAY_")},
        "PYTHONPATH": str(_REPOSITORY),
        "RELAY_DATA_DIR": str(directory / "data"),
        "RELAY_SERVER__PORT": str(port),
        "RELAY_SERVER__PRIVATE_PORT": str(private_port),
        "RELAY_METRICS__TICK_S": "0",
        "RELAY_DATABASE__SHARED_BUFFERS_MIB": "32",
        **environment,
    }
    command = ["-m", "relay", "serve"]
    if prelude:
        command = ["-c", f"{prelude}\nimport sys\nfrom relay.cli import main\nsys.exit(main(['serve']))"]
    error_file = directory / "stderr.txt"
    with error_file.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=variables, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    served = Served(port, private_port, directory / "data", error_file, process)
    try:
        await _read_greeting(served)
        yield served
        await served.stop()
    finally:
        if process.returncode is None:
            await _end(served)


async def _end(served: Served) -> None:
    """End a relay after a failure, whatever state it is in, and its Postgres with it."""
    served.process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await served.process.wait()
    except TimeoutError:
        served.process.kill()
        await served.process.wait()
        pid_file = served.data_dir / "postgres" / "cluster" / "postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text(encoding="ascii").partition("\n")[0]), signal.SIGQUIT)


async def _read_greeting(served: Served) -> None:
    assert served.process.stdout is not None
    async with asyncio.timeout(_START_S):
        while b"ringrelay is ready" not in served.printed:
            line = await served.process.stdout.readline()
            assert line, served.read_errors()
            served.printed += line


@pytest.fixture
async def served(reachable_directory: Path) -> AsyncIterator[Served]:
    async with serving(reachable_directory) as served:
        yield served


async def test_the_server_that_serve_starts_has_every_setting_of_the_profile(served: Served) -> None:
    connection = await served.connect_as_superuser()
    try:
        found = {row["name"]: row["setting"] for row in await connection.fetch("SELECT name, setting FROM pg_settings")}
        deviations = await check_privacy_settings(connection)
        own_settings = await connection.fetchval("SELECT count(*) FROM pg_db_role_setting")
    finally:
        await connection.close()
    wanted = {setting.name: setting for setting in (*PRIVACY_SETTINGS, *DURABILITY_SETTINGS)}
    assert deviations == []
    assert {
        name for name, setting in wanted.items() if found[name] not in {setting.wanted, *setting.also_fine}
    } == set()
    # No role and no database has settings of its own that would undo these.
    assert own_settings == 0
    assert found["log_min_messages"] == "fatal"
    # Neither %t nor %m, %n, %s: no line has a time; nor %h, %r: no address.
    assert found["log_line_prefix"] == ""
    assert found["listen_addresses"] == ""
    assert found["logging_collector"] == "off"


async def test_a_failing_statement_leaves_nothing_in_the_log_of_postgres(served: Served) -> None:
    connection = await served.connect_as_superuser()
    try:
        before = served.postgres_log
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("SELECT 'canary-literal' FROM canary_table")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch("SELECT 1 / (length($1) - length($1))", "canary-parameter")
        await connection.execute("CREATE TABLE canary (value text PRIMARY KEY); INSERT INTO canary VALUES ('canary')")
        with pytest.raises(asyncpg.UniqueViolationError) as refused:
            await connection.execute("INSERT INTO canary VALUES ('canary')")
        # This is what would stand in the log.
        assert "canary" in refused.value.detail
        await connection.execute("DO $$ BEGIN RAISE WARNING 'canary-warning'; RAISE LOG 'canary-log'; END $$")
        assert served.postgres_log == before
    finally:
        await connection.close()


async def test_the_log_of_postgres_holds_no_time_and_no_note(served: Served) -> None:
    note = make_ring_note("canary-in-the-content", scope="canary-in-the-scope")
    async with Client(served.url) as client:
        await client.publish_all(note)
        await _end_sessions(served)
        await client.send("COUNT", "canary-sub", {"ids": [note.id]})
        assert await client.next("COUNT") == ["canary-sub", {"count": 1}]
    await served.stop()
    log = served.postgres_log
    assert "canary" not in log
    assert note.id not in log
    assert "terminating connection" in log
    assert not any(mark in log for mark in ("20", ":0", "UTC")), log


async def _end_sessions(served: Served) -> None:
    """End the sessions of the relay, but for the one that follows the feed; FATAL lines are all that is logged."""
    connection: Any = await served.connect_as_superuser()
    try:
        ended = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE application_name = 'ringrelay' AND query NOT LIKE '%feed%'"
        )
        assert ended
    finally:
        await connection.close()
