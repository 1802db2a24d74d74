"""Delete what has expired (NIP-40), a bounded batch at a time. Queries leave expired notes out whether or not this ran."""

import asyncpg

_BATCH = 1_000


async def delete_expired(connection: asyncpg.Connection, now: int) -> int:
    """Delete the notes that expired at or before Unix time `now`, a batch a transaction, and return how many."""
    deleted = 0
    while True:
        tag: str = await connection.execute(
            "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE expires_at <= $1 LIMIT $2)", now, _BATCH
        )
        count = int(tag.rpartition(" ")[2])
        deleted += count
        if count < _BATCH:
            return deleted
