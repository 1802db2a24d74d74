"""Real Postgres servers and a fresh database for each test; it must not know what any test asks of them."""

import asyncio
import gc
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
import pytest
import pytest_asyncio

from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.migrate import find_migrations_directory, migrate
from tests.support import reporting
from tests.support.lnbits import LnbitsRig
from tests.support.lnd import LndRig

EXTERNAL_URL = os.environ.get("RELAY_TEST_DATABASE_URL")
SERVERS = ["postgres 18", "postgres 16", *(["external"] if EXTERNAL_URL else [])]

# A database that lives for one test need not survive a power cut. Tests about durability start servers of their own.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(reporting)


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
            [sys.executable, "-I", str(Path(__file__).parent / "support" / "watcher.py")],
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
        await self._administer(f'CREATE DATABASE {name} TEMPLATE "{template or self.template}" {self._owner()}')
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
            await migrate(connection, find_migrations_directory())
        finally:
            await connection.close()

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


@pytest.fixture(scope="session")
def directories() -> Iterator[Directories]:
    made = Directories()
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_servers(directories: Directories) -> Iterator[Servers]:
    # The servers belong to no event loop, so each of these short ones will do.
    servers = Servers(directories.root)
    try:
        yield servers
    finally:
        asyncio.run(servers.stop())


@pytest.fixture(scope="session", params=SERVERS)
def postgres_server(request: pytest.FixtureRequest, postgres_servers: Servers) -> PostgresServer:
    """Give every server in turn."""
    return asyncio.run(postgres_servers.get(request.param))


@pytest.fixture(scope="session")
def postgres_server18(postgres_servers: Servers) -> PostgresServer:
    """Give the server that the relay starts unless told otherwise."""
    return asyncio.run(postgres_servers.get("postgres 18"))


@pytest_asyncio.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[dict[str, Any]]:
    """Give asyncpg's arguments for a fresh, migrated database, on every server in turn."""
    async with postgres_server.database() as arguments:
        yield arguments


@pytest_asyncio.fixture
async def database18(postgres_server18: PostgresServer) -> AsyncIterator[dict[str, Any]]:
    """Give asyncpg's arguments for a fresh, migrated database, on one server only."""
    async with postgres_server18.database() as arguments:
        yield arguments


@pytest.fixture
def database_between_loops(postgres_server: PostgresServer) -> Iterator[dict[str, Any]]:
    """Give the same as `database` to a test that runs event loops of its own."""
    arguments = asyncio.run(postgres_server.create_database())
    try:
        yield arguments
    finally:
        asyncio.run(postgres_server.drop_database(arguments))


@pytest_asyncio.fixture
async def empty_database(postgres_server: PostgresServer) -> AsyncIterator[dict[str, Any]]:
    """Give asyncpg's arguments for a database without a schema, on every server in turn."""
    async with postgres_server.database("template0") as arguments:
        yield arguments


@pytest.fixture
def reachable_directory(directories: Directories) -> Iterator[Path]:
    """Give a directory that a built-in Postgres can live in, root or not (tmp_path is closed to its system user)."""
    with directories.make() as directory:
        yield directory


@pytest.fixture(scope="module")
def shared_reachable_directory(directories: Directories) -> Iterator[Path]:
    """Give the same, once for all tests of a file."""
    with directories.make() as directory:
        yield directory


@pytest.fixture(scope="session")
def lnbits(directories: Directories) -> Iterator[LnbitsRig]:
    """Give an LNbits with two wallets. Skips where it is not installed."""
    with directories.make() as directory:
        rig = LnbitsRig(directory)
        try:
            asyncio.run(rig.set_up())
            yield rig
        finally:
            asyncio.run(rig.stop())


@pytest.fixture(scope="session")
def lnd(directories: Directories) -> Iterator[LndRig]:
    """Give two LND nodes with a channel. Skips where they were not asked for."""
    with directories.make() as directory:
        rig = LndRig(directory)
        try:
            asyncio.run(rig.set_up())
            yield rig
        finally:
            asyncio.run(rig.close())


@pytest_asyncio.fixture
async def unhandled_errors() -> AsyncIterator[list[dict[str, Any]]]:
    """Collect what reaches the event loop's exception handler; a test that expects something empties the list."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: contexts.append(context))
    yield contexts
    # A task whose exception nobody took is reported when it is collected; the young generations hold this test's.
    gc.collect(1)
    assert contexts == []


@pytest.fixture(autouse=True)
def _fail_on_unhandled_errors(request: pytest.FixtureRequest) -> None:
    """Watch the loop of every async test, without giving one to the others."""
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("unhandled_errors")
