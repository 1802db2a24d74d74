"""The write-ahead log that is no longer needed. It holds every row that was written, and the time of each commit.

Postgres drops it by its size: on a quiet server a note's time stayed readable for more than half an hour. Knows no table.
"""

import asyncpg


async def drop_old_log(connection: asyncpg.Connection) -> None:
    """Begin a new segment of the write-ahead log, and have the older ones removed."""
    await connection.execute("SELECT pg_switch_wal()")
    # What is before it is not needed any more once all pages are written.
    await connection.execute("CHECKPOINT")


async def may_drop_old_log(connection: asyncpg.Connection) -> bool:
    """Return whether this role may do both."""
    allowed: bool = await connection.fetchval(
        """
        SELECT rolsuper OR (pg_has_role('pg_checkpoint', 'USAGE') AND has_function_privilege('pg_switch_wal()', 'EXECUTE'))
        FROM pg_roles WHERE rolname = current_user
        """
    )
    return allowed
