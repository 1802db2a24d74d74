"""The rules by which a note is refused for what is stored already, or for its neighbours in a batch.

Each reads only, under the writer's lock, and decides about the rows that break it.
"""

import asyncpg

from relay.storage.addresses import is_kept_from
from relay.storage.batch import Batch
from relay.storage.row import Row, SaveResult
from relay.storage.table_row import to_record
from relay.verify.answers import Answer, read_named_rings

# By the reasons that find_refused gives (migrations/0002_store_notes.sql).
RESULTS = {"deleted": SaveResult.DELETED, "signature": SaveResult.SIGNATURE_USED}


async def refuse_found(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse what its author has asked to delete (NIP-09), and ring signatures and words that are on other notes.

    The unique indexes alone would come too late: a new version deletes the one before it first. An ephemeral ring note
    leaves nothing behind that its signature could be compared with.
    """
    rows = batch.select(lambda row: not row.is_ephemeral)
    found: dict[bytes, asyncpg.Record] = {}
    for record in await connection.fetch(
        "SELECT id, reason, holder FROM find_refused($1::day_notes[])", [to_record(row) for row in rows]
    ):
        found.setdefault(record["id"], record)
    for row in rows:
        if row.id not in found:
            continue
        reason = found[row.id]["reason"]
        if reason == "words":
            batch.refuse_words(row, found[row.id]["holder"])
        else:
            row.result = RESULTS[reason]


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
        "SELECT id, tag FROM notes, unnest(tags) AS tag WHERE id = ANY($1::bytea[]) AND substr(tag, 1, 1) = 'R'",
        list({answer.target for _, answer in answers}),
    )
    values: dict[bytes, list[str]] = {}
    for record in records:
        values.setdefault(record["id"], []).append(record["tag"][1:].decode(errors="replace"))
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


def holds_copies(batch: Batch) -> bool:
    """Return whether rows share what only one stored note can have."""
    keys = [key for row in batch.rows for key in ((None, row.id), *_list_keys(row))]
    return len(set(keys)) < len(keys)


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
