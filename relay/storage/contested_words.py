"""Contested words: those of a message-only form that came here under a second outer key. No deletion request removes them.

Whoever posts somebody's words first holds their place. Could that key delete them, too, no copy would be left. Runs inside the
writer's transaction.
"""

import asyncpg

from relay.storage.batch import Batch
from relay.storage.named_notes import NamedNotes


async def mark_contested(connection: asyncpg.Connection, batch: Batch) -> None:
    """Mark the notes that were stored, and whose words a row of the batch brought under another key."""
    if not batch.contested:
        return
    await connection.execute(
        # A join: of `= ANY` Postgres cannot tell that it leaves out those without a content key, which the index does not hold.
        """
        UPDATE notes n SET is_contested = true, is_sorted = false FROM unnest($1::bytea[]) AS w (content_key)
        WHERE n.content_key = w.content_key AND NOT n.is_contested
        """,
        list(batch.contested),
    )


async def count_contested(connection: asyncpg.Connection, named: NamedNotes) -> dict[int, int]:
    """Return how many of the notes that deletion requests name by their ids stay, by place of the request."""
    records = await connection.fetch(
        """
        SELECT r.place, count(*)::integer AS count
        FROM unnest($1::integer[], $2::bytea[], $3::bytea[]) AS r (place, pubkey, id), LATERAL (
            SELECT FROM notes n WHERE n.id = r.id AND n.pubkey = r.pubkey AND n.is_contested LIMIT 1) found
        GROUP BY r.place
        """,
        *named.columns[:3],
    )
    return {record["place"]: record["count"] for record in records}
