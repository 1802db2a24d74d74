"""Real Postgres servers with a database for each test, and the directories that they live in. Knows no fixture."""

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.migrate import apply_migrations, find_migrations_directory

EXTERNAL_URL = os.environ.get("RELAY_TEST_DATABASE_URL")

# A database that lives for one test need not survive a power cut. Tests about durability start servers of their own.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def _make_reachable_directory(parent: Path) -> Path:
    """Make a directory with a short path (sockets) that the system user can pass through when the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="rr-", dir=parent))
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return directory


class Directories:
    """Make directories for servers. A process beside the tests removes them, and ends the servers if the tests die."""

    def __init__(self) -> None:
        self.root = _make_reachable_directory(Path("/tmp"))
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).parent / "watcher.py")],
            stdin=subprocess.PIPE,
            text=True,
            # What is sent to the process group of the tests, as Ctrl-C is, is not for it.
            start_new_session=True,
        )
        self._tell(self.root)

    @contextmanager
    def make(self) -> Iterator[Path]:
        directory = _make_reachable_directory(self.root)
        try:
            yield directory
        finally:
            self._tell(directory)

    def close(self) -> None:
        self._watcher.communicate()
        assert self._watcher.returncode == 0

    def _tell(self, directory: Path) -> None:
        assert self._watcher.stdin is not None
        print(directory, file=self._watcher.stdin, flush=True)


@dataclass(frozen=True)
class PostgresServer:
    """A running server: how to make databases on it, how the relay connects to it, and the migrated template."""

    label: str
    admin: dict[str, Any]
    relay: dict[str, Any]
    template: str

    async def create_database(self, template: str | None = None) -> dict[str, Any]:
        """Copy the template into a new database, and return the arguments to connect to it with asyncpg."""
        name = f"test_{secrets.token_hex(6)}"
        # In 50 to 80 ms, where the default, which writes all of it to the log, takes 120 to 180.
        options = f"{self._owner()} STRATEGY FILE_COPY"
        await self._administer(f'CREATE DATABASE {name} TEMPLATE "{template or self.template}" {options}')
        return {**self.relay, "database": name}

    @asynccontextmanager
    async def database(self, template: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """Make a new database that is dropped at the end."""
        arguments = await self.create_database(template)
        try:
            yield arguments
        finally:
            await self.drop_database(arguments)

    async def drop_database(self, arguments: dict[str, Any]) -> None:
        await self._administer(f'DROP DATABASE "{arguments["database"]}" WITH (FORCE)')

    async def create_template(self) -> None:
        """Migrate the database that all others are copies of."""
        await self._administer(f"CREATE DATABASE {self.template} TEMPLATE template0 {self._owner()}")
        connection = await asyncpg.connect(**{**self.relay, "database": self.template})
        try:
            await apply_migrations(connection, find_migrations_directory())
        finally:
            await connection.close()
        await self._allow_to_drop_old_log()

    async def _allow_to_drop_old_log(self) -> None:
        """Give the relay's role the rights that it has in its own Postgres; databases that are copied have them, too."""
        if "user" not in self.relay:
            return
        admin = await asyncpg.connect(**{**self.admin, "database": self.template})
        try:
            await admin.execute(f"GRANT pg_checkpoint TO {self.relay['user']}")
            await admin.execute(f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {self.relay['user']}")
        finally:
            await admin.close()

    async def drop_template(self) -> None:
        await self._administer(f"DROP DATABASE IF EXISTS {self.template} WITH (FORCE)")

    def _owner(self) -> str:
        return f"OWNER {self.relay['user']}" if "user" in self.relay else ""

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(**self.admin)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class Servers:
    """Start each server when it is first asked for, and end them all."""

    def __init__(self, directory: Path) -> None:
        self._servers: dict[str, PostgresServer] = {}
        self._migrated: set[str] = set()
        self._embedded: list[EmbeddedPostgres] = []
        self._directory = directory

    async def get(self, label: str) -> PostgresServer:
        if label not in self._servers:
            self._servers[label] = await self._start(label, f"template_{secrets.token_hex(6)}")
        server = self._servers[label]
        if label not in self._migrated:
            # A migration that fails fails every test that needs it with its own error, so it is tried each time.
            await server.drop_template()
            await server.create_template()
            self._migrated.add(label)
        return server

    async def _start(self, label: str, template: str) -> PostgresServer:
        if label == "external":
            return PostgresServer(label, {"dsn": EXTERNAL_URL}, {"dsn": EXTERNAL_URL}, template)
        major = int(label.removeprefix("postgres "))
        embedded = EmbeddedPostgres(
            self._directory / str(major), major=major, shared_buffers="64MB", extra_settings=NOT_DURABLE
        )
        self._embedded.append(embedded)
        await embedded.start()
        return PostgresServer(label, embedded.superuser_arguments, embedded.connect_arguments, template)

    async def stop(self) -> None:
        try:
            if "external" in self._servers:
                await self._servers["external"].drop_template()
        finally:
            await asyncio.gather(*(embedded.stop() for embedded in self._embedded))
