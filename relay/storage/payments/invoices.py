"""The rows of invoices and how they change. Knows their table and no node; the caller owns the transaction.

Each row names the account, a node or wallet, that made its invoice. No other one can say what became of it.

creating -> open -> settled, or closed, when nothing is asked for any more; a payment may come even then. What a row links,
a payment and a note, is forgotten with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.held_notes import HeldNotes
from relay.storage.payments import spent_payments


class InvoiceState(StrEnum):
    """The states of an invoice."""

    CREATING = "creating"
    OPEN = "open"
    CLOSED = "closed"
    SETTLED = "settled"


# What is settled only waits to be forgotten.
UNSETTLED = (InvoiceState.CREATING, InvoiceState.OPEN, InvoiceState.CLOSED)
# A payer who has paid watches the page for some seconds; one who has not decided yet takes minutes.
_LONGEST_OPEN_S = 15
# A payment after all that is rare, and stays unapplied.
_FIRST_CLOSED_S = 300
_LONGEST_CLOSED_S = 7_200
# What one statement changes of rows that can be a hundred thousand.
MAX_AT_ONCE = 500
# They can be a hundred thousand, and are counted every fifteen seconds.
_MAX_COUNTED = 1_000
# The node is told soon, where it can cancel. What is still being made has no hash to ask for.
_CLOSE = "state = 'closed', look_up_at = CASE WHEN payment_hash IS NULL THEN NULL ELSE 0 END"


@dataclass(frozen=True, slots=True)
class Order:
    """An invoice to be made: for which note and tier, until when (Unix seconds), and when its row is deleted.

    `account` is the node or wallet that makes it. It is over the price less `credit_msat`, which came for the note before.
    """

    reference: bytes
    token: bytes
    note_id: bytes
    tier: str
    price_msat: int
    expires_at: int
    forget_at: int
    account: str
    credit_msat: int = 0


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
    is_cancel_tried: bool
    token: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """An invoice that has a row, by its payment hash."""

    reference: bytes
    account: str
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What a payment was for."""

    note_id: bytes
    tier: str
    price_msat: int


async def begin_invoice(connection: asyncpg.Connection, order: Order, give_up_at: int) -> None:
    """Record that an invoice is being made, before the node is asked; an expired one of its tier is closed."""
    await connection.execute(
        f"UPDATE invoices SET {_CLOSE} WHERE note_id = $1 AND tier = $2 AND state IN ('creating', 'open')",  # noqa: S608
        order.note_id,
        order.tier,
    )
    await connection.execute(
        """
        INSERT INTO invoices (reference, token, note_id, tier, price_msat, credit_msat, state, expires_at, forget_at,
                              is_cancel_tried, account)
        VALUES ($1, $2, $3, $4, $5, $6, 'creating', $7, $8, false, $9)
        """,
        order.reference,
        order.token,
        order.note_id,
        order.tier,
        order.price_msat,
        order.credit_msat,
        give_up_at,
        order.forget_at,
        order.account,
    )


async def open_invoice(connection: asyncpg.Connection, order: Order, payment_hash: bytes, bolt11: str) -> bool:
    """Record what the node made; return whether it is still asked for: its note may be withdrawn meanwhile."""
    state: str | None = await connection.fetchval(
        """
        UPDATE invoices SET payment_hash = $2, bolt11 = $3, expires_at = $4, look_up_at = 0,
            state = CASE state WHEN 'creating' THEN 'open' ELSE state END
        WHERE reference = $1 AND state IN ('creating', 'closed') RETURNING state
        """,
        order.reference,
        payment_hash,
        bolt11,
        order.expires_at,
    )
    return state == InvoiceState.OPEN


async def drop_invoice(connection: asyncpg.Connection, reference: bytes) -> bytes | None:
    """Forget an invoice that nobody can pay, or that is unpaid when its time has come; return for which note it was."""
    note_id: bytes | None = await connection.fetchval(
        "DELETE FROM invoices WHERE reference = $1 AND state <> 'settled' RETURNING note_id", reference
    )
    return note_id


async def close_invoice(connection: asyncpg.Connection, reference: bytes) -> bytes | None:
    """Ask for an invoice no longer, which the node could not cancel, and keep watching for a late payment until its row goes.

    Returns for which note it is.
    """
    note_id: bytes | None = await connection.fetchval(
        """
        UPDATE invoices SET state = 'closed', is_cancel_tried = true WHERE reference = $1 AND state IN ('open', 'closed')
        RETURNING note_id
        """,
        reference,
    )
    return note_id


