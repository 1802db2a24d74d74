"""Raise notes that are here already to the rank that was paid for: it only rises. Runs inside the writer's transaction."""

from collections.abc import Sequence

import asyncpg

from relay.storage.row import Row

# Readers of dear tiers find notes by these; `notes` itself comes first.
_INDEXES = ("tags", "ring_members")


async def raise_stored(connection: asyncpg.Connection, rows: Sequence[Row]) -> dict[bytes, int]:
    """Raise stored notes to the rank of their row, and return from which rank each rose (msat), by id."""
    if not rows:
        return {}
    records = await connection.fetch(
        """
        WITH risen AS (
            SELECT n.id, coalesce(n.rank, 0) AS risen_from, r.rank
            FROM notes n JOIN unnest($1::bytea[], $2::bigint[]) AS r (id, rank) ON r.id = n.id
            WHERE coalesce(n.rank, 0) < r.rank
        ), updated AS (
            UPDATE notes n SET rank = risen.rank FROM risen WHERE n.id = risen.id
        )
        SELECT id, risen_from, rank FROM risen
        """,
        [row.id for row in rows],
        [row.note.rank for row in rows],
    )
    for table in _INDEXES:
        await connection.executemany(
            f"UPDATE {table} SET rank = $2 WHERE note_id = $1",  # noqa: S608
            [(record["id"], record["rank"]) for record in records],
        )
    return {record["id"]: record["risen_from"] for record in records}


async def raise_pending(connection: asyncpg.Connection, rows: Sequence[Row]) -> dict[bytes, bool]:
    """Raise notes that wait for the tick, and return of those that do whether they rose, by id.

    The rank that they had until then has published nothing, so what was paid for it is surplus.
    """
    if not rows:
        return {}
    records = await connection.fetch(
        """
        WITH waiting AS (
            SELECT p.id, coalesce(p.rank, 0) AS risen_from, r.rank
            FROM pending p JOIN unnest($1::bytea[], $2::bigint[]) AS r (id, rank) ON r.id = p.id
        ), risen AS (
            UPDATE pending p SET rank = w.rank FROM waiting w WHERE p.id = w.id AND w.risen_from < w.rank
            RETURNING w.risen_from
        ), kept AS (
            INSERT INTO surplus (amount_msat, reason) SELECT risen_from, 'double' FROM risen WHERE risen_from > 0
        )
        SELECT id, risen_from < rank AS is_risen FROM waiting
        """,
        [row.id for row in rows],
        [row.note.rank for row in rows],
    )
    return {record["id"]: record["is_risen"] for record in records}
