"""The rows of invoices and how they change. Knows their table and no node; the caller owns the transaction.

creating -> open -> settled, or closed, when nothing is asked for any more; a payment may come even then. What a row links,
a payment and a note, is forgotten with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.held_notes import HeldNotes


class InvoiceState(StrEnum):
    """The states of an invoice."""

    CREATING = "creating"
    OPEN = "open"
    CLOSED = "closed"
    SETTLED = "settled"


# What is settled only waits to be forgotten.
UNSETTLED = (InvoiceState.CREATING, InvoiceState.OPEN, InvoiceState.CLOSED)


@dataclass(frozen=True, slots=True)
class Order:
    """An invoice to be made: for which note and tier, until when (Unix seconds), and when its row is deleted."""

    reference: bytes
    token: bytes
    note_id: bytes
    tier: str
    price_msat: int
    expires_at: int
    forget_at: int


@dataclass(frozen=True, slots=True)
class Watched:
    """An invoice that could still be paid."""

    reference: bytes
    payment_hash: bytes
    price_msat: int
    tier: str
    expires_at: int
    forget_at: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What a payment was for."""

    note_id: bytes
    tier: str
    price_msat: int


async def begin_invoice(connection: asyncpg.Connection, order: Order, give_up_at: int) -> None:
    """Record that an invoice is being made, before the node is asked; an expired one of its tier is closed."""
    await connection.execute(
        "UPDATE invoices SET state = 'closed' WHERE note_id = $1 AND tier = $2 AND state IN ('creating', 'open')",
        order.note_id,
        order.tier,
    )
    await connection.execute(
        """
        INSERT INTO invoices (reference, token, note_id, tier, price_msat, state, expires_at, forget_at)
        VALUES ($1, $2, $3, $4, $5, 'creating', $6, $7)
        """,
        order.reference,
        order.token,
        order.note_id,
        order.tier,
        order.price_msat,
        give_up_at,
        order.forget_at,
    )


async def open_invoice(connection: asyncpg.Connection, order: Order, payment_hash: bytes, bolt11: str) -> bool:
    """Record what the node made; return whether it is still asked for: its note may be withdrawn meanwhile."""
    state: str | None = await connection.fetchval(
        """
        UPDATE invoices SET payment_hash = $2, bolt11 = $3, expires_at = $4,
            state = CASE state WHEN 'creating' THEN 'open' ELSE state END
        WHERE reference = $1 AND state IN ('creating', 'closed') RETURNING state
        """,
        order.reference,
        payment_hash,
        bolt11,
        order.expires_at,
    )
    return state == InvoiceState.OPEN


async def drop_invoice(connection: asyncpg.Connection, reference: bytes) -> None:
    """Forget an invoice that nobody can pay, or that is unpaid when its time has come."""
    await connection.execute("DELETE FROM invoices WHERE reference = $1 AND state <> 'settled'", reference)


async def close_invoice(connection: asyncpg.Connection, reference: bytes) -> None:
    """Ask for an invoice no longer, and keep watching for a late payment until its row goes."""
    await connection.execute("UPDATE invoices SET state = 'closed' WHERE reference = $1 AND state = 'open'", reference)


async def settle_invoice(connection: asyncpg.Connection, reference: bytes, forget_at: int) -> Settled | None:
    """Record that an invoice is paid, and return what for; None where that was known, or the row is gone.

    From then on its row holds no time but that of its deletion: its expiry would say when the note came.
    """
    record = await connection.fetchrow(
        """
        UPDATE invoices SET state = 'settled', bolt11 = NULL, expires_at = $2, forget_at = $2
        WHERE reference = $1 AND state <> 'settled' RETURNING note_id, tier, price_msat
        """,
        reference,
        forget_at,
    )
    return None if record is None else Settled(record["note_id"], record["tier"], record["price_msat"])


async def close_others(connection: asyncpg.Connection, note_id: bytes, price_msat: int) -> None:
    """Ask no longer for prices that a paid note has reached."""
    await connection.execute(
        "UPDATE invoices SET state = 'closed' WHERE note_id = $1 AND price_msat <= $2 AND state IN ('creating', 'open')",
        note_id,
        price_msat,
    )


