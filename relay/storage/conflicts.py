"""The rules by which a note is refused for what is stored already, or for its neighbours in a batch.

Each reads only, under the writer's lock, and decides about the rows that break it.
"""

import asyncpg

from relay.protocol.event import DELETION_REQUEST, to_address
from relay.storage.addresses import is_kept_from
from relay.storage.batch import Batch
from relay.storage.conditions import encode_tag
from relay.storage.row import Row, SaveResult
from relay.verify.answers import Answer, read_named_rings


async def refuse_deleted(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse what a stored request of the same author deletes (NIP-09). Requests themselves cannot be deleted."""
    rows = batch.select(lambda row: not row.is_ephemeral and row.event.kind != DELETION_REQUEST)
    addresses = [to_address(row.event) for row in rows]
    positions = await connection.fetch(
        """
        WITH r AS (
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[])
                WITH ORDINALITY AS r (e_tag, a_tag, pubkey, created_at, position)
        )
        -- LIMIT makes it a look-up for each row: of EXISTS the planner makes a join with all stored requests.
        SELECT position FROM r, LATERAL (
            SELECT FROM tags t WHERE t.tag = r.e_tag AND t.pubkey = r.pubkey AND t.kind = 5 LIMIT 1) deleted
        UNION ALL
        SELECT position FROM r, LATERAL (
            SELECT FROM tags t WHERE t.tag = r.a_tag AND t.pubkey = r.pubkey AND t.kind = 5 AND t.created_at >= r.created_at
            LIMIT 1) deleted
        """,
        [encode_tag("e", row.event.id) for row in rows],
        [None if address is None else encode_tag("a", address) for address in addresses],
        [row.pubkey for row in rows],
        [row.event.created_at for row in rows],
    )
    for record in positions:
        rows[record["position"] - 1].result = SaveResult.DELETED


async def refuse_used_signatures(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse a ring signature that is on another note, stored or gone.

    The unique index alone would come too late: a new version deletes the one before it first. An ephemeral ring note
    leaves nothing behind that its signature could be compared with.
    """
    rows = batch.select(lambda row: not row.is_ephemeral and row.signed_id is not None)
    if not rows:
        return
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
    for row in rows:
        if row.signed_id in gone or holders.get(row.signed_id, row.id) != row.id:
            row.result = SaveResult.SIGNATURE_USED


async def refuse_stored_words(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse words that another note has brought here, for the same ring and with the same key image."""
    rows = batch.select(lambda row: not row.is_ephemeral and row.note.content_key is not None)
    if not rows:
        return
    records = await connection.fetch(
        "SELECT content_key, id, pubkey FROM notes WHERE content_key = ANY($1::bytea[])",
        [row.note.content_key for row in rows],
    )
    holders = {record["content_key"]: record for record in records}
    for row in rows:
        holder = holders.get(row.note.content_key)
        if holder is not None and holder["id"] != row.id:
            batch.refuse_words(row, holder["pubkey"])


async def refuse_answered(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse the answers of members who have another one, stored or gone."""
    answers = _select_answers(batch)
    if not answers:
        return
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
    for row, answer in answers:
        if holders.get(answer.key, row.id) != row.id:
            row.result = SaveResult.ANSWERED


async def refuse_other_rings(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse answers from a ring that is not among those their target names. A target that is not here names none."""
    answers = _select_answers(batch)
    if not answers:
        return
    records = await connection.fetch(
        "SELECT note_id, tag FROM tags WHERE note_id = ANY($1::bytea[]) AND substr(tag, 1, 1) = 'R'",
        list({answer.target for _, answer in answers}),
    )
    values: dict[bytes, list[str]] = {}
    for record in records:
        values.setdefault(record["note_id"], []).append(record["tag"][1:].decode(errors="replace"))
    # What a target names follows from its id, so it counts whatever becomes of the target itself.
    for row in batch.rows:
        values.setdefault(row.id, []).extend(value for letter, value in row.tags if letter == "R")
    named = {target: read_named_rings(texts) for target, texts in values.items()}
    for row, answer in answers:
        if named.get(answer.target) and answer.ring_id not in named[answer.target]:
            row.result = SaveResult.OTHER_RING


async def refuse_announced(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse ephemeral events that are still in the feed."""
    rows = batch.select(lambda row: row.is_ephemeral)
    if not rows:
        return
    records = await connection.fetch(
        "SELECT id FROM feed WHERE id = ANY($1::bytea[]) AND event IS NOT NULL", [row.id for row in rows]
    )
    known = {record["id"] for record in records}
    for row in rows:
        if row.id in known:
            row.result = SaveResult.DUPLICATE


async def refuse_copies(_: asyncpg.Connection, batch: Batch) -> None:
    """Let one row of those that share a key stay: one INSERT cannot meet its own rows.

    Comes after what is refused for what is stored: a refused version must not displace one of its own batch.
    """
    ids: set[bytes] = set()
    taken: dict[tuple[SaveResult, object], Row] = {}
    # NIP-01: the newest version stays, and of the same age the one with the lowest id. Also of two rings' versions: as if the
    # newest had come first, which says nothing of which one did.
    for row in sorted(batch.select(), key=lambda row: -row.event.created_at):
        keys = _list_keys(row)
        if row.id in ids:
            row.result = SaveResult.DUPLICATE
        elif conflict := next((key for key in keys if key in taken), None):
            if conflict[0] is SaveResult.WORDS_STORED:
                batch.refuse_words(row, taken[conflict].pubkey)
            elif conflict[0] is SaveResult.SUPERSEDED and is_kept_from(row, taken[conflict].ring_id):
                row.result = SaveResult.ADDRESS_TAKEN
            else:
                row.result = conflict[0]
        else:
            ids.add(row.id)
            taken.update(dict.fromkeys(keys, row))


def _list_keys(row: Row) -> list[tuple[SaveResult, object]]:
    """Return what only one stored note can have, each with what becomes of a second one."""
    keys = [
        (SaveResult.SUPERSEDED, row.address),
        (SaveResult.SIGNATURE_USED, None if row.is_ephemeral else row.signed_id),
        (SaveResult.WORDS_STORED, row.note.content_key),
        (SaveResult.ANSWERED, row.answer and row.answer.key),
    ]
    return [(result, key) for result, key in keys if key is not None]


def _select_answers(batch: Batch) -> list[tuple[Row, Answer]]:
    return [(row, row.answer) for row in batch.select(lambda row: not row.is_ephemeral) if row.answer is not None]
