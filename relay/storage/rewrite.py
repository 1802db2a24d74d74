"""Once a day: take the order of arrival out of the tables and out of their files.

Rows lie where the transaction put them that brought them, and carry its number. To move them in the order of their keys hides
both, and is not enough: the bytes of a row that was moved stay in the pages of its table and its indexes. So the rows of a day have
tables of their own, which are nearly empty then, and are written into new files. What that costs is in proportion to a day's notes.
Killed in between, it begins again at the next start: each slice is moved in one transaction.
"""

import asyncio
import time
from collections.abc import Callable

import asyncpg

from relay.limits import InternalLimits
from relay.postgres.errors import DATABASE_FAILURES
from relay.postgres.old_log import drop_old_log, may_drop_old_log
from relay.storage.sorted_rows import TABLES, Walk, build_walks
from relay.storage.writer_lock import lock_writers

_NEVER = -1
_HOUR_S = 3_600
_DAY_S = 86_400
# It rests so many times as long as it has worked, so that others hardly notice.
_REST = 4
# Rows of the feed are deleted after minutes. Their bytes are not, and their numbers are the order itself.
_REWRITTEN = (*(f"day_{table}" for table in TABLES), "feed")
# While a statement waits for its lock all others wait behind it, and a backup reads the tables for minutes.
_LOCK_TIMEOUT_MS = 200
# A day of a million notes takes minutes; what else uses these connections is over in seconds.
_VACUUM_TIMEOUT_S = 3_600.0


class Rewriter:
    """The one that rewrites the tables of the day, every night at an hour (UTC; -1: never)."""

    def __init__(self, pool: asyncpg.Pool, hour: int, now: Callable[[], int], limits: InternalLimits) -> None:
        self._pool = pool
        self._hour = hour
        self._now = now
        self._limits = limits

    async def keep_rewriting(self, report: Callable[[BaseException], None]) -> None:
        """Rewrite every night until cancelled, and at once where a night was missed. A database that is away is reported."""
        while self._hour != _NEVER:
            try:
                if await self._is_due():
                    await self.rewrite()
            except DATABASE_FAILURES as error:
                report(error)
            # It asks often rather than sleep for a day: the timers of a machine that is suspended stand still.
            await asyncio.sleep(self._limits.check_rewrite_every_s)

    async def rewrite(self) -> None:
        """Rewrite now, however long others lock the tables. Raises DATABASE_FAILURES.

        What comes meanwhile can stay for the next time: by itself it would be the last notes of the day. Two processes may be
        at it; then each moves what the other one has left.
        """
        day = self._count_days()
        async with self._pool.acquire() as connection:
            walks = await build_walks(connection)
        for walk in walks:
            await self._move(walk)
        for table in _REWRITTEN:
            await self._write_new_files(table)
        async with self._pool.acquire() as connection:
            # The old files end with the checkpoint, and the log, which has all of it, with its segment.
            if await may_drop_old_log(connection):
                await drop_old_log(connection)
            await connection.execute("UPDATE last_rewrite SET day = $1 WHERE day < $1", day)
        await self._forget_recent()

    async def _forget_recent(self) -> None:
        """Have all processes read the recent notes in again: their memory has the order in which these came."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_writers(connection)
            await connection.execute("INSERT INTO feed (deleted) VALUES ('{}')")

    async def _is_due(self) -> bool:
        day = self._count_days()
        async with self._pool.acquire() as connection, connection.transaction():
            last: int | None = await connection.fetchval("SELECT day FROM last_rewrite")
            if last is not None:
                return last < day
            # On the first day no night was missed.
            await lock_writers(connection)
            await connection.execute(
                "INSERT INTO last_rewrite SELECT $1::integer WHERE NOT EXISTS (SELECT FROM last_rewrite)", day
            )
            return False

    def _count_days(self) -> int:
        """Return the number of the day, which begins at the hour of the rewrite."""
        return (self._now() - self._hour * _HOUR_S) // _DAY_S

    async def _move(self, walk: Walk) -> None:
        after = walk.first
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                await lock_writers(connection)
                started_s = time.perf_counter()
                last = await connection.fetchrow(walk.move, *after, self._limits.max_rewritten_rows)
            if last is None:
                return
            after = tuple(last)
            await asyncio.sleep(_REST * (time.perf_counter() - started_s))

    async def _write_new_files(self, table: str) -> None:
        async with self._pool.acquire() as connection:
            # This waits for nobody, and leaves little to do under the lock.
            await connection.execute(f"VACUUM {table}", timeout=_VACUUM_TIMEOUT_S)
        is_done = False
        while not is_done:
            async with self._pool.acquire() as connection:
                is_done = await _rewrite(connection, table)
            if not is_done:
                await asyncio.sleep(self._limits.check_rewrite_every_s)


async def _rewrite(connection: asyncpg.Connection, table: str) -> bool:
    """Write what is left of a table, and its indexes, into new files.

    Return False where others keep it locked, or can still see the rows that were moved, as a backup can.
    """
    await connection.execute(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}")
    try:
        await connection.execute(f"VACUUM (FULL) {table}", timeout=_VACUUM_TIMEOUT_S)
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            # The indexes, which are new, have counted the rows that nobody but an old snapshot sees.
            is_empty, is_kept = await connection.fetchrow(
                f"""
                SELECT pg_relation_size('{table}') = 0, max(c.reltuples) > (SELECT count(*) FROM {table})
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = '{table}'::regclass
                """,  # noqa: S608
            )
            # To the planner all indexes of a table that was found empty are alike. Of one that was truncated it knows nothing,
            # and takes the right ones.
            if is_empty:
                await connection.execute(f"TRUNCATE {table}")
    except asyncpg.LockNotAvailableError:
        return False
    finally:
        # A session that is lost forgets it by itself.
        if not connection.is_closed():
            await connection.execute("RESET lock_timeout")
    return not is_kept
