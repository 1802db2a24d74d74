"""Open the database, built-in or the operator's own: check it, migrate it, and make a pool for each use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import stamina

from relay.log import Log, LogEvent
from relay.postgres.embedded import EmbeddedPostgres, InUseError
from relay.postgres.errors import DATABASE_FAILURES, raise_if_cancelled
from relay.postgres.lending_pool import LendingPool
from relay.postgres.memory import choose_shared_buffers_mib
from relay.postgres.migrate import apply_migrations, find_migrations_directory
from relay.postgres.privacy_settings import check_privacy_settings
from relay.postgres.settings import DatabaseSection

_CONNECT_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
_FIRST_CONNECT_ATTEMPTS = 10
_FIRST_CONNECT_BUDGET_S = 45.0
_POOLER_CHECK_ROUNDS = 3
_COMMIT_TIMEOUT_S = 30.0
_HUNG_AFTER_S = 5.0
# One each for the writer, the feed and payments, and one for occasional work.
_WRITE_CONNECTIONS = 4
# One query looks up whether many ids are stored, and it must never wait behind the queries of readers.
_LOOKUP_CONNECTIONS = 1
# Whoever reads pages waits for others who do, and no client waits for them.
_PAGE_CONNECTIONS = 2
# Each prepared statement has a plan in the server's memory, once per connection.
_CACHED_STATEMENTS = 64
_CACHED_LOOKUPS = 8
# Whatever an operator's database has: who waited for the writer's lock must see what was stored meanwhile.
_ISOLATION = "read committed"
# relay/storage/query.py is written for ordered index scans. Without statistics, as on a first day, the planner prefers to
# collect every match and sort it (measured: 8 ms instead of 0.4 ms for the newest 100 of 30,000).
_READ_SETTINGS = {
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "default_transaction_isolation": _ISOLATION,
    # One plan per shape of filter: planning costs as much as running.
    "plan_cache_mode": "force_generic_plan",
    "application_name": "ringrelay",
}
# What the writer looks up it looks up by a key, a few at a time. A plan that was made while the tables were small would read
# all of them when they are large.
_WRITE_SETTINGS = {
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "default_transaction_isolation": _ISOLATION,
    # Planning one look-up took longer than the look-up itself (1.3 ms).
    "plan_cache_mode": "force_generic_plan",
    "application_name": "ringrelay",
}


# For those who pass a connection on and know nothing of the library.
Connection: TypeAlias = asyncpg.Connection


class DatabaseError(Exception):
    """The reason why the database cannot be used, and what to do."""


@dataclass(frozen=True, slots=True)
class Database:
    """The pools. Readers, lookups and pages have a statement timeout; the writer and the feed have a connection each.

    `server_ended` returns when the built-in server has ended by itself. It is None if the server is the operator's own.
    """

    readers: LendingPool
    lookups: LendingPool
    pages: LendingPool
    writers: asyncpg.Pool
    server_ended: Callable[[], Coroutine[Any, Any, None]] | None = None


@dataclass(frozen=True, slots=True)
class _Server:
    """The arguments of asyncpg.connect for a running server, and what waits for its end if it is built in."""

    arguments: Mapping[str, Any]
    ended: Callable[[], Coroutine[Any, Any, None]] | None = None


@asynccontextmanager
async def open_database(
    section: DatabaseSection, data_dir: Path, query_timeout_s: float, log: Log
) -> AsyncIterator[Database]:
    """Start Postgres or connect to it, migrate it, and close everything at the end.

    Raises EmbeddedError, MigrationError or DatabaseError with what to do.
    """
    async with AsyncExitStack() as stack:
        server = await _find_server(section, data_dir, stack)
        await _prepare_database(server.arguments, section, log)

        async def open_readers(size: int, statements: int) -> LendingPool:
            pool = LendingPool(await _open_pool(server.arguments, size, _READ_SETTINGS, query_timeout_s, statements))
            stack.push_async_callback(_close_pool, pool)
            return pool

        writers = await _open_pool(
            server.arguments, _WRITE_CONNECTIONS, _WRITE_SETTINGS, _COMMIT_TIMEOUT_S, _CACHED_STATEMENTS
        )
        stack.push_async_callback(_close_pool, writers)
        yield Database(
            readers=await open_readers(section.pool_size, _CACHED_STATEMENTS),
            lookups=await open_readers(_LOOKUP_CONNECTIONS, _CACHED_LOOKUPS),
            pages=await open_readers(_PAGE_CONNECTIONS, _CACHED_STATEMENTS),
            writers=writers,
            server_ended=server.ended,
        )


async def migrate_only(section: DatabaseSection, data_dir: Path, log: Log) -> list[str]:
    """Apply the missing migrations and return their names. Raises as open_database does."""
    async with AsyncExitStack() as stack:
        server = await _find_server(section, data_dir, stack)
        async with _first_session(server.arguments, section, log) as connection:
            return await apply_migrations(connection, find_migrations_directory())


@asynccontextmanager
async def open_beside(section: DatabaseSection, data_dir: Path, log: Log) -> AsyncIterator[asyncpg.Connection]:
    """Give one connection, beside a running relay or without one; then the built-in Postgres runs as long as it is used.

    Makes no database where there is none. Raises EmbeddedError, MigrationError or DatabaseError with what to do.
    """
    async with AsyncExitStack() as stack:
        arguments = await _find_arguments(section, data_dir, stack)
        connection = await _connect_with_retries(arguments, log)
        stack.push_async_callback(_close_connection, connection)
        await apply_migrations(connection, find_migrations_directory())
        await connection.execute("".join(f"SET {name} = '{value}';" for name, value in _WRITE_SETTINGS.items()))
        yield connection


async def _find_arguments(section: DatabaseSection, data_dir: Path, stack: AsyncExitStack) -> Mapping[str, Any]:
    embedded = EmbeddedPostgres(data_dir / "postgres", major=section.embedded_version)
    if section.url is None and not embedded.has_data:
        raise DatabaseError(f"there is no database in {data_dir}; name the data directory of the relay (data_dir)")
    try:
        return (await _find_server(section, data_dir, stack)).arguments
    except InUseError:
        return embedded.arguments_beside


async def _find_server(section: DatabaseSection, data_dir: Path, stack: AsyncExitStack) -> _Server:
    if section.url is not None:
        return _Server({"dsn": section.url.get_secret_value()})
    embedded = EmbeddedPostgres(
        data_dir / "postgres",
        major=section.embedded_version,
        shared_buffers=f"{section.shared_buffers_mib or choose_shared_buffers_mib()}MB",
    )
    await embedded.start()
    stack.push_async_callback(embedded.stop)
    stack.push_async_callback(_empty_feed, embedded.connect_arguments)
    return _Server(embedded.connect_arguments, embedded.wait_until_ended)


async def _empty_feed(arguments: Mapping[str, Any]) -> None:
    """Empty the feed of the built-in server at the end. No other relay reads it, and it has the order of the last notes."""
    try:
        connection = await asyncpg.connect(**arguments, timeout=_CONNECT_TIMEOUT_S)
        await connection.execute("TRUNCATE feed")
        await connection.close()
    except DATABASE_FAILURES:
        # The server crashed or was stopped first. A crash empties unlogged tables, and the next start prunes the rest.
        return


async def _prepare_database(arguments: Mapping[str, Any], section: DatabaseSection, log: Log) -> None:
    async with _first_session(arguments, section, log) as connection:
        for deviation in await check_privacy_settings(connection):
            log.write(LogEvent.POSTGRES_SETTING, advice=deviation)
        for name in await apply_migrations(connection, find_migrations_directory()):
            log.write(LogEvent.MIGRATED, name=name)


@asynccontextmanager
async def _first_session(
    arguments: Mapping[str, Any], section: DatabaseSection, log: Log
) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection with a server process of its own. Raises DatabaseError, also if the database is lost."""
    connection = await _connect_with_retries(arguments, log)
    try:
        if section.url is not None:
            connections = section.pool_size + _LOOKUP_CONNECTIONS + _PAGE_CONNECTIONS + _WRITE_CONNECTIONS
            await _refuse_transaction_pooler(connection, await _connect_with_retries(arguments, log), connections)
        yield connection
    except DATABASE_FAILURES as error:
        raise DatabaseError(
            f"the database was lost while it was being prepared ({type(error).__name__}); start again when it is back"
        ) from None
    finally:
        await _close_connection(connection)


