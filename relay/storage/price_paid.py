"""The rules by which a note that is here already is upgraded to the price it comes with: it only rises.

Run inside the writer's transaction, before anything is inserted.
"""

from dataclasses import replace

import asyncpg

from relay.storage.batch import Batch
from relay.storage.held_notes import HeldNotes
from relay.storage.payments.unapplied_payments import Reason, insert_unapplied
from relay.storage.row import Row, SaveResult

# Readers of expensive tiers find notes by these, too. Their rows are found by their keys, which a note's own row has.
_RAISE_TAGS = """
    UPDATE tags t SET price_paid_msat = $2, is_sorted = false FROM notes n, unnest(n.tags) AS name
    WHERE n.id = $1 AND t.tag = name AND t.created_at = n.created_at AND t.note_id = n.id
"""
_RAISE_MEMBERS = """
    UPDATE ring_members m SET price_paid_msat = $2, is_sorted = false
    FROM notes n, generate_series(0, n.ring_size - 1) AS place
    WHERE n.id = $1 AND m.member = substr(n.ring, 32 * place + 1, 32) AND m.created_at = n.created_at AND m.note_id = n.id
"""


async def upgrade_held(connection: asyncpg.Connection, batch: Batch, held: HeldNotes) -> None:
    """Upgrade notes that wait for the next batch, and decide about all paid rows whose note waits.

    The price that they had until then has published nothing, so what was paid for it is unapplied.
    """
    # Of one that comes at two prices at once the lower comes first, and is unapplied.
    rows = sorted(batch.select(_has_price), key=lambda row: row.note.price_paid_msat)
    for row in rows:
        waiting = (await held.find(connection, [row.id])).get(row.id)
        if waiting is None:
            continue
        previous_msat = waiting.note.price_paid_msat
        if previous_msat >= row.note.price_paid_msat:
            row.result = SaveResult.DUPLICATE
        else:
            await held.raise_price(connection, waiting, row)
            await insert_unapplied(connection, None, previous_msat, Reason.DOUBLE)


async def upgrade_stored(connection: asyncpg.Connection, batch: Batch) -> None:
    """Upgrade stored notes, which readers of the paths between the two prices get as new.

    Where notes are published in batches a stored note is upgraded with the next one: else a reader of an expensive path
    would see when it was paid for.
    """
    rows = batch.select(lambda row: _has_price(row) and not row.note.is_held)
    if not rows:
        return
    records = await connection.fetch(
        """
        WITH upgraded AS (
            SELECT n.id, coalesce(n.price_paid_msat, 0) AS previous_price_msat, r.price_paid_msat
            FROM notes n JOIN unnest($1::bytea[], $2::bigint[]) AS r (id, price_paid_msat) ON r.id = n.id
            WHERE coalesce(n.price_paid_msat, 0) < r.price_paid_msat
        ), updated AS (
            UPDATE notes n SET price_paid_msat = upgraded.price_paid_msat, is_sorted = false FROM upgraded WHERE n.id = upgraded.id
        )
        SELECT id, previous_price_msat, price_paid_msat FROM upgraded
        """,
        [row.id for row in rows],
        [row.note.price_paid_msat for row in rows],
    )
    for statement in (_RAISE_TAGS, _RAISE_MEMBERS):
        await connection.executemany(statement, [(record["id"], record["price_paid_msat"]) for record in records])
    previous = {record["id"]: record["previous_price_msat"] for record in records}
    for row in rows:
        if row.id in previous:
            row.result = SaveResult.UPGRADED
            row.upgraded = replace(row.note, previous_price_msat=previous[row.id])


def _has_price(row: Row) -> bool:
    return row.note.price_paid_msat > 0
