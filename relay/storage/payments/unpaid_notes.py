"""Notes that were verified and wait for a payment. Knows their table; the caller owns the transaction and the writer's lock."""

from typing import NamedTuple

import asyncpg

from relay.protocol.event import to_address
from relay.storage.named_notes import NamedNotes
from relay.storage.note import Note
from relay.storage.row import hash_address


class UnpaidTotals(NamedTuple):
    """How many notes are unpaid, how many bytes they have, and how many invoices are open."""

    notes: int
    bytes: int
    open_invoices: int


async def count_unpaid(connection: asyncpg.Connection, account: str) -> UnpaidTotals:
    """Count unpaid notes, and the open invoices of this account: what another one made keeps nobody from ordering."""
    return UnpaidTotals(
        *await connection.fetchrow(
            """
            SELECT count(*), coalesce(sum(octet_length(event)), 0)::bigint,
                   (SELECT count(*) FROM invoices WHERE state IN ('creating', 'open') AND account = $1)
            FROM unpaid_notes
            """,
            account,
        )
    )


async def insert_unpaid(connection: asyncpg.Connection, note: Note) -> None:
    """Keep a note until it is paid for; it may be there for another tier already."""
    address = to_address(note.event)
    await connection.execute(
        """
        INSERT INTO unpaid_notes (id, pubkey, address, created_at, event) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING
        """,
        bytes.fromhex(note.event.id),
        bytes.fromhex(note.event.pubkey),
        None if address is None else hash_address(address),
        note.event.created_at,
        note.encoded,
    )


async def find_unpaid(connection: asyncpg.Connection, note_id: bytes) -> bytes | None:
    """Return the compact JSON of an unpaid note."""
    encoded: bytes | None = await connection.fetchval("SELECT event FROM unpaid_notes WHERE id = $1", note_id)
    return encoded


async def delete_unpaid(connection: asyncpg.Connection, note_id: bytes) -> None:
    """Drop an unpaid note: it is published, or never will be."""
    await connection.execute("DELETE FROM unpaid_notes WHERE id = $1", note_id)


async def delete_if_uninvoiced(connection: asyncpg.Connection, note_id: bytes) -> None:
    """Drop an unpaid note if no open invoice asks for it any more."""
    await connection.execute(
        """
        DELETE FROM unpaid_notes WHERE id = $1
            AND NOT EXISTS (SELECT FROM invoices WHERE note_id = $1 AND state IN ('creating', 'open'))
        """,
        note_id,
    )


async def delete_uninvoiced(connection: asyncpg.Connection) -> None:
    """Drop the unpaid notes that no open invoice asks for any more."""
    await connection.execute(
        """
        DELETE FROM unpaid_notes p
        WHERE NOT EXISTS (SELECT FROM invoices i WHERE i.note_id = p.id AND i.state IN ('creating', 'open'))
        """
    )


async def withdraw_unpaid(connection: asyncpg.Connection, named: NamedNotes) -> None:
    """Drop notes that their own author asks to delete before they are paid for (NIP-09)."""
    await connection.execute(
        """
        DELETE FROM unpaid_notes u USING unnest($1::bytea[], $2::bytea[]) AS r (pubkey, id)
        WHERE u.id = r.id AND u.pubkey = r.pubkey
        """,
        *named.id_columns,
    )
    if named.addresses:
        await connection.execute(
            """
            DELETE FROM unpaid_notes u
                USING unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS r (pubkey, address, created_at)
            WHERE u.address = r.address AND u.pubkey = r.pubkey AND u.created_at <= r.created_at
            """,
            *named.address_columns,
        )