async def _connect_with_retries(arguments: Mapping[str, Any], log: Log) -> asyncpg.Connection:
    """Connect, and retry while the server is starting. Raises DatabaseError."""
    try:
        async for attempt in stamina.retry_context(
            on=(OSError, asyncpg.CannotConnectNowError),
            attempts=_FIRST_CONNECT_ATTEMPTS,
            timeout=_FIRST_CONNECT_BUDGET_S,
        ):
            if attempt.num == 2:
                log.write(
                    LogEvent.WAITING_FOR_DATABASE,
                    advice=f"no answer from Postgres yet; trying again for up to {_FIRST_CONNECT_BUDGET_S:g} s",
                )
            raise_if_cancelled()
            with attempt:
                # No named prepared statements: behind some poolers they fail before the check for poolers can run.
                return await asyncpg.connect(**arguments, timeout=_CONNECT_TIMEOUT_S, statement_cache_size=0)
    except (*DATABASE_FAILURES, ValueError) as error:
        # Only the class: asyncpg's texts can repeat the host and user of the URL.
        raise DatabaseError(
            f"cannot connect to Postgres ({type(error).__name__}); is it running, and is database.url right? "
            "Percent-encode special characters in its user and password: # is %23, / is %2F, @ is %40"
        ) from None
    raise AssertionError("retry_context ends by returning or raising")


