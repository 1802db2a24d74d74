"""Insert a batch of notes inside the caller's transaction: the only code that inserts into the tables of the day and the feed.

The rules are applied in the order they are listed. Knows nothing of who waits for the outcome.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import asyncpg

from relay.protocol.event import KindClass, classify
from relay.storage import addresses, conflicts, contested_words, deletions, price_paid
from relay.storage.batch import Batch
from relay.storage.index_rows import DELETE_INDEX_ROWS, RETURNING
from relay.storage.note import Note
from relay.storage.row import Result, Row, SaveResult
from relay.storage.table_row import to_record
from relay.storage.waiting_notes import WaitingNotes
from relay.storage.writer_lock import lock_writers

FEED_CHANNEL = "ringrelay_feed"

Rule = Callable[[asyncpg.Connection, Batch], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of each note of a batch (None: postponed), those to be published, and the feed's numbers of these."""

    saved: list[Result | None]
    news: list[Note]
    sequence: list[int]


async def insert_batch(
    connection: asyncpg.Connection, notes: Sequence[Note], waiting: WaitingNotes | None = None, *, may_hold: bool = True
) -> Inserted:
    """Insert notes, or upgrade those that are here already to the price they come with; return what became of them.

    The caller owns the transaction. The lock makes this batch the only writer until it ends, so what is read here stays
    true; the unique indexes are the safety net. Without `waiting`, or with `may_hold` false, no note waits: all are published.
    """
    await lock_writers(connection)
    batch = Batch(notes)
    for apply_rule in _list_rules(waiting, may_hold=may_hold):
        await apply_rule(connection, batch)
    news = batch.list_news()
    return Inserted(batch.list_results(), news, await _announce(connection, news))


async def find_refusal(connection: asyncpg.Connection, note: Note) -> SaveResult | None:
    """Return why a note would be refused if it were inserted now, None where it would not. Writes nothing.

    Words are contested by nobody here: of notes to be sold every copy is accepted.
    """
    batch = Batch([note])
    for apply_rule in _REFUSALS:
        await apply_rule(connection, batch)
    return batch.rows[0].result


async def _replace_versions(connection: asyncpg.Connection, batch: Batch) -> None:
    """Delete the stored versions that new ones replace; their signatures stay used."""
    rows = batch.select(lambda row: row.address is not None)
    if not rows:
        return
    await connection.execute(
        f"""
        WITH deleted AS (
            DELETE FROM notes n USING unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS r (address, created_at, id)
            WHERE n.address = r.address
              -- NIP-01: the newest version stays, and of the same age the one with the lowest id.
              AND (n.created_at < r.created_at OR (n.created_at = r.created_at AND n.id > r.id))
            {RETURNING}
        ), {DELETE_INDEX_ROWS}
        INSERT INTO day_spent_signatures SELECT signed_id, false FROM deleted WHERE signed_id IS NOT NULL ON CONFLICT DO NOTHING
        """,  # noqa: S608
        [row.address for row in rows],
        [row.event.created_at for row in rows],
        [row.id for row in rows],
    )


async def _insert_notes(connection: asyncpg.Connection, batch: Batch) -> None:
    """Insert rows; one that meets a unique index is decided by the rule that it met."""
    rows = batch.select(_is_stored)
    if not rows:
        return
    stored = await connection.fetchval(
        "SELECT insert_notes($1::day_notes[])",
        [to_record(row, is_contested=row.note.content_key in batch.contested) for row in rows],
    )
    await decide_met(connection, rows, stored)


async def decide_met(connection: asyncpg.Connection, rows: Sequence[Row], stored: Sequence[bytes]) -> None:
    """Decide about rows that were not stored, each by the unique index that it met."""
    inserted = set(stored)
    met = [row for row in rows if row.id not in inserted]
    if not met:
        return
    records = await connection.fetch("SELECT id FROM notes WHERE id = ANY($1::bytea[])", [row.id for row in met])
    known = {record["id"] for record in records}
    for row in met:
        row.result = SaveResult.DUPLICATE if row.id in known else await _find_index_met(connection, row)


async def _find_index_met(connection: asyncpg.Connection, row: Row) -> SaveResult:
    """Look up which unique index a row met that is not here."""
    if row.address is not None and await connection.fetchval("SELECT true FROM notes WHERE address = $1", row.address):
        return SaveResult.SUPERSEDED
    return SaveResult.SIGNATURE_USED if row.signed_id is not None else SaveResult.WORDS_STORED


async def _insert_answers(connection: asyncpg.Connection, batch: Batch) -> None:
    """Keep who answered what, for good: this outlives the answer."""
    answers = [(row.answer, row.id) for row in batch.select(_is_stored) if row.answer is not None]
    if not answers:
        return
    await connection.execute(
        """
        INSERT INTO day_answers (kind, target, key_image, ring_id, note_id, is_sorted)
        SELECT *, false FROM unnest($1::integer[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
        """,
        [answer.kind for answer, _ in answers],
        [answer.target for answer, _ in answers],
        [answer.key_image for answer, _ in answers],
        [answer.ring_id for answer, _ in answers],
        [note_id for _, note_id in answers],
    )


async def _announce(connection: asyncpg.Connection, notes: list[Note]) -> list[int]:
    """Tell the other processes, as part of the transaction. Ephemeral events travel with their bytes."""
    if not notes:
        return []
    sequence: list[int] = await connection.fetchval(
        """
        WITH announced AS (
            INSERT INTO feed (id, event, price_paid_msat, previous_price_msat)
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[]) RETURNING seq
        ), notified AS (
            SELECT pg_notify($5, max(seq)::text) FROM announced
        )
        SELECT array_agg(seq) FROM announced, notified
        """,
        [bytes.fromhex(note.event.id) for note in notes],
        [note.encoded if classify(note.event.kind) is KindClass.EPHEMERAL else None for note in notes],
        [note.price_paid_msat or None for note in notes],
        [None if note.previous_price_msat < 0 else note.previous_price_msat for note in notes],
        FEED_CHANNEL,
    )
    return sequence


def _is_stored(row: Row) -> bool:
    """Return whether a row that no rule has decided is, or is to be, in the tables."""
    return not row.is_ephemeral


_REFUSALS: tuple[Rule, ...] = (
    conflicts.refuse_found,
    addresses.refuse_deleted_versions,
    addresses.refuse_versions,
    conflicts.refuse_answered,
    conflicts.refuse_other_rings,
    conflicts.refuse_announced,
)
_INSERTS: tuple[Rule, ...] = (
    conflicts.refuse_copies,
    price_paid.upgrade_stored,
    deletions.postpone_large,
    _replace_versions,
    _insert_notes,
    _insert_answers,
    # Before what could delete them in the same batch.
    contested_words.mark_contested,
    deletions.delete_requested,
)


def _list_rules(waiting: WaitingNotes | None, *, may_hold: bool) -> tuple[Rule, ...]:
    if waiting is None:
        return (*_REFUSALS, *_INSERTS)
    withdraw = partial(deletions.withdraw_requested, order_keys=waiting.order_keys)
    if not may_hold:
        return (*_REFUSALS, *_INSERTS, withdraw)
    return (
        *_REFUSALS,
        # Before copies are refused: nobody may hear from that what else waits.
        partial(price_paid.upgrade_held, held=waiting.held),
        waiting.held.hold,
        *_INSERTS,
        withdraw,
        partial(deletions.close_invoices, waiting=waiting),
    )
