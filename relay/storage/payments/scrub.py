"""Take out of the files what was deleted from the tables of payments. Knows the tables' names and nothing of their rows.

To vacuum is not enough: it frees the place of a deleted row, and the bytes stay in the pages of the table and its indexes
until something else is written there. Somebody who reads the disk could link token, payment and note again.
"""

import asyncpg

_LINKING = ("invoices", "unapplied_payments", "settlement_cursors", "unanswered_invoices")
# While a VACUUM FULL waits for its lock all others wait behind it, and a backup reads the tables for minutes.
_LOCK_TIMEOUT_MS = 200


async def rewrite_links(connection: asyncpg.Connection) -> bool:
    """Write the tables that link payments and notes into new files; return False where one stayed locked by others."""
    await connection.execute(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}")
    try:
        for table in _LINKING:
            await connection.execute(f"VACUUM (FULL) {table}")
    except asyncpg.LockNotAvailableError:
        return False
    finally:
        # A session that is lost forgets it by itself.
        if not connection.is_closed():
            await connection.execute("RESET lock_timeout")
    return True


async def vacuum_unpaid(connection: asyncpg.Connection) -> None:
    """Free the place of notes that are unpaid no more. Done again and again, so that the time of the last says nothing."""
    await connection.execute("VACUUM unpaid_notes")
