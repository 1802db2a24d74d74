"""Raise notes that are here already to the rank that was paid for: it only rises. Runs inside the writer's transaction."""

from collections.abc import Sequence

import asyncpg

from relay.storage.row import Row

# Readers of dear tiers find notes by these; `notes` itself comes first.
_INDEXES = ("tags", "ring_members")


async def upgrade_stored(connection: asyncpg.Connection, rows: Sequence[Row]) -> dict[bytes, int]:
    """Raise stored notes to the rank of their row, and return from which rank each rose (msat), by id."""
    if not rows:
        return {}
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
    return {record["id"]: record["previous_price_msat"] for record in records}


async def upgrade_held(connection: asyncpg.Connection, rows: Sequence[Row]) -> dict[bytes, bool]:
    """Raise notes that wait for the tick, and return of those that do whether they rose, by id.

    The rank that they had until then has published nothing, so what was paid for it is surplus.
    """
    if not rows:
        return {}
    records = await connection.fetch(
        """
        WITH waiting AS (
            SELECT p.id, coalesce(p.price_paid_msat, 0) AS previous_price_msat, r.price_paid_msat
            FROM held_notes p JOIN unnest($1::bytea[], $2::bigint[]) AS r (id, price_paid_msat) ON r.id = p.id
        ), upgraded AS (
            UPDATE held_notes p SET price_paid_msat = w.price_paid_msat FROM waiting w
            WHERE p.id = w.id AND w.previous_price_msat < w.price_paid_msat
            RETURNING w.previous_price_msat
        ), kept AS (
            INSERT INTO unapplied_payments (amount_msat, reason)
            SELECT previous_price_msat, 'double' FROM upgraded WHERE previous_price_msat > 0
        )
        SELECT id, previous_price_msat < price_paid_msat AS is_upgraded FROM waiting
        """,
        [row.id for row in rows],
        [row.note.price_paid_msat for row in rows],
    )
    return {record["id"]: record["is_upgraded"] for record in records}
