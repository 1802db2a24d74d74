"""What a note is refused for because of what is stored already. Reads only, under the lock of the one who writes."""

import asyncpg

from relay.protocol.event import DELETION_REQUEST, list_indexed_tags, to_address
from relay.storage.conditions import encode_tag
from relay.storage.row import Row, SaveResult
from relay.verify.answers import Answer, read_named_rings


async def refuse_known(rows: list[Row], saved: dict[int, SaveResult], connection: asyncpg.Connection) -> list[Row]:
    """Leave out what is deleted, displaced, said, signed or answered already, answers of others than may, known ephemeral events.

    Returns the rows that are left, and notes in `saved` what became of the others.
    """
    kept = [row for row in rows if not row.is_ephemeral]
    for row in await _find_deleted(connection, kept):
        saved[id(row.note)] = SaveResult.DELETED
    for row in await _find_superseded(connection, [row for row in kept if row.address is not None]):
        saved.setdefault(id(row.note), SaveResult.SUPERSEDED)
    # An ephemeral ring note leaves nothing behind that its signature could be compared with.
    for row in await _find_used_signatures(connection, [row for row in kept if row.signed_id is not None]):
        saved.setdefault(id(row.note), SaveResult.SIGNATURE_USED)
    for row in await _find_stored_words(connection, [row for row in kept if row.note.content_key is not None]):
        saved.setdefault(id(row.note), SaveResult.WORDS_STORED)
    answers = [(row, row.answer) for row in kept if row.answer is not None]
    for row in await _find_answered(connection, answers):
        saved.setdefault(id(row.note), SaveResult.ANSWERED)
    for row in await _find_others_answers(connection, answers, rows):
        saved.setdefault(id(row.note), SaveResult.OTHER_RING)
    for row in await _find_announced(connection, [row for row in rows if row.is_ephemeral]):
        saved[id(row.note)] = SaveResult.DUPLICATE
    return [row for row in rows if id(row.note) not in saved]


async def _find_superseded(connection: asyncpg.Connection, rows: list[Row]) -> list[Row]:
    """Return the rows whose address has a version that stays: the newest, and of the same age the one with the lowest id."""
    if not rows:
        return []
    positions = await connection.fetch(
        """
        SELECT r.position FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])
            WITH ORDINALITY AS r (address, created_at, id, position) JOIN notes n ON n.address = r.address
        WHERE n.created_at > r.created_at OR (n.created_at = r.created_at AND n.id < r.id)
        """,
        [row.address for row in rows],
        [row.event.created_at for row in rows],
        [row.id for row in rows],
    )
    return [rows[record["position"] - 1] for record in positions]


async def _find_used_signatures(connection: asyncpg.Connection, rows: list[Row]) -> list[Row]:
    """Return the rows whose ring signature is on another note, stored or gone.

    The unique index alone would come too late: a new version deletes the one before it first.
    """
    if not rows:
        return []
    # One statement: a round trip takes long while rings are being verified.
    records = await connection.fetch(
        """
        SELECT signed_id, NULL AS id FROM spent_signatures WHERE signed_id = ANY($1::bytea[])
        UNION ALL SELECT signed_id, id FROM notes WHERE signed_id = ANY($1::bytea[])
        """,
        [row.signed_id for row in rows],
    )
    gone = {record["signed_id"] for record in records if record["id"] is None}
    holders = {record["signed_id"]: record["id"] for record in records}
    return [row for row in rows if row.signed_id in gone or holders.get(row.signed_id, row.id) != row.id]


async def _find_stored_words(connection: asyncpg.Connection, rows: list[Row]) -> list[Row]:
    """Return the rows whose words another note has brought here, for the same ring and with the same key image."""
    if not rows:
        return []
    records = await connection.fetch(
        "SELECT content_key, id FROM notes WHERE content_key = ANY($1::bytea[])", [row.note.content_key for row in rows]
    )
    holders = {record["content_key"]: record["id"] for record in records}
    return [row for row in rows if holders.get(row.note.content_key, row.id) != row.id]


async def _find_answered(connection: asyncpg.Connection, answers: list[tuple[Row, Answer]]) -> list[Row]:
    """Return the answers of members who have another one, stored or gone."""
    if not answers:
        return []
    records = await connection.fetch(
        """
        SELECT a.kind, a.target, a.key_image, a.note_id FROM answers a
        JOIN unnest($1::integer[], $2::bytea[], $3::bytea[]) AS r (kind, target, key_image) USING (kind, target, key_image)
        """,
        [answer.kind for _, answer in answers],
        [answer.target for _, answer in answers],
        [answer.key_image for _, answer in answers],
    )
    holders = {(record["kind"], record["target"], record["key_image"]): record["note_id"] for record in records}
    return [row for row, answer in answers if holders.get(answer.key, row.id) != row.id]


async def _find_others_answers(
    connection: asyncpg.Connection, answers: list[tuple[Row, Answer]], batch: list[Row]
) -> list[Row]:
    """Return the answers from a ring that is not among those their target names. One that is not here names none."""
    if not answers:
        return []
    records = await connection.fetch(
        "SELECT note_id, tag FROM tags WHERE note_id = ANY($1::bytea[]) AND substr(tag, 1, 1) = 'R'",
        list({answer.target for _, answer in answers}),
    )
    values: dict[bytes, list[str]] = {}
    for record in records:
        values.setdefault(record["note_id"], []).append(record["tag"][1:].decode(errors="replace"))
    # What a target names follows from its id, so it counts whatever becomes of the target itself.
    for row in batch:
        values.setdefault(row.id, []).extend(value for letter, value in list_indexed_tags(row.event) if letter == "R")
    named = {target: read_named_rings(texts) for target, texts in values.items()}
    return [row for row, answer in answers if named.get(answer.target) and answer.ring_id not in named[answer.target]]


async def _find_announced(connection: asyncpg.Connection, rows: list[Row]) -> list[Row]:
    """Return the ephemeral rows that are still in the feed."""
    if not rows:
        return []
    records = await connection.fetch(
        "SELECT id FROM feed WHERE id = ANY($1::bytea[]) AND event IS NOT NULL", [row.id for row in rows]
    )
    known = {record["id"] for record in records}
    return [row for row in rows if row.id in known]


async def _find_deleted(connection: asyncpg.Connection, rows: list[Row]) -> list[Row]:
    """Return the rows that a stored request of the same author deletes (NIP-09). Requests themselves cannot be deleted."""
    checked = [row for row in rows if row.event.kind != DELETION_REQUEST]
    addresses = [to_address(row.event) for row in checked]
    positions = await connection.fetch(
        """
        SELECT r.position FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[])
            WITH ORDINALITY AS r (e_tag, a_tag, pubkey, created_at, position)
        WHERE EXISTS (SELECT FROM tags t WHERE t.tag = r.e_tag AND t.kind = 5 AND t.pubkey = r.pubkey)
           OR EXISTS (SELECT FROM tags t WHERE t.tag = r.a_tag AND t.kind = 5 AND t.pubkey = r.pubkey
                                           AND t.created_at >= r.created_at)
        """,
        [encode_tag("e", row.event.id) for row in checked],
        [None if address is None else encode_tag("a", address) for address in addresses],
        [row.pubkey for row in checked],
        [row.event.created_at for row in checked],
    )
    return [checked[record["position"] - 1] for record in positions]
