"""Ring notes that were accepted and wait for the next batch, which publishes all of them in an order that says nothing.

Nobody who watches the relay can then tell when one of them came. Knows the table, not when a batch is published. Its
functions run inside the writer's transaction, under its lock.
"""

from collections.abc import Sequence

import asyncpg

from relay.protocol.event import is_expired
from relay.storage.batch import Batch
from relay.storage.named_notes import NamedNotes
from relay.storage.note import Note, read_note
from relay.storage.payments.unapplied_payments import record_refused
from relay.storage.row import Row, SaveResult


async def hold_notes(connection: asyncpg.Connection, batch: Batch) -> None:
    """Keep the rows that are to be held, and decide about each: it waits, or why not. Paid notes always have a place."""
    rows = batch.select(lambda row: row.note.is_held)
    if not rows:
        return
    await _refuse_conflicts(connection, batch, rows)
    waiting: int = await connection.fetchval("SELECT count(*) FROM held_notes")
    free = [row for row in rows if row.result is None and not row.note.price_paid_msat]
    for row in free[max(0, batch.max_held - waiting) :]:
        row.result = SaveResult.HELD_FULL
        _refuse_copies_too(batch, row)
    kept = [row for row in rows if row.result is None]
    await _insert(connection, batch, kept)
    for row in kept:
        row.result = SaveResult.HELD


async def refuse_conflicts(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse what the next batch would refuse for another note that waits for it."""
    rows = batch.select(lambda row: not row.is_ephemeral)
    if rows:
        await _refuse_conflicts(connection, batch, rows)


async def list_slices(connection: asyncpg.Connection, max_notes: int, max_rows: int) -> list[list[bytes]]:
    """Return the ids of all held notes, in their own order, which says nothing of which came first.

    A slice has at most `max_notes`, and at most `max_rows` to be written beside them, but for a note that alone has more.
    """
    slices: list[list[bytes]] = []
    rows = 0
    for note_id, index_rows in await connection.fetch("SELECT id, index_rows FROM held_notes ORDER BY id"):
        if not slices or len(slices[-1]) == max_notes or rows + index_rows > max_rows:
            slices.append([])
            rows = 0
        slices[-1].append(note_id)
        rows += index_rows
    return slices


async def pop_batch(connection: asyncpg.Connection, ids: Sequence[bytes], now: int) -> list[Note]:
    """Remove these notes and return them in the order of ids, but for those that expired meanwhile (NIP-40)."""
    records = await connection.fetch(
        "DELETE FROM held_notes WHERE id = ANY($1::bytea[]) RETURNING event, content_key, price_paid_msat, is_contested",
        ids,
    )
    notes = [
        read_note(
            record["event"],
            record["content_key"],
            price_paid_msat=record["price_paid_msat"],
            is_contested=record["is_contested"],
        )
        for record in records
    ]
    expired = [note for note in notes if is_expired(note.event, now)]
    await record_refused(connection, expired, [SaveResult.FAILED] * len(expired))
    # Postgres returns them as they lie, which is as they came.
    return sorted((note for note in notes if not is_expired(note.event, now)), key=lambda note: note.event.id)


async def withdraw_held(connection: asyncpg.Connection, named: NamedNotes) -> None:
    """Drop what its own author asks to delete before it was published (NIP-09); its signature stays used."""
    await connection.execute(
        """
        WITH withdrawn AS (
            DELETE FROM held_notes h USING unnest($1::bytea[], $2::bytea[]) AS r (pubkey, id)
            WHERE h.id = r.id AND h.pubkey = r.pubkey AND NOT h.is_contested RETURNING h.signed_id, h.price_paid_msat
        ), paid AS (
            INSERT INTO unapplied_payments (amount_msat, reason)
            SELECT price_paid_msat, 'withdrawn' FROM withdrawn WHERE price_paid_msat IS NOT NULL
        )
        INSERT INTO spent_signatures SELECT signed_id FROM withdrawn WHERE signed_id IS NOT NULL ON CONFLICT DO NOTHING
        """,
        *named.id_columns,
    )


def _refuse_copies_too(batch: Batch, refused: Row) -> None:
    """Refuse the copies of a row's words that were passed over for it: the words are not here."""
    for row in batch.rows:
        if row.result is SaveResult.WORDS_STORED and row.note.content_key == refused.note.content_key:
            row.result = SaveResult.HELD_FULL


async def _refuse_conflicts(connection: asyncpg.Connection, batch: Batch, rows: list[Row]) -> None:
    """Refuse what is here already at such a price, and what the next batch would refuse for another held note."""
    answers = [row.answer for row in rows]
    records = await connection.fetch(
        """
        SELECT coalesce(n.price_paid_msat >= r.price_paid_msat, false) OR a.id IS NOT NULL AS is_here,
               b.id IS NOT NULL AS is_signature_used, c.pubkey AS words_of, d.id IS NOT NULL AS is_answered
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
    for row, found in zip(rows, records, strict=True):
        if found["is_here"]:
            row.result = SaveResult.DUPLICATE
        elif found["is_signature_used"]:
            row.result = SaveResult.SIGNATURE_USED
        elif found["words_of"] is not None:
            batch.refuse_words(row, found["words_of"])
        elif found["is_answered"]:
            row.result = SaveResult.ANSWERED


async def _insert(connection: asyncpg.Connection, batch: Batch, rows: list[Row]) -> None:
    answers = [row.answer for row in rows]
    await connection.execute(
        """
        INSERT INTO held_notes (id, pubkey, event, index_rows, signed_id, content_key,
                                answer_kind, answer_target, answer_key_image, price_paid_msat, is_contested)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::integer[], $5::bytea[], $6::bytea[], $7::integer[],
                             $8::bytea[], $9::bytea[], $10::bigint[], $11::boolean[])
        """,
        [row.id for row in rows],
        [row.pubkey for row in rows],
        [row.note.encoded for row in rows],
        [row.index_rows for row in rows],
        [row.signed_id for row in rows],
        [row.note.content_key for row in rows],
        [answer and answer.kind for answer in answers],
        [answer and answer.target for answer in answers],
        [answer and answer.key_image for answer in answers],
        [row.note.price_paid_msat or None for row in rows],
        [row.note.content_key in batch.contested for row in rows],
    )
