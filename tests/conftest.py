"""The fixtures of all tests: Postgres servers, a fresh database for each test, Lightning nodes, and what watches the event loop.

What a fixture needs is imported where it is made: a test of a token bucket waits for no database driver.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support import reporting

if TYPE_CHECKING:
    from tests.support.lnbits import LnbitsRig
    from tests.support.lnd import LndRig
    from tests.support.postgres_servers import Directories, PostgresServer, Servers

# The slowest at the end: what is wrong shows early.
_SLOW_SUITES = ("refusals", "property", "integration", "packaging", "e2e", "browser", "adversity")
_TESTS = Path(__file__).parent
# Marks of tests that are left to a target of their own, and the variable that it sets.
_LEFT_TO = {
    "browser": ("make test-browser", "RELAY_TEST_BROWSER"),
    "forensic": ("make forensic", "RELAY_TEST_FORENSIC"),
    "more": ("make test-more", "RELAY_TEST_MORE"),
}
SERVERS = ["postgres 18", "postgres 16", *(["external"] if os.environ.get("RELAY_TEST_DATABASE_URL") else [])]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(reporting)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow suites last, mark what needs a server, and skip what other targets than `make test` run."""
    items.sort(key=_find_place)
    for item in items:
        # Whatever runs a server keeps it in one of these.
        if isinstance(item, pytest.Function) and "directories" in item.fixturenames:
            item.add_marker("servers")
        for name, (target, variable) in _LEFT_TO.items():
            left = item.get_closest_marker(name)
            if left is not None and os.environ.get(variable) != "1":
                item.add_marker(pytest.mark.skip(reason=f"`{target}` runs it: it {left.args[0]}"))


def _find_place(item: pytest.Item) -> int:
    suite = item.path.relative_to(_TESTS).parts[0]
    return 1 + _SLOW_SUITES.index(suite) if suite in _SLOW_SUITES else 0


@pytest.fixture(scope="session")
def directories() -> Iterator[Directories]:
    from tests.support.postgres_servers import Directories

    made = Directories()
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_servers(directories: Directories) -> Iterator[Servers]:
    from tests.support.postgres_servers import Servers

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
    from tests.support.lnbits import LnbitsRig

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
    from tests.support.lnd import LndRig

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
