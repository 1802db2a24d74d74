"""Insert a batch of notes inside the caller's transaction: the only code that writes to notes, their indexes and the feed.

Knows the rules of replacement (NIP-01), deletion (NIP-09), one note a ring signature and one answer a ring member. Knows
nothing of who waits for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import asyncpg

from relay.protocol.event import DELETION_REQUEST, KindClass, classify, find_expiration, list_indexed_tags
from relay.storage.conditions import encode_tag
from relay.storage.conflicts import refuse_known
from relay.storage.held_notes import hold_notes, withdraw_held
from relay.storage.note import Note
from relay.storage.payments.invoices import close_orphans
from relay.storage.payments.unpaid_notes import withdraw_unpaid
from relay.storage.price_paid import upgrade_held, upgrade_stored
from relay.storage.row import Row, SaveResult, hash_address, to_row
from relay.storage.writer_lock import lock_writers

FEED_CHANNEL = "ringrelay_feed"


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of each note of a batch, those to be published, and the feed's numbers of these."""

    saved: list[SaveResult]
    news: list[Note]
    sequence: list[int]


async def insert_batch(connection: asyncpg.Connection, notes: Sequence[Note], max_held: int = 0) -> Inserted:
    """Insert notes, or raise those that are here already to the rank they come with, and return what became of them.

    The caller owns the transaction. The advisory lock makes this batch the only writer until it ends, so what is read
    here stays true; the unique indexes are the safety net. At most `max_pending` notes wait for the tick.
    """
    saved: dict[int, SaveResult] = {}
    await lock_writers(connection)
    # What is refused for what is stored comes first: a refused version must not displace one of its own batch.
    rows = await refuse_known([to_row(note) for note in notes], saved, connection)
    rows = _collapse(rows, saved)
    upgraded = await _upgrade(connection, [row for row in rows if row.note.price_paid_msat], saved)
    rows = [row for row in rows if id(row.note) not in saved]
    await hold_notes([row for row in rows if row.note.is_held], saved, connection, max_held)
    stored = [row for row in rows if not row.is_ephemeral and not row.note.is_held]
    await _delete_superseded(connection, stored)
    inserted = await _insert_rows(connection, stored)
    for row in stored:
        if row.id not in inserted:
            saved[id(row.note)] = await _find_rule_met(connection, row)
    new = [row for row in rows if id(row.note) not in saved]
    await _insert_index_rows(connection, [row for row in new if row.id in inserted])
    await _insert_answers(connection, [row for row in new if row.id in inserted])
    await _delete_requested(connection, [row for row in new if row.event.kind == DELETION_REQUEST])
    news = [*(row.note for row in new), *upgraded]
    sequence = await _announce(connection, news)
    return Inserted([saved.get(id(note), SaveResult.STORED) for note in notes], news, sequence)


async def _upgrade(connection: asyncpg.Connection, rows: list[Row], saved: dict[int, SaveResult]) -> list[Note]:
    """Raise what is stored or waits for the tick, note so in `saved`, and return the stored notes that rose.

    Where there is a tick a stored note rises then: who watches a dear path would see when it was paid for.
    """
    waiting = await upgrade_held(connection, rows)
    for row in rows:
        if row.id in waiting:
            saved[id(row.note)] = SaveResult.HELD if waiting[row.id] else SaveResult.DUPLICATE
    previous_price_msat = await upgrade_stored(connection, [row for row in rows if not row.note.is_held])
    saved.update({id(row.note): SaveResult.UPGRADED for row in rows if row.id in previous_price_msat})
    return [
        replace(row.note, previous_price_msat=previous_price_msat[row.id])
        for row in rows
        if row.id in previous_price_msat
    ]


