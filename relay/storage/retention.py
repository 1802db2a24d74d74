"""Delete what has expired (NIP-40), a bounded batch at a time. Queries leave expired notes out whether or not this ran."""

import asyncio
from collections.abc import Callable

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.writer_lock import lock_writers

_EVERY_S = 30.0
# The writer waits meanwhile: 1.3 ms for each note over a ring of 1,000.
_BATCH = 200


async def keep_deleting(pool: asyncpg.Pool, now: Callable[[], int], report: Callable[[BaseException], None]) -> None:
    """Delete what has expired every half minute until cancelled; a database that is away is reported."""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            async with pool.acquire() as connection:
                await delete_expired(connection, now())
        except DATABASE_FAILURES as error:
            report(error)


async def delete_expired(connection: asyncpg.Connection, now: int) -> int:
    """Delete the notes that expired at or before Unix time `now`, a batch a transaction, and return how many."""
    deleted = 0
    while True:
        async with connection.transaction():
            # Deletion requests, and other relays' expiry, delete the same rows in an order of their own.
            await lock_writers(connection)
            tag: str = await connection.execute(
                "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE expires_at <= $1 LIMIT $2)", now, _BATCH
            )
        count = int(tag.rpartition(" ")[2])
        deleted += count
        if count < _BATCH:
            return deleted
