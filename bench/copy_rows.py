"""Stored notes written straight into the tables by COPY: the rows that the relay itself would have written, in a minute."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg

from relay.storage.conditions import encode_tag
from relay.storage.note import Note
from relay.storage.row import Row, to_row

Record = dict[str, Any]


def describe_note(row: Row) -> Record:
    """Return a note's columns. This function and the two below it alone know which columns there are."""
    claim = row.note.claim
    return {
        "id": row.id,
        "pubkey": row.pubkey,
        "created_at": row.event.created_at,
        "kind": row.event.kind,
        "expires_at": row.expires_at,
        "address": row.address,
        "event": row.note.encoded,
        "index_rows": row.index_rows,
        "price_paid_msat": row.note.price_paid_msat or None,
        "form": claim and str(claim.form),
        "scheme": claim and str(claim.scheme),
        "ring_size": claim and len(claim.ring),
        "ring_id": row.ring_id,
        "signed_id": row.signed_id,
        "content_key": row.note.content_key,
        "is_contested": False,
        "tags": _list_tags(row),
        "ring": claim and b"".join(claim.ring),
    }


def describe_tags(row: Row) -> Iterator[Record]:
    """Yield the columns of a note's rows in tags."""
    for tag in _list_tags(row):
        yield {"tag": tag, **_describe_index_row(row), "pubkey": row.pubkey}


def _list_tags(row: Row) -> list[bytes]:
    return [encode_tag(letter, value) for letter, value in sorted(row.tags)]


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
    await _copy(connection, f"{prefix}_notes", [describe_note(row) for row in rows], is_sorted=is_sorted)
    tags = [record for row in rows for record in describe_tags(row)]
    await _copy(connection, f"{prefix}_tags", tags, is_sorted=is_sorted)
    members = [record for row in rows for record in describe_members(row)]
    await _copy(connection, f"{prefix}_ring_members", members, is_sorted=is_sorted)


async def _copy(connection: asyncpg.Connection, table: str, records: Sequence[Record], *, is_sorted: bool) -> None:
    if records:
        values = ((*record.values(), is_sorted) for record in records)
        await connection.copy_records_to_table(table, records=values, columns=[*records[0], "is_sorted"])