def _collapse(rows: list[Row], saved: dict[int, SaveResult]) -> list[Row]:
    """Keep one row of those that share a key, and note why the others lose: one INSERT cannot meet its own rows."""
    # Sorted by id, so that neither the heap's order nor the feed's tells in which order a batch arrived.
    rows = sorted(rows, key=lambda row: row.id)
    kept: dict[bytes, Row] = {}
    by_address: dict[bytes, Row] = {}
    by_signed_id: dict[bytes, Row] = {}
    by_words: dict[bytes, Row] = {}
    by_answer: dict[tuple[int, bytes, bytes], Row] = {}
    for row in sorted(rows, key=lambda row: -row.event.created_at):
        if row.id in kept:
            saved[id(row.note)] = SaveResult.DUPLICATE
        # NIP-01: the newest version stays, and of the same age the one with the lowest id.
        elif row.address is not None and by_address.setdefault(row.address, row) is not row:
            saved[id(row.note)] = SaveResult.SUPERSEDED
        elif (
            row.signed_id is not None
            and not row.is_ephemeral
            and by_signed_id.setdefault(row.signed_id, row) is not row
        ):
            saved[id(row.note)] = SaveResult.SIGNATURE_USED
        elif row.note.content_key is not None and by_words.setdefault(row.note.content_key, row) is not row:
            saved[id(row.note)] = SaveResult.WORDS_STORED
        elif row.answer is not None and by_answer.setdefault(row.answer.key, row) is not row:
            saved[id(row.note)] = SaveResult.ANSWERED
        else:
            kept[row.id] = row
    return [row for row in rows if kept.get(row.id) is row]


async def _delete_superseded(connection: asyncpg.Connection, rows: list[Row]) -> None:
    replacing = [row for row in rows if row.address is not None]
    if not replacing:
        return
    await connection.execute(
        """
        WITH deleted AS (
            DELETE FROM notes n USING unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS r (address, created_at, id)
            WHERE n.address = r.address
              -- NIP-01: the newest version stays, and of the same age the one with the lowest id.
              AND (n.created_at < r.created_at OR (n.created_at = r.created_at AND n.id > r.id))
            RETURNING n.signed_id
        )
        INSERT INTO spent_signatures SELECT signed_id FROM deleted WHERE signed_id IS NOT NULL ON CONFLICT DO NOTHING
        """,
        [row.address for row in replacing],
        [row.event.created_at for row in replacing],
        [row.id for row in replacing],
    )


async def _insert_rows(connection: asyncpg.Connection, rows: list[Row]) -> set[bytes]:
    """Insert rows and return the ids of those that met no unique index."""
    claims = [row.note.claim for row in rows]
    records = await connection.fetch(
        """
        INSERT INTO notes (id, pubkey, created_at, kind, expires_at, address, event,
                           form, scheme, ring_size, ring_id, key_image, scope, signed_id, content_key, price_paid_msat)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::integer[], $5::bigint[], $6::bytea[], $7::bytea[],
                             $8::text[], $9::text[], $10::integer[], $11::bytea[], $12::bytea[], $13::bytea[],
                             $14::bytea[], $15::bytea[], $16::bigint[])
        ON CONFLICT DO NOTHING RETURNING id
        """,
        [row.id for row in rows],
        [row.pubkey for row in rows],
        [row.event.created_at for row in rows],
        [row.event.kind for row in rows],
        [find_expiration(row.event) for row in rows],
        [row.address for row in rows],
        [row.note.encoded for row in rows],
        [claim and str(claim.form) for claim in claims],
        [claim and str(claim.scheme) for claim in claims],
        [claim and len(claim.ring) for claim in claims],
        [claim and bytes.fromhex(claim.ring_id) for claim in claims],
        [bytes.fromhex(claim.key_image) if claim and claim.key_image else None for claim in claims],
        [claim.scope.encode() if claim and claim.scope is not None else None for claim in claims],
        [row.signed_id for row in rows],
        [row.note.content_key for row in rows],
        [row.note.price_paid_msat or None for row in rows],
    )
    return {record["id"] for record in records}


async def _find_rule_met(connection: asyncpg.Connection, row: Row) -> SaveResult:
    """Look up which unique index a row met."""
    if await connection.fetchval("SELECT true FROM notes WHERE id = $1", row.id):
        return SaveResult.DUPLICATE
    if row.address is not None and await connection.fetchval("SELECT true FROM notes WHERE address = $1", row.address):
        return SaveResult.SUPERSEDED
    return SaveResult.SIGNATURE_USED if row.signed_id is not None else SaveResult.WORDS_STORED


