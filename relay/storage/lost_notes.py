"""Notes that wait under a key that is not on this machine: here nobody can read them. Does not know when they are given up.

The key may be on another machine that uses the database, or be gone with its disk, or with a tmpfs at the last reboot.
"""

import asyncpg

from relay.storage.held_notes import HeldNotes
from relay.storage.writer_lock import lock_writers


async def count_lost(connection: asyncpg.Connection, held: HeldNotes) -> int | None:
    """Return how many notes wait under keys that are not on this machine, None where every key is."""
    lost = await held.keys.find_lost(connection)
    return await held.count(connection, lost) if lost else None


async def give_up_lost(connection: asyncpg.Connection, held: HeldNotes) -> int:
    """Delete these notes, have new ones sealed with a key of this machine, and return how many there were. Raises OSError."""
    async with connection.transaction():
        await lock_writers(connection)
        lost = await held.keys.find_lost(connection)
        count = await held.delete_all(connection, lost)
        await held.keys.forget(connection, lost)
        if not await held.keys.list_fingerprints(connection, is_current=True):
            await held.keys.rotate(connection)
    return count
