"""Open the database: the built-in Postgres or the operator's own, checked, migrated, with a pool for each use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import stamina

from relay.log import Log, LogEvent
from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.errors import DATABASE_FAILURES, raise_if_cancelled
from relay.postgres.migrate import find_migrations_directory, migrate
from relay.postgres.privacy_settings import check_privacy_settings
from relay.postgres.settings import DatabaseSection

_CONNECT_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
_FIRST_CONNECT_ATTEMPTS = 10
_FIRST_CONNECT_BUDGET_S = 45.0
_POOLER_CHECK_ROUNDS = 3
_COMMIT_TIMEOUT_S = 30.0
_HUNG_AFTER_S = 5.0
# One for the writer, one for the feed, one for payments, one for what is done now and then.
_WRITE_CONNECTIONS = 4
# Whether an id is stored is asked for many events at once, and never waits behind the queries of readers.
_LOOKUP_CONNECTIONS = 1
# Each prepared statement holds a plan in the server's memory, once a connection.
_CACHED_STATEMENTS = 64
_CACHED_LOOKUPS = 8
# Ordered index scans are what relay/storage/query.py is written for; without statistics, as after a first day, the planner prefers
# to collect every match and sort it (measured: 8 ms instead of 0.4 for the newest 100 of 30,000).
_READ_SETTINGS = {
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # One plan a shape of filter: planning costs as much as running.
    "plan_cache_mode": "force_generic_plan",
    "application_name": "ringrelay",
}
_WRITE_SETTINGS = {"jit": "off", "application_name": "ringrelay"}


class DatabaseError(Exception):
    """Say why the database cannot be used and what to do."""


@dataclass(frozen=True, slots=True)
class Database:
    """The pools: readers and lookups have a statement timeout, the writer and the feed a connection each.

    `server_ended` returns when the built-in server has ended by itself; it is None where the server is the operator's.
    """

    readers: asyncpg.Pool
    lookups: asyncpg.Pool
    writers: asyncpg.Pool
    server_ended: Callable[[], Coroutine[Any, Any, None]] | None = None


@dataclass(frozen=True, slots=True)
class _Server:
    """Asyncpg's arguments for a server that runs, and what waits for its end if it is ours."""

    arguments: Mapping[str, Any]
    ended: Callable[[], Coroutine[Any, Any, None]] | None = None


@asynccontextmanager
async def open_database(
    section: DatabaseSection, data_dir: Path, query_timeout_s: float, log: Log
) -> AsyncIterator[Database]:
    """Start or connect to Postgres, migrate it, and close everything at the end.

    Raises EmbeddedError, MigrationError or DatabaseError with what to do.
    """
    async with AsyncExitStack() as stack:
        server = await _find_server(section, data_dir, stack)
        await _prepare(server.arguments, section, log)

        async def open_pool(size: int, settings: Mapping[str, str], timeout_s: float, statements: int) -> asyncpg.Pool:
            pool = await _open_pool(server.arguments, size, settings, timeout_s, statements)
            stack.push_async_callback(_close, pool)
            return pool

        yield Database(
            readers=await open_pool(section.pool_size, _READ_SETTINGS, query_timeout_s, _CACHED_STATEMENTS),
            lookups=await open_pool(_LOOKUP_CONNECTIONS, _READ_SETTINGS, query_timeout_s, _CACHED_LOOKUPS),
            writers=await open_pool(_WRITE_CONNECTIONS, _WRITE_SETTINGS, _COMMIT_TIMEOUT_S, _CACHED_STATEMENTS),
            server_ended=server.ended,
        )


async def migrate_only(section: DatabaseSection, data_dir: Path, log: Log) -> list[str]:
    """Apply what is missing, and return the names of what was applied. Raises as open_database does."""
    async with AsyncExitStack() as stack:
        server = await _find_server(section, data_dir, stack)
        async with _first_session(server.arguments, section, log) as connection:
            return await migrate(connection, find_migrations_directory())


async def _find_server(section: DatabaseSection, data_dir: Path, stack: AsyncExitStack) -> _Server:
    if section.url is not None:
        return _Server({"dsn": section.url.get_secret_value()})
    embedded = EmbeddedPostgres(
        data_dir / "postgres",
        major=section.embedded_version,
        shared_buffers=f"{section.shared_buffers_mib}MB",
    )
    await embedded.start()
    stack.push_async_callback(embedded.stop)
    stack.push_async_callback(_forget_feed, embedded.connect_arguments)
    return _Server(embedded.connect_arguments, embedded.watch)


async def _forget_feed(arguments: Mapping[str, Any]) -> None:
    """Empty the feed of our own server when we stop: nobody else reads it, and it holds the order of the last notes."""
    try:
        connection = await asyncpg.connect(**arguments, timeout=_CONNECT_TIMEOUT_S)
        await connection.execute("TRUNCATE feed")
        await connection.close()
    except DATABASE_FAILURES:
        # It crashed or was stopped first; a crash empties unlogged tables, and the next start prunes what is left.
        return