async def _refuse_transaction_pooler(
    connection: asyncpg.Connection, other: asyncpg.Connection, connections: int
) -> None:
    """Raise DatabaseError if the relay has no sessions of its own: LISTEN, SET and prepared statements would get lost.

    Closes `other`.
    """
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            shares = await _share_server_processes(connection, other)
    except DATABASE_FAILURES:
        # Poolers end sessions because of statements that they do not support, such as BEGIN in statement mode.
        shares = True
    finally:
        await _close_connection(other)
    if shares:
        raise DatabaseError(
            "database.url leads to a transaction pooler, or to one without a free connection; the relay needs LISTEN and "
            f"prepared statements: connect to Postgres itself, or set the pooler to session mode with {connections} "
            "connections for the relay"
        )


async def _share_server_processes(connection: asyncpg.Connection, other: asyncpg.Connection) -> bool:
    """Return whether a session's server process changes, or serves another session while the first is idle."""
    query = "SELECT pg_backend_pid()"
    processes: set[int] = set()
    # Once would be enough if nobody else used the pooler.
    for _ in range(_POOLER_CHECK_ROUNDS):
        processes.add(await connection.fetchval(query))
        async with other.transaction():
            if await other.fetchval(query) in processes:
                return True
            processes.add(await connection.fetchval(query))
    return len(processes) > 1


async def _open_pool(
    arguments: Mapping[str, Any], size: int, settings: Mapping[str, str], timeout_s: float, statements: int
) -> asyncpg.Pool:
    wanted = {**settings, "statement_timeout": str(int(timeout_s * 1000))}

    async def apply_settings(connection: asyncpg.Connection) -> None:
        # Not as startup parameters: poolers refuse parameters that they do not know.
        await connection.execute("".join(f"SET {name} = '{value}';" for name, value in wanted.items()))

    return await asyncpg.create_pool(
        **arguments,
        # No minimum: a pool would try to restore it for ever while the database is away.
        min_size=0,
        max_size=size,
        timeout=_CONNECT_TIMEOUT_S,
        # A session that is opened when a client comes leaves that time in the statistics of Postgres' own tables.
        max_inactive_connection_lifetime=0,
        init=apply_settings,
        # For a server that hangs and misses its own timeout.
        command_timeout=timeout_s + _HUNG_AFTER_S,
        # The relay never changes a session, so asyncpg's reset, one round trip per query, has nothing to do.
        reset=_skip_reset,
        statement_cache_size=statements,
    )


async def _close_connection(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=_CLOSE_TIMEOUT_S)
    except DATABASE_FAILURES:
        connection.terminate()


async def _close_pool(pool: asyncpg.Pool | LendingPool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _skip_reset(_: asyncpg.Connection) -> None:
    return
