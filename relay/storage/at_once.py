"""Store what most batches hold, notes about which there are no other rules, in one statement: one round trip a commit.

Seven round trips were what a note waited for: 2 ms, where its way through the relay and one of them take 0.7.
"""

from collections.abc import Sequence

import asyncpg

from relay.storage.conflicts import RESULTS
from relay.storage.insert import FEED_CHANNEL, decide_met
from relay.storage.row import Row
from relay.storage.table_row import to_record


def split_ordinary(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows that can be stored at once, and the others: with rules of their own, or copies of the first."""
    ordinary: dict[bytes, Row] = {}
    others: list[Row] = []
    for row in rows:
        if row.is_ordinary and row.id not in ordinary:
            ordinary[row.id] = row
        else:
            others.append(row)
    keys = [key for row in ordinary.values() for key in (row.signed_id, row.note.content_key) if key is not None]
    if len(set(keys)) < len(keys):
        # In a transaction of their own they would lie apart from the rest of their batch, which tells of the copy.
        return [], list(rows)
    return list(ordinary.values()), others


async def store_at_once(connection: asyncpg.Connection, rows: Sequence[Row]) -> list[int] | None:
    """Store ordinary rows as the only writer, and decide about each; return their numbers in the feed.

    Returns None where words came that are here already: then nothing is stored, as there are rules about that.
    """
    # By id, so that neither the heap's order nor the feed's tells in which order a batch arrived.
    by_id = sorted(rows, key=lambda row: row.id)
    refused, reasons, stored, sequence = await connection.fetchrow(
        "SELECT refused, reasons, stored, sequence FROM store_notes($1::day_notes[], $2)",
        [to_record(row) for row in by_id],
        FEED_CHANNEL,
    )
    if stored is None:
        return None
    if refused is not None:
        found = dict(zip(reversed(refused), reversed(reasons), strict=True))
        for row in rows:
            row.result = RESULTS[found[row.id]] if row.id in found else None
    if len(stored) < len(rows):
        await decide_met(connection, [row for row in rows if row.result is None], stored)
    return sequence or []
