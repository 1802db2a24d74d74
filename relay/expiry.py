"""Delete what has expired (NIP-40), a bounded batch at a time. Queries leave expired notes out whether or not this ran."""

import asyncpg

_BATCH = 1_000


async def delete_expired(connection: asyncpg.Connection, now: int) -> int:
    """Delete at most one batch of notes that expired at or before Unix time `now`, and return how many."""
    tag: str = await connection.execute(
        "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE expires_at <= $1 LIMIT $2)", now, _BATCH
    )
    return int(tag.rpartition(" ")[2])
