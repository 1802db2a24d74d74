"""Ring notes that were accepted and wait for the next tick, which publishes all of them in one shuffled batch.

Whoever watches the relay then cannot tell when one of them came. Knows the table, not when the tick is. Its functions run
inside the writer's transaction, under its lock.
"""

from collections.abc import Sequence

import asyncpg

from relay.protocol.event import is_expired
from relay.storage.note import Note, read_note
from relay.storage.payments.unapplied_payments import keep_of_refused
from relay.storage.row import Row, Saved


async def hold(rows: list[Row], saved: dict[int, Saved], connection: asyncpg.Connection, maximum: int) -> None:
    """Keep rows for the tick, and note in `saved` that they wait, or why not. `maximum` bounds how many wait in all."""
    if not rows:
        return
    rows = await refuse_waiting(rows, saved, connection)
    room = maximum - int(await connection.fetchval("SELECT count(*) FROM pending"))
    free = [row for row in rows if not row.note.rank]
    for row in free[max(0, room) :]:
        saved[id(row.note)] = Saved.PENDING_FULL
    # What is paid for always has a place.
    kept = [row for row in rows if id(row.note) not in saved]
    await _insert(kept, connection)
    saved.update({id(row.note): Saved.PENDING for row in kept})


async def list_pending(connection: asyncpg.Connection) -> list[bytes]:
    """Return the ids of what waits, in their own order, which says nothing of who came first."""
    return [record["id"] for record in await connection.fetch("SELECT id FROM pending ORDER BY id")]


async def take(connection: asyncpg.Connection, ids: Sequence[bytes], now: int) -> list[Note]:
    """Remove these from what waits and return them in the order of ids, but for those that expired meanwhile (NIP-40)."""
    records = await connection.fetch(
        "DELETE FROM pending WHERE id = ANY($1::bytea[]) RETURNING event, first_seen, rank", ids
    )
    notes = [read_note(record["event"], record["first_seen"], rank=record["rank"]) for record in records]
    expired = [note for note in notes if is_expired(note.event, now)]
    await keep_of_refused(connection, expired, [Saved.FAILED] * len(expired))
    # Postgres returns them as they lie, which is as they came.
    return sorted((note for note in notes if not is_expired(note.event, now)), key=lambda note: note.event.id)


async def withdraw(connection: asyncpg.Connection, pubkey: bytes, ids: Sequence[bytes]) -> None:
    """Drop what its own author asks to delete before it was published (NIP-09); its signature stays used."""
    await connection.execute(
        """
        WITH withdrawn AS (
            DELETE FROM pending WHERE pubkey = $1 AND id = ANY($2::bytea[]) RETURNING pre_id, rank
        ), paid AS (
            INSERT INTO surplus (amount_msat, reason) SELECT rank, 'withdrawn' FROM withdrawn WHERE rank IS NOT NULL
        )
        INSERT INTO spent_signatures SELECT pre_id FROM withdrawn WHERE pre_id IS NOT NULL ON CONFLICT DO NOTHING
        """,
        pubkey,
        ids,
    )


async def refuse_waiting(rows: list[Row], saved: dict[int, Saved], connection: asyncpg.Connection) -> list[Row]:
    """Leave out what is here already at such a rank, and what the tick would refuse for another note that waits."""
    answers = [row.answer for row in rows]
    records = await connection.fetch(
        """
        SELECT coalesce(n.rank >= r.rank, false) OR a.id IS NOT NULL AS is_here, b.id IS NOT NULL AS is_signature_used,
               c.id IS NOT NULL AS is_said, d.id IS NOT NULL AS is_answered
        FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::integer[], $5::bytea[], $6::bytea[],
                    $7::bigint[])
                WITH ORDINALITY AS r (id, pre_id, first_seen, kind, target, key_image, rank, position)
            LEFT JOIN (SELECT id, coalesce(rank, 0) AS rank FROM notes) n ON n.id = r.id
            LEFT JOIN pending a ON a.id = r.id
            LEFT JOIN pending b ON b.pre_id = r.pre_id
            LEFT JOIN pending c ON c.first_seen = r.first_seen
            LEFT JOIN pending d ON d.answer_kind = r.kind AND d.answer_target = r.target
                AND d.answer_key_image = r.key_image
        ORDER BY r.position
        """,
        [row.id for row in rows],
        [row.pre_id for row in rows],
        [row.note.first_seen for row in rows],
        [answer and answer.kind for answer in answers],
        [answer and answer.target for answer in answers],
        [answer and answer.key_image for answer in answers],
        [row.note.rank for row in rows],
    )
    kept: list[Row] = []
    for row, found in zip(rows, records, strict=True):
        if found["is_here"]:
            saved[id(row.note)] = Saved.DUPLICATE
        elif found["is_signature_used"]:
            saved[id(row.note)] = Saved.SIGNATURE_USED
        elif found["is_said"]:
            saved[id(row.note)] = Saved.WORDS_STORED
        elif found["is_answered"]:
            saved[id(row.note)] = Saved.ANSWERED
        else:
            kept.append(row)
    return kept


async def _insert(rows: list[Row], connection: asyncpg.Connection) -> None:
    answers = [row.answer for row in rows]
    await connection.execute(
        """
        INSERT INTO pending (id, pubkey, event, pre_id, first_seen, answer_kind, answer_target, answer_key_image, rank)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::integer[],
                             $7::bytea[], $8::bytea[], $9::bigint[])
        """,
        [row.id for row in rows],
        [row.pubkey for row in rows],
        [row.note.encoded for row in rows],
        [row.pre_id for row in rows],
        [row.note.first_seen for row in rows],
        [answer and answer.kind for answer in answers],
        [answer and answer.target for answer in answers],
        [answer and answer.key_image for answer in answers],
        [row.note.rank or None for row in rows],
    )
