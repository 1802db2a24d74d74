"""The lock of the one writer of notes. Knows no table."""

import asyncpg

# Transaction-level advisory lock: who holds it is the only writer of notes, in every process.
_WRITER_LOCK = 0x72696E67


async def lock_writers(connection: asyncpg.Connection) -> None:
    """Become the only writer of notes, in every process, until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _WRITER_LOCK)
