"""The rules by which a note that is here already is upgraded to the price it comes with: it only rises.

Run inside the writer's transaction, before anything is inserted.
"""

from dataclasses import replace

import asyncpg

from relay.storage.batch import Batch
from relay.storage.row import Row, SaveResult

# Readers of expensive tiers find notes by these; `notes` itself comes first.
_INDEXES = ("tags", "ring_members")


async def upgrade_held(connection: asyncpg.Connection, batch: Batch) -> None:
    """Upgrade notes that wait for the next batch, and decide about all rows whose note does.

    The price that they had until then has published nothing, so what was paid for it is unapplied.
    """
    rows = batch.select(_has_price)
    if not rows:
        return
    records = await connection.fetch(
        """
        WITH waiting AS (
            SELECT h.id, coalesce(h.price_paid_msat, 0) AS previous_price_msat, r.price_paid_msat
            FROM held_notes h JOIN unnest($1::bytea[], $2::bigint[]) AS r (id, price_paid_msat) ON r.id = h.id
        ), upgraded AS (
            UPDATE held_notes h SET price_paid_msat = w.price_paid_msat FROM waiting w
            WHERE h.id = w.id AND w.previous_price_msat < w.price_paid_msat
            RETURNING w.previous_price_msat
        ), unapplied AS (
            INSERT INTO unapplied_payments (amount_msat, reason)
            SELECT previous_price_msat, 'double' FROM upgraded WHERE previous_price_msat > 0
        )
        SELECT id, previous_price_msat < price_paid_msat AS is_upgraded FROM waiting
        """,
        [row.id for row in rows],
        [row.note.price_paid_msat for row in rows],
    )
    is_upgraded = {record["id"]: record["is_upgraded"] for record in records}
    for row in rows:
        if row.id in is_upgraded:
            row.result = SaveResult.HELD if is_upgraded[row.id] else SaveResult.DUPLICATE


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
            UPDATE notes n SET price_paid_msat = upgraded.price_paid_msat FROM upgraded WHERE n.id = upgraded.id
        )
        SELECT id, previous_price_msat, price_paid_msat FROM upgraded
        """,
        [row.id for row in rows],
        [row.note.price_paid_msat for row in rows],
    )
    for table in _INDEXES:
        await connection.executemany(
            f"UPDATE {table} SET price_paid_msat = $2 WHERE note_id = $1",  # noqa: S608
            [(record["id"], record["price_paid_msat"]) for record in records],
        )
    previous = {record["id"]: record["previous_price_msat"] for record in records}
    for row in rows:
        if row.id in previous:
            row.result = SaveResult.UPGRADED
            row.upgraded = replace(row.note, previous_price_msat=previous[row.id])


def _has_price(row: Row) -> bool:
    return row.note.price_paid_msat > 0
