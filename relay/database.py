"""Open the database: the built-in Postgres or the operator's own, checked, migrated, with a pool for each use."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import stamina

from relay.config import Config
from relay.database_profile import check_privacy_settings
from relay.embedded import EmbeddedPostgres
from relay.log import Log, LogEvent
from relay.migrate import find_migrations_directory, migrate
from relay.postgres_errors import DATABASE_FAILURES

_CONNECT_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
_FIRST_CONNECT_ATTEMPTS = 10
_COMMIT_TIMEOUT_S = 30.0
_HUNG_AFTER_S = 5.0
# One for the writer, one for the feed, one for what is done now and then.
_WRITE_CONNECTIONS = 3
# Ordered index scans are what relay/query.py is written for; without statistics, as after a first day, the planner prefers
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
    """Hold the pools: readers have a statement timeout, the writer and the feed a connection each."""

    readers: asyncpg.Pool
    writers: asyncpg.Pool


@asynccontextmanager
async def open_database(config: Config, log: Log) -> AsyncIterator[Database]:
    """Start or connect to Postgres, migrate it, and close everything at the end.

    Raises EmbeddedError, MigrationError or DatabaseError with what to do.
    """
    async with AsyncExitStack() as stack:
        arguments = await _find_server(config, stack)
        await _prepare(arguments, config, log)
        readers = await _open_pool(arguments, config.database.pool_size, _READ_SETTINGS, config.limits.query_timeout_s)
        stack.push_async_callback(_close, readers)
        writers = await _open_pool(arguments, _WRITE_CONNECTIONS, _WRITE_SETTINGS, _COMMIT_TIMEOUT_S)
        stack.push_async_callback(_close, writers)
        yield Database(readers, writers)


async def migrate_only(config: Config) -> list[str]:
    """Apply what is missing, and return the names of what was applied. Raises as open_database does."""
    async with AsyncExitStack() as stack:
        connection = await _connect(await _find_server(config, stack))
        try:
            return await migrate(connection, find_migrations_directory())
        finally:
            await connection.close()


async def _find_server(config: Config, stack: AsyncExitStack) -> Mapping[str, Any]:
    if config.database.url is not None:
        return {"dsn": config.database.url.get_secret_value()}
    embedded = EmbeddedPostgres(
        config.data_dir / "postgres",
        major=config.database.embedded_version,
        shared_buffers=f"{config.database.shared_buffers_mib}MB",
    )
    await embedded.start()
    stack.push_async_callback(embedded.stop)
    stack.push_async_callback(_forget_feed, embedded.connect_arguments)
    return embedded.connect_arguments


async def _forget_feed(arguments: Mapping[str, Any]) -> None:
    """Empty the feed of our own server when we stop: nobody else reads it, and it holds the order of the last notes."""
    try:
        connection = await asyncpg.connect(**arguments, timeout=_CONNECT_TIMEOUT_S)
        await connection.execute("TRUNCATE feed")
        await connection.close()
    except DATABASE_FAILURES:
        # It crashed or was stopped first; a crash empties unlogged tables, and the next start prunes what is left.
        return


async def _prepare(arguments: Mapping[str, Any], config: Config, log: Log) -> None:
    connection = await _connect(arguments)
    try:
        if config.database.url is not None:
            await _refuse_transaction_pooler(connection, arguments)
        for deviation in await check_privacy_settings(connection):
            log.write(LogEvent.POSTGRES_SETTING, advice=deviation)
        for name in await migrate(connection, find_migrations_directory()):
            log.write(LogEvent.MIGRATED, name=name)
    finally:
        await connection.close()


async def _connect(arguments: Mapping[str, Any]) -> asyncpg.Connection:
    """Connect, and be patient with a server that is just starting."""
    try:
        async for attempt in stamina.retry_context(
            on=(OSError, asyncpg.CannotConnectNowError), attempts=_FIRST_CONNECT_ATTEMPTS
        ):
            with attempt:
                return await asyncpg.connect(**arguments, timeout=_CONNECT_TIMEOUT_S)
    except (*DATABASE_FAILURES, ValueError) as error:
        # The class only: asyncpg's texts can repeat the URL's host and user.
        raise DatabaseError(
            f"cannot connect to Postgres ({type(error).__name__}); is it running, and is database.url right?"
        ) from None
    raise AssertionError("retry_context ends by returning or raising")


async def _refuse_transaction_pooler(connection: asyncpg.Connection, arguments: Mapping[str, Any]) -> None:
    """Tell a transaction pooler by its sharing: while one client is idle, another one gets its server process.

    LISTEN, prepared statements and session settings do not survive there.
    """
    first = await connection.fetchval("SELECT pg_backend_pid()")
    other = await _connect(arguments)
    try:
        async with other.transaction():
            shares = first == await other.fetchval("SELECT pg_backend_pid()")
    finally:
        await other.close()
    if shares:
        raise DatabaseError(
            "database.url leads to a transaction pooler; the relay needs LISTEN and prepared statements: "
            "connect to Postgres itself, or set the pooler to session mode"
        )


async def _open_pool(
    arguments: Mapping[str, Any], size: int, settings: Mapping[str, str], timeout_s: float
) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        **arguments,
        # No floor: a pool that restores one by itself does so for ever while the database is away.
        min_size=0,
        max_size=size,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={**settings, "statement_timeout": str(int(timeout_s * 1000))},
        # For a server that hangs and does not keep its own timeout.
        command_timeout=timeout_s + _HUNG_AFTER_S,
        # Nothing of ours changes a session, so asyncpg's clean-up, a round trip a query, has nothing to clean.
        reset=_leave_as_is,
        statement_cache_size=256,
    )


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _leave_as_is(_: asyncpg.Connection) -> None:
    return
