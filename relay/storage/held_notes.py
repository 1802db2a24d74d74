"""Ring notes that were accepted and wait for the next tick, which publishes all of them in one shuffled batch.

Whoever watches the relay then cannot tell when one of them came. Knows the table, not when the tick is. Its functions run
inside the writer's transaction, under its lock.
"""

from collections.abc import Sequence

import asyncpg

from relay.protocol.event import is_expired
from relay.storage.note import Note, read_note
from relay.storage.payments.unapplied_payments import record_refused
from relay.storage.row import Row, SaveResult


async def hold_notes(
    rows: list[Row], saved: dict[int, SaveResult], connection: asyncpg.Connection, maximum: int
) -> None:
    """Keep rows for the tick, and note in `saved` that they wait, or why not. `maximum` bounds how many wait in all."""
    if not rows:
        return
    rows = await refuse_waiting(rows, saved, connection)
    room = maximum - int(await connection.fetchval("SELECT count(*) FROM held_notes"))
    free = [row for row in rows if not row.note.price_paid_msat]
    for row in free[max(0, room) :]:
        saved[id(row.note)] = SaveResult.HELD_FULL
    # What is paid for always has a place.
    kept = [row for row in rows if id(row.note) not in saved]
    await _insert(kept, connection)
    saved.update({id(row.note): SaveResult.HELD for row in kept})


async def list_held(connection: asyncpg.Connection) -> list[bytes]:
    """Return the ids of what waits, in their own order, which says nothing of who came first."""
    return [record["id"] for record in await connection.fetch("SELECT id FROM held_notes ORDER BY id")]


async def pop_batch(connection: asyncpg.Connection, ids: Sequence[bytes], now: int) -> list[Note]:
    """Remove these from what waits and return them in the order of ids, but for those that expired meanwhile (NIP-40)."""
    records = await connection.fetch(
        "DELETE FROM held_notes WHERE id = ANY($1::bytea[]) RETURNING event, content_key, price_paid_msat", ids
    )
    notes = [
        read_note(record["event"], record["content_key"], price_paid_msat=record["price_paid_msat"])
        for record in records
    ]
    expired = [note for note in notes if is_expired(note.event, now)]
    await record_refused(connection, expired, [SaveResult.FAILED] * len(expired))
    # Postgres returns them as they lie, which is as they came.
    return sorted((note for note in notes if not is_expired(note.event, now)), key=lambda note: note.event.id)


async def withdraw_held(connection: asyncpg.Connection, pubkey: bytes, ids: Sequence[bytes]) -> None:
    """Drop what its own author asks to delete before it was published (NIP-09); its signature stays used."""
    await connection.execute(
        """
        WITH withdrawn AS (
            DELETE FROM held_notes WHERE pubkey = $1 AND id = ANY($2::bytea[]) RETURNING signed_id, price_paid_msat
        ), paid AS (
            INSERT INTO unapplied_payments (amount_msat, reason)
            SELECT price_paid_msat, 'withdrawn' FROM withdrawn WHERE price_paid_msat IS NOT NULL
        )
        INSERT INTO spent_signatures SELECT signed_id FROM withdrawn WHERE signed_id IS NOT NULL ON CONFLICT DO NOTHING
        """,
        pubkey,
        ids,
    )


async def refuse_waiting(rows: list[Row], saved: dict[int, SaveResult], connection: asyncpg.Connection) -> list[Row]:
    """Leave out what is here already at such a rank, and what the tick would refuse for another note that waits."""
    answers = [row.answer for row in rows]
    records = await connection.fetch(
        """
        SELECT coalesce(n.price_paid_msat >= r.price_paid_msat, false) OR a.id IS NOT NULL AS is_here,
               b.id IS NOT NULL AS is_signature_used, c.id IS NOT NULL AS is_said, d.id IS NOT NULL AS is_answered
        FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::integer[], $5::bytea[], $6::bytea[],
                    $7::bigint[])
                WITH ORDINALITY AS r (id, signed_id, content_key, kind, target, key_image, price_paid_msat, position)
            LEFT JOIN (SELECT id, coalesce(price_paid_msat, 0) AS price_paid_msat FROM notes) n ON n.id = r.id
            LEFT JOIN held_notes a ON a.id = r.id
            LEFT JOIN held_notes b ON b.signed_id = r.signed_id
            LEFT JOIN held_notes c ON c.content_key = r.content_key
            LEFT JOIN held_notes d ON d.answer_kind = r.kind AND d.answer_target = r.target
                AND d.answer_key_image = r.key_image
        ORDER BY r.position
        """,
        [row.id for row in rows],
        [row.signed_id for row in rows],
        [row.note.content_key for row in rows],
        [answer and answer.kind for answer in answers],
        [answer and answer.target for answer in answers],
        [answer and answer.key_image for answer in answers],
        [row.note.price_paid_msat for row in rows],
    )
    kept: list[Row] = []
    for row, found in zip(rows, records, strict=True):
        if found["is_here"]:
            saved[id(row.note)] = SaveResult.DUPLICATE
        elif found["is_signature_used"]:
            saved[id(row.note)] = SaveResult.SIGNATURE_USED
        elif found["is_said"]:
            saved[id(row.note)] = SaveResult.WORDS_STORED
        elif found["is_answered"]:
            saved[id(row.note)] = SaveResult.ANSWERED
        else:
            kept.append(row)
    return kept


async def _insert(rows: list[Row], connection: asyncpg.Connection) -> None:
    answers = [row.answer for row in rows]
    await connection.execute(
        """
        INSERT INTO held_notes (id, pubkey, event, signed_id, content_key,
                                answer_kind, answer_target, answer_key_image, price_paid_msat)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::integer[],
                             $7::bytea[], $8::bytea[], $9::bigint[])
        """,
        [row.id for row in rows],
        [row.pubkey for row in rows],
        [row.note.encoded for row in rows],
        [row.signed_id for row in rows],
        [row.note.content_key for row in rows],
        [answer and answer.kind for answer in answers],
        [answer and answer.target for answer in answers],
        [answer and answer.key_image for answer in answers],
        [row.note.price_paid_msat or None for row in rows],
    )
