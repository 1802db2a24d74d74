"""Notes that were verified and wait to be paid for. Knows their table; the caller owns the transaction and the writer's lock."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from relay.storage.row import Row


class UnpaidTotals(NamedTuple):
    """How many notes are parked, how many bytes they have, and how many invoices are open."""

    notes: int
    bytes: int
    open_invoices: int


async def count_unpaid(connection: asyncpg.Connection) -> UnpaidTotals:
    """Return how full the parking is."""
    return UnpaidTotals(
        *await connection.fetchrow(
            """
            SELECT count(*), coalesce(sum(octet_length(event)), 0)::bigint,
                   (SELECT count(*) FROM invoices WHERE state IN ('creating', 'open'))
            FROM unpaid_notes
            """
        )
    )


async def insert_unpaid(connection: asyncpg.Connection, row: Row) -> None:
    """Keep a note until it is paid for; it may be there for another tier already."""
    await connection.execute(
        """
        INSERT INTO unpaid_notes (id, pubkey, address, created_at, event) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING
        """,
        row.id,
        row.pubkey,
        row.address,
        row.event.created_at,
        row.note.encoded,
    )


async def find_unpaid(connection: asyncpg.Connection, note_id: bytes) -> bytes | None:
    """Return the compact JSON of a parked note."""
    encoded: bytes | None = await connection.fetchval("SELECT event FROM unpaid_notes WHERE id = $1", note_id)
    return encoded


async def delete_unpaid(connection: asyncpg.Connection, note_id: bytes) -> None:
    """Drop a parked note: it is published, or never will be."""
    await connection.execute("DELETE FROM unpaid_notes WHERE id = $1", note_id)


async def delete_uninvoiced(connection: asyncpg.Connection) -> int:
    """Drop the parked notes that no open invoice asks for any more, and return how many."""
    tag: str = await connection.execute(
        """
        DELETE FROM unpaid_notes p
        WHERE NOT EXISTS (SELECT FROM invoices i WHERE i.note_id = p.id AND i.state IN ('creating', 'open'))
        """
    )
    return int(tag.rpartition(" ")[2])


async def withdraw_unpaid(
    connection: asyncpg.Connection, pubkey: bytes, ids: Sequence[bytes], addresses: Sequence[bytes], created_at: int
) -> None:
    """Drop what its own author asks to delete before it was paid for (NIP-09)."""
    await connection.execute(
        """
        DELETE FROM unpaid_notes WHERE pubkey = $1
            AND (id = ANY($2::bytea[]) OR (address = ANY($3::bytea[]) AND created_at <= $4))
        """,
        pubkey,
        ids,
        addresses,
        created_at,
    )
