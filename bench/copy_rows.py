"""Stored notes written straight into the tables by COPY: the rows that the relay itself would have written, in a minute."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg

from relay.storage.conditions import encode_tag
from relay.storage.note import Note
from relay.storage.row import Row, to_row
from relay.storage.table_row import to_record

Record = dict[str, Any]


def describe_tags(row: Row) -> Iterator[Record]:
    """Yield the columns of a note's rows in tags."""
    for tag in sorted(encode_tag(letter, value) for letter, value in row.tags):
        yield {"tag": tag, **_describe_index_row(row), "pubkey": row.pubkey}


def describe_members(row: Row) -> Iterator[Record]:
    """Yield the columns of a note's rows in ring_members."""
    ring = () if row.note.claim is None else row.note.claim.ring
    for member in ring:
        yield {"member": member, **_describe_index_row(row), "ring_size": len(ring)}


def _describe_index_row(row: Row) -> Record:
    return {
        "note_id": row.id,
        "created_at": row.event.created_at,
        "kind": row.event.kind,
        "expires_at": row.expires_at,
        "price_paid_msat": row.note.price_paid_msat or None,
    }


async def copy_notes(connection: asyncpg.Connection, notes: Iterable[Note], *, is_sorted: bool) -> None:
    """Write notes into the tables of the day, in their order; or, as a night leaves them, sorted into the others."""
    rows = [to_row(note) for note in notes]
    if is_sorted:
        rows.sort(key=lambda row: row.id)
    prefix = "sorted" if is_sorted else "day"
    # The relay's own rows end with `is_sorted`.
    records = [(*to_record(row)[:-1], is_sorted) for row in rows]
    await connection.copy_records_to_table(f"{prefix}_notes", records=records)
    tags = [record for row in rows for record in describe_tags(row)]
    await _copy(connection, f"{prefix}_tags", tags, is_sorted=is_sorted)
    members = [record for row in rows for record in describe_members(row)]
    await _copy(connection, f"{prefix}_ring_members", members, is_sorted=is_sorted)


async def _copy(connection: asyncpg.Connection, table: str, records: Sequence[Record], *, is_sorted: bool) -> None:
    if records:
        values = ((*record.values(), is_sorted) for record in records)
        await connection.copy_records_to_table(table, records=values, columns=[*records[0], "is_sorted"])