async def _prepare(arguments: Mapping[str, Any], section: DatabaseSection, log: Log) -> None:
    async with _first_session(arguments, section, log) as connection:
        for deviation in await check_privacy_settings(connection):
            log.write(LogEvent.POSTGRES_SETTING, advice=deviation)
        for name in await migrate(connection, find_migrations_directory()):
            log.write(LogEvent.MIGRATED, name=name)


@asynccontextmanager
async def _first_session(
    arguments: Mapping[str, Any], section: DatabaseSection, log: Log
) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection that has a server process of its own. Raises DatabaseError, also if the database is lost."""
    connection = await _connect(arguments, log)
    try:
        if section.url is not None:
            connections = section.pool_size + _LOOKUP_CONNECTIONS + _WRITE_CONNECTIONS
            await _refuse_transaction_pooler(connection, await _connect(arguments, log), connections)
        yield connection
    except DATABASE_FAILURES as error:
        raise DatabaseError(
            f"the database was lost while it was being prepared ({type(error).__name__}); start again when it is back"
        ) from None
    finally:
        await _end(connection)


async def _connect(arguments: Mapping[str, Any], log: Log) -> asyncpg.Connection:
    """Connect, and be patient with a server that is just starting."""
    try:
        async for attempt in stamina.retry_context(
            on=(OSError, asyncpg.CannotConnectNowError),
            attempts=_FIRST_CONNECT_ATTEMPTS,
            timeout=_FIRST_CONNECT_BUDGET_S,
        ):
            if attempt.num == 2:
                log.write(
                    LogEvent.WAITING_FOR_DATABASE,
                    advice=f"no answer from Postgres yet; trying for up to {_FIRST_CONNECT_BUDGET_S:g} s",
                )
            raise_if_cancelled()
            with attempt:
                # Nothing prepared by name: that fails behind some poolers before they can be told apart.
                return await asyncpg.connect(**arguments, timeout=_CONNECT_TIMEOUT_S, statement_cache_size=0)
    except (*DATABASE_FAILURES, ValueError) as error:
        # The class only: asyncpg's texts can repeat the URL's host and user.
        raise DatabaseError(
            f"cannot connect to Postgres ({type(error).__name__}); is it running, and is database.url right? "
            "In its user and password, special characters are percent-encoded: # is %23, / is %2F, @ is %40"
        ) from None
    raise AssertionError("retry_context ends by returning or raising")


async def _refuse_transaction_pooler(
    connection: asyncpg.Connection, other: asyncpg.Connection, connections: int
) -> None:
    """Raise DatabaseError where sessions are not the relay's own: LISTEN, SET and prepared statements get lost there.

    Closes `other`.
    """
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            shares = await _share_server_processes(connection, other)
    except DATABASE_FAILURES:
        # Poolers end sessions over statements that they do not carry, such as BEGIN in statement mode.
        shares = True
    finally:
        await _end(other)
    if shares:
        raise DatabaseError(
            "database.url leads to a transaction pooler, or to one without a free connection; the relay needs LISTEN and "
            f"prepared statements: connect to Postgres itself, or set the pooler to session mode with {connections} "
            "connections for the relay"
        )


async def _share_server_processes(connection: asyncpg.Connection, other: asyncpg.Connection) -> bool:
    """Tell whether a session's server process changes, or goes to another session while the first is idle."""
    question = "SELECT pg_backend_pid()"
    processes: set[int] = set()
    # Once would do, were nobody else using the pooler.
    for _ in range(_POOLER_CHECK_ROUNDS):
        processes.add(await connection.fetchval(question))
        async with other.transaction():
            if await other.fetchval(question) in processes:
                return True
            processes.add(await connection.fetchval(question))
    return len(processes) > 1


async def _open_pool(
    arguments: Mapping[str, Any], size: int, settings: Mapping[str, str], timeout_s: float, statements: int
) -> asyncpg.Pool:
    wanted = {**settings, "statement_timeout": str(int(timeout_s * 1000))}

    async def apply_settings(connection: asyncpg.Connection) -> None:
        # Not as startup parameters: poolers refuse those they do not know.
        await connection.execute("".join(f"SET {name} = '{value}';" for name, value in wanted.items()))

    return await asyncpg.create_pool(
        **arguments,
        # No floor: a pool that restores one by itself does so for ever while the database is away.
        min_size=0,
        max_size=size,
        timeout=_CONNECT_TIMEOUT_S,
        init=apply_settings,
        # For a server that hangs and does not keep its own timeout.
        command_timeout=timeout_s + _HUNG_AFTER_S,
        # Nothing of ours changes a session, so asyncpg's clean-up, a round trip a query, has nothing to clean.
        reset=_leave_as_is,
        statement_cache_size=statements,
    )


async def _end(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=_CLOSE_TIMEOUT_S)
    except DATABASE_FAILURES:
        connection.terminate()


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _leave_as_is(_: asyncpg.Connection) -> None:
    return
