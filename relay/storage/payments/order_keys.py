"""The keys under which orders are sealed: a new one each hour, and one that no row names any more is destroyed.

Of orders that are over, neither the tables nor the write-ahead log tell then which notes they were for. A row is kept for a day
or so, and its key as long: keys of a day would tell of two. Knows which rows there are, and not what is in them.
"""

import asyncpg

from relay.storage.live_keys import LiveKeys
from relay.storage.sealing import SealingKey


async def find_used(connection: asyncpg.Connection, keys: LiveKeys) -> list[SealingKey]:
    """Return the keys by which an unpaid note, or what is asked for a note, can be found: few of all."""
    records = await connection.fetch(
        """
        SELECT fingerprint FROM sealing_keys k WHERE fingerprint = ANY($1::bytea[]) AND (
            (SELECT true FROM unpaid_notes u WHERE u.key = k.fingerprint LIMIT 1)
            OR (SELECT true FROM invoices i WHERE i.key = k.fingerprint AND i.state IN ('creating', 'open') LIMIT 1))
        """,
        await keys.list_fingerprints(connection),
    )
    found = [await keys.read(record["fingerprint"]) for record in records]
    return [key for key in found if key is not None]


async def prepare_keys(connection: asyncpg.Connection, keys: LiveKeys, *, has_other_hosts: bool) -> int:
    """Make a key if there is none, and destroy those that no row needs. Return how many invoices lost theirs.

    A key that is not here is lost, unless other machines use the database, too: then it may be there. Of unpaid notes
    nothing is left then; what is paid for an invoice is recorded all the same. Needs the writer's lock. Raises OSError.
    """
    lost = 0
    if not has_other_hosts and (gone := await keys.find_lost(connection)):
        await connection.execute("DELETE FROM unpaid_notes WHERE key = ANY($1::bytea[])", gone)
        lost = await connection.fetchval(
            "SELECT count(*) FROM invoices WHERE key = ANY($1::bytea[]) AND state <> 'settled'", gone
        )
        await keys.forget(connection, gone)
    await keys.destroy_strays(connection)
    if not await keys.list_fingerprints(connection, is_current=True):
        await keys.rotate(connection)
    return lost


async def renew_key(connection: asyncpg.Connection, keys: LiveKeys) -> None:
    """Seal new orders with another key from now on, if the present one is on this machine: orders are taken there.

    Needs the writer's lock.
    """
    current = await keys.list_fingerprints(connection, is_current=True)
    if not current or await keys.read(current[0]) is not None:
        await keys.rotate(connection)


async def forget_unused(connection: asyncpg.Connection, keys: LiveKeys) -> None:
    """Take the older keys out of the table that no row names any more; destroy them after the commit.

    Those on another machine are left to that: here they could not be destroyed. Needs the writer's lock.
    """
    unused = [
        record["fingerprint"]
        for record in await connection.fetch(
            # Each a look-up: of EXISTS the planner could make a join with all invoices.
            """
            SELECT fingerprint FROM sealing_keys k WHERE fingerprint = ANY($1::bytea[])
                AND (SELECT true FROM unpaid_notes u WHERE u.key = k.fingerprint LIMIT 1) IS NULL
                AND (SELECT true FROM invoices i WHERE i.key = k.fingerprint LIMIT 1) IS NULL
            """,
            await keys.list_fingerprints(connection, is_current=False),
        )
        if await keys.read(record["fingerprint"]) is not None
    ]
    await keys.forget(connection, unused)