async def settle_invoice(connection: asyncpg.Connection, reference: bytes, forget_at: int) -> Settled | None:
    """Record that an invoice is paid, and return what for; None where that was known, or the row is gone.

    From then on its row holds no time but that of its deletion: its expiry would say when the note came.
    """
    record = await connection.fetchrow(
        """
        UPDATE invoices SET state = 'settled', bolt11 = NULL, expires_at = $2, forget_at = $2, look_up_at = NULL
        WHERE reference = $1 AND state <> 'settled' RETURNING note_id, tier, price_msat
        """,
        reference,
        forget_at,
    )
    return None if record is None else Settled(record["note_id"], record["tier"], record["price_msat"])


async def close_others(connection: asyncpg.Connection, note_id: bytes, price_msat: int) -> None:
    """Ask no longer for prices that a paid note has reached."""
    await connection.execute(
        f"UPDATE invoices SET {_CLOSE} WHERE note_id = $1 AND price_msat <= $2 AND state IN ('creating', 'open')",  # noqa: S608
        note_id,
        price_msat,
    )


async def close_rests(connection: asyncpg.Connection, note_id: bytes) -> None:
    """Ask no longer for what is left of a note's prices: what came before was spent."""
    await connection.execute(
        f"UPDATE invoices SET {_CLOSE} WHERE note_id = $1 AND credit_msat > 0 AND state IN ('creating', 'open')",  # noqa: S608
        note_id,
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
    await close_for_notes(connection, [note_id for note_id in missing if note_id not in waiting])


async def find_asked(connection: asyncpg.Connection, note_ids: Sequence[bytes]) -> list[bytes]:
    """Return those of these notes for which something is asked."""
    records = await connection.fetch(
        "SELECT DISTINCT note_id FROM invoices WHERE note_id = ANY($1::bytea[]) AND state IN ('creating', 'open')",
        note_ids,
    )
    return [record["note_id"] for record in records]


async def close_for_notes(connection: asyncpg.Connection, note_ids: Sequence[bytes]) -> None:
    """Ask no longer for any of these notes."""
    await connection.execute(
        f"UPDATE invoices SET {_CLOSE} WHERE state IN ('creating', 'open') AND note_id = ANY($1::bytea[])",  # noqa: S608
        note_ids,
    )


async def take_due(
    connection: asyncpg.Connection, now: int, expiry_s: int, limit: int, account: str, live: Sequence[bytes] | None
) -> list[Watched]:
    """Return the invoices that this account is to be asked about now, and say when each is due again.

    Open ones with these tokens come first, then other open ones; with None, whichever has waited longest. An open one is asked
    for more seldom the older it is, and so is a closed one: up to every two hours. Another process takes others. `now` is Unix
    time in seconds, `expiry_s` is how long an invoice is open.
    """
    records = await connection.fetch(
        """
        WITH live AS (
            SELECT reference, look_up_at, 1 AS turn FROM invoices
            WHERE account = $9 AND token = ANY($7::bytea[]) AND state = 'open' AND look_up_at <= $1 ORDER BY look_up_at LIMIT $3
            FOR UPDATE SKIP LOCKED
        ), open AS (
            SELECT reference, look_up_at, 2 AS turn FROM invoices
            WHERE account = $9 AND state = 'open' AND look_up_at <= $1 AND token <> ALL($7) ORDER BY look_up_at LIMIT $3
            FOR UPDATE SKIP LOCKED
        ), closed AS (
            SELECT reference, look_up_at, 3 AS turn FROM invoices
            WHERE account = $9 AND state = 'closed' AND look_up_at <= $1 ORDER BY look_up_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ), due AS (
            SELECT reference FROM (TABLE live UNION ALL TABLE open UNION ALL TABLE closed) AS found
            ORDER BY CASE WHEN $8 THEN 0 ELSE turn END, look_up_at LIMIT $3
        )
        UPDATE invoices i SET look_up_at = $1 + CASE i.state
            WHEN 'open' THEN greatest(1, least($4, ($1 - i.expires_at + $2) / 4))
            ELSE greatest($5, least($6, $1 - i.expires_at)) END
        FROM due WHERE i.reference = due.reference
        RETURNING i.reference, i.payment_hash, i.price_msat, i.tier, i.expires_at, i.forget_at, i.state = 'open' AS is_open,
                  i.is_cancel_tried, i.token
        """,
        now,
        expiry_s,
        limit,
        _LONGEST_OPEN_S,
        _FIRST_CLOSED_S,
        _LONGEST_CLOSED_S,
        live or (),
        live is None,
        account,
    )
    return [Watched(*record) for record in records]


async def find_oldest(connection: asyncpg.Connection, account: str, seen: Sequence[bytes]) -> Watched | None:
    """Return the open invoice of this account that expires first, but for those with these tokens. Reads as many as may be open."""
    record = await connection.fetchrow(
        """
        SELECT reference, payment_hash, price_msat, tier, expires_at, forget_at, true AS is_open, is_cancel_tried, token
        FROM invoices WHERE account = $1 AND state = 'open' AND token <> ALL($2::bytea[])
        ORDER BY expires_at, reference LIMIT 1
        """,
        account,
        seen,
    )
    return None if record is None else Watched(*record)


async def look_up_again(connection: asyncpg.Connection) -> None:
    """Have the node asked about all open invoices at once."""
    await connection.execute("UPDATE invoices SET look_up_at = 0 WHERE state = 'open' AND look_up_at IS NOT NULL")


async def mend_schedule(connection: asyncpg.Connection, now: int) -> bool:
    """Have the node asked about invoices whose turn a wrong clock has put off: one that was ahead, and is right again.

    No more than some at once; returns whether there may be more.
    """
    mended = 0
    for state, longest_s in (("open", _LONGEST_OPEN_S), ("closed", _LONGEST_CLOSED_S)):
        mended += await connection.fetchval(
            """
            WITH slice AS (
                SELECT reference FROM invoices WHERE state = $1 AND look_up_at > $2 ORDER BY look_up_at LIMIT $3 FOR UPDATE
            ), due AS (UPDATE invoices i SET look_up_at = 0 FROM slice WHERE i.reference = slice.reference RETURNING 1)
            SELECT count(*) FROM due
            """,
            state,
            now + longest_s,
            MAX_AT_ONCE,
        )
    return mended >= MAX_AT_ONCE


async def delete_forgotten(connection: asyncpg.Connection, now: int) -> int:
    """Delete rows whose time has come (Unix seconds), and those whose making was given up; return how many.

    No more than `MAX_AT_ONCE`, as the writer of notes waits meanwhile. One that is not settled may be paid, and the node was not
    asked since: that is `drop_invoice`'s, after a look-up.
    """
    records = await connection.fetch(
        """
        WITH settled AS (
            SELECT reference FROM invoices WHERE state = 'settled' AND forget_at <= $1 ORDER BY forget_at LIMIT $2
        ), given_up AS (
            SELECT reference FROM invoices WHERE payment_hash IS NULL AND expires_at <= $1 ORDER BY expires_at
            LIMIT greatest(0, $2 - (SELECT count(*) FROM settled))
        ), slice AS (TABLE settled UNION TABLE given_up)
        DELETE FROM invoices i USING slice WHERE i.reference = slice.reference RETURNING i.reference, i.payment_hash
        """,
        now,
        MAX_AT_ONCE,
    )
    await _unlink_unapplied(connection, [record["reference"] for record in records])
    await spent_payments.insert_spent(
        connection, [record["payment_hash"] for record in records if record["payment_hash"] is not None]
    )
    return len(records)


async def _unlink_unapplied(connection: asyncpg.Connection, references: Sequence[bytes]) -> None:
    """Leave the amount, and nothing by which the node's books name the payment."""
    await connection.execute(
        "UPDATE unapplied_payments SET reference = NULL WHERE reference = ANY($1::bytea[])", references
    )


async def count_by_state(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many invoices are in each state but settled: those only wait to be forgotten. Closed ones are counted to 1,000."""
    counts = {
        record["state"]: record["count"]
        for record in await connection.fetch(
            """
            SELECT state, count(*) FROM invoices WHERE state IN ('creating', 'open') GROUP BY state
            UNION ALL SELECT 'closed', count(*) FROM (
                -- In the order of an index, else all of them are read for the first thousand.
                SELECT FROM invoices WHERE state = 'closed' AND look_up_at IS NOT NULL ORDER BY look_up_at LIMIT $1) AS closed
            """,
            _MAX_COUNTED,
        )
    }
    return {str(state): counts.get(state, 0) for state in UNSETTLED}


async def find_invoice(connection: asyncpg.Connection, payment_hash: bytes) -> Known | None:
    """Return the invoice that is paid by this hash. None where there is no row: it is not ours, or was forgotten."""
    record = await connection.fetchrow(
        "SELECT reference, account, state = 'settled' AS is_settled FROM invoices WHERE payment_hash = $1", payment_hash
    )
    return None if record is None else Known(*record)


async def read_cursor(connection: asyncpg.Connection, account: str) -> str:
    """Return where a node's stream of payments goes on, "" at first."""
    cursor: str | None = await connection.fetchval("SELECT cursor FROM settlement_cursors WHERE account = $1", account)
    return cursor or ""


async def write_cursor(connection: asyncpg.Connection, account: str, cursor: str) -> None:
    """Record that a node's stream goes on after this payment."""
    await connection.execute(
        """
        INSERT INTO settlement_cursors (account, cursor) VALUES ($1, $2)
        ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor
        """,
        account,
        cursor,
    )


async def rewrite_cursors(connection: asyncpg.Connection) -> None:
    """Write the cursors again: the number of their transaction would say which note was stored just before a payment."""
    await connection.execute("UPDATE settlement_cursors SET cursor = cursor")