async def close_orphans(connection: asyncpg.Connection, held: HeldNotes) -> None:
    """Ask no longer for notes that are gone: deleted, replaced, expired, or refused when they were paid for."""
    records = await connection.fetch(
        """
        SELECT DISTINCT note_id FROM invoices i WHERE state IN ('creating', 'open')
            AND NOT EXISTS (SELECT FROM unpaid_notes WHERE id = i.note_id)
            AND NOT EXISTS (SELECT FROM notes WHERE id = i.note_id)
        """
    )
    if not records:
        return
    missing = [record["note_id"] for record in records]
    waiting = await held.find(connection, missing)
    await connection.execute(
        "UPDATE invoices SET state = 'closed' WHERE state IN ('creating', 'open') AND note_id = ANY($1::bytea[])",
        [note_id for note_id in missing if note_id not in waiting],
    )


async def list_watched(connection: asyncpg.Connection) -> list[Watched]:
    """Return the invoices that could still be paid."""
    records = await connection.fetch(
        """
        SELECT reference, payment_hash, price_msat, tier, expires_at, forget_at, state = 'open' AS is_open FROM invoices
        WHERE state IN ('open', 'closed') AND state <> 'settled' AND payment_hash IS NOT NULL
        """
    )
    return [
        Watched(
            record["reference"],
            record["payment_hash"],
            record["price_msat"],
            record["tier"],
            record["expires_at"],
            record["forget_at"],
            record["is_open"],
        )
        for record in records
    ]


async def delete_forgotten(connection: asyncpg.Connection, now: int) -> int:
    """Delete the rows whose time has come (Unix seconds), and those whose making was given up; return how many.

    One that is not settled may be paid, and the node was not asked since: that is `drop_invoice`'s, after a look-up.
    """
    references: list[bytes] = [
        record["reference"]
        for record in await connection.fetch(
            """
            DELETE FROM invoices WHERE (state = 'settled' AND forget_at <= $1) OR (payment_hash IS NULL AND expires_at <= $1)
            RETURNING reference
            """,
            now,
        )
    ]
    await _unlink_unapplied(connection, references)
    return len(references)


async def _unlink_unapplied(connection: asyncpg.Connection, references: Sequence[bytes]) -> None:
    """Leave the amount, and nothing by which the node's books name the payment."""
    await connection.execute(
        "UPDATE unapplied_payments SET reference = NULL WHERE reference = ANY($1::bytea[])", references
    )


async def count_by_state(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many invoices are in each state but settled: those only wait to be forgotten."""
    counts = {
        record["state"]: record["count"]
        for record in await connection.fetch(
            "SELECT state, count(*) FROM invoices WHERE state <> 'settled' GROUP BY state"
        )
    }
    return {str(state): counts.get(state, 0) for state in UNSETTLED}


async def find_reference(connection: asyncpg.Connection, payment_hash: bytes) -> bytes | None:
    """Return the reference of an invoice that could still be paid; the node may have others, which are not ours."""
    reference: bytes | None = await connection.fetchval(
        "SELECT reference FROM invoices WHERE payment_hash = $1 AND state <> 'settled'", payment_hash
    )
    return reference


async def read_cursor(connection: asyncpg.Connection, backend: str) -> str:
    """Return where a node's stream of payments goes on, "" at first."""
    cursor: str | None = await connection.fetchval("SELECT cursor FROM settlement_cursors WHERE backend = $1", backend)
    return cursor or ""


async def write_cursor(connection: asyncpg.Connection, backend: str, cursor: str) -> None:
    """Record that a node's stream goes on after this payment."""
    await connection.execute(
        """
        INSERT INTO settlement_cursors (backend, cursor) VALUES ($1, $2)
        ON CONFLICT (backend) DO UPDATE SET cursor = excluded.cursor
        """,
        backend,
        cursor,
    )


async def rewrite_cursors(connection: asyncpg.Connection) -> None:
    """Write the cursors again: the number of their transaction would say which note was stored just before a payment."""
    await connection.execute("UPDATE settlement_cursors SET cursor = cursor")