async def _insert_index_rows(connection: asyncpg.Connection, rows: list[Row]) -> None:
    """Insert a row for each tag that filters can ask for, and for each member of each ring.

    In one statement, as a round trip takes long while rings are being verified. A ring travels as one value and is cut
    up in the database: that takes half of the time that it takes here to encode six values for each member.
    """
    tags = [(row, letter, value) for row in rows for letter, value in sorted(list_indexed_tags(row.event))]
    rings = [(row, row.note.claim.ring) for row in rows if row.note.claim is not None]
    if not tags and not rings:
        return
    await connection.execute(
        """
        WITH inserted_tags AS (
            INSERT INTO tags (tag, created_at, note_id, kind, pubkey, expires_at, price_paid_msat)
            SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::integer[], $5::bytea[], $6::bigint[],
                                 $7::bigint[])
        )
        INSERT INTO ring_members (member, created_at, note_id, kind, ring_size, expires_at, price_paid_msat)
        SELECT substr(r.ring, 32 * position + 1, 32), r.created_at, r.note_id, r.kind, r.ring_size, r.expires_at, r.price_paid_msat
        FROM unnest($8::bytea[], $9::bigint[], $10::bytea[], $11::integer[], $12::integer[], $13::bigint[], $14::bigint[])
                 AS r (ring, created_at, note_id, kind, ring_size, expires_at, price_paid_msat),
             generate_series(0, r.ring_size - 1) AS position
        """,
        [encode_tag(letter, value) for _, letter, value in tags],
        [row.event.created_at for row, _, _ in tags],
        [row.id for row, _, _ in tags],
        [row.event.kind for row, _, _ in tags],
        [row.pubkey for row, _, _ in tags],
        [find_expiration(row.event) for row, _, _ in tags],
        [row.note.price_paid_msat or None for row, _, _ in tags],
        [b"".join(ring) for _, ring in rings],
        [row.event.created_at for row, _ in rings],
        [row.id for row, _ in rings],
        [row.event.kind for row, _ in rings],
        [len(ring) for _, ring in rings],
        [find_expiration(row.event) for row, _ in rings],
        [row.note.price_paid_msat or None for row, _ in rings],
    )


async def _insert_answers(connection: asyncpg.Connection, rows: list[Row]) -> None:
    """Keep who answered what, for good: this outlives the answer."""
    answers = [(row.answer, row.id) for row in rows if row.answer is not None]
    if not answers:
        return
    await connection.execute(
        """
        INSERT INTO answers (kind, target, key_image, ring_id, note_id)
        SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
        """,
        [answer.kind for answer, _ in answers],
        [answer.target for answer, _ in answers],
        [answer.key_image for answer, _ in answers],
        [answer.ring_id for answer, _ in answers],
        [note_id for _, note_id in answers],
    )


async def _delete_requested(connection: asyncpg.Connection, requests: list[Row]) -> None:
    """Delete what new deletion requests name, if it is by the same author (NIP-09); nothing is asked for it any more."""
    for row in requests:
        ids = [bytes.fromhex(value) for name, value in list_indexed_tags(row.event) if name == "e" and _is_hex32(value)]
        addresses = [hash_address(value) for name, value in list_indexed_tags(row.event) if name == "a"]
        await withdraw_held(connection, row.pubkey, ids)
        await withdraw_unpaid(connection, row.pubkey, ids, addresses, row.event.created_at)
        await connection.execute(
            """
            WITH deleted AS (
                DELETE FROM notes WHERE pubkey = $1 AND kind <> 5 AND (
                    id = ANY($2::bytea[])
                    -- NIP-09: of an address, the versions up to the request's created_at.
                    OR (address = ANY($3::bytea[]) AND created_at <= $4::bigint))
                RETURNING signed_id
            )
            INSERT INTO spent_signatures SELECT signed_id FROM deleted WHERE signed_id IS NOT NULL ON CONFLICT DO NOTHING
            """,
            row.pubkey,
            ids,
            addresses,
            row.event.created_at,
        )
    if requests:
        await close_orphans(connection)


def _is_hex32(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)


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
