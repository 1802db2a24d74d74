"""The rows of invoices and how they change. Knows their table and no node; the caller owns the transaction.

Each row names the account, a node or wallet, that made its invoice. No other one can say what became of it.

creating -> open -> settled, or closed, when nothing is asked for any more; a payment may come even then. What a row links,
a payment and a note, is forgotten with it. What it is for is sealed; where that key is lost, a payment is still recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.live_keys import LiveKeys
from relay.storage.payments import spent_payments
from relay.storage.payments.asked_no_longer import HOUR_S, close
from relay.storage.payments.open_invoices import Terms, find_open, move_open, open_terms
from relay.storage.payments.order_keys import find_used
from relay.storage.payments.unapplied_payments import Reason
from relay.storage.payments.unpaid_notes import move_unpaid
from relay.storage.sealing import Place, SealingKey


class InvoiceState(StrEnum):
    """The states of an invoice."""

    CREATING = "creating"
    OPEN = "open"
    CLOSED = "closed"
    SETTLED = "settled"


# Of a payment whose invoice nobody can read; paths begin with a slash.
UNKNOWN_TIER = "unknown"
# What is settled only waits to be forgotten.
UNSETTLED = (InvoiceState.CREATING, InvoiceState.OPEN, InvoiceState.CLOSED)
# What one statement changes of rows that can be a hundred thousand.
MAX_AT_ONCE = 500
# They can be a hundred thousand, and are counted every fifteen seconds.
_MAX_COUNTED = 1_000


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
class Known:
    """An invoice that has a row, by its payment hash."""

    reference: bytes
    account: str
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What a payment was for. There is no note, and no price, where the key of its row is lost."""

    note_id: bytes | None
    tier: str
    price_msat: int


async def begin_invoice(
    connection: asyncpg.Connection, order_keys: LiveKeys, key: SealingKey, order: Order, give_up_at: int
) -> None:
    """Record that an invoice is being made, before the node is asked; an expired one of its tier is closed.

    What there is of its note is sealed again with `key`, which is for new rows.
    """
    keys = await find_used(connection, order_keys)
    older = [other for other in keys if other.fingerprint != key.fingerprint]
    await move_open(connection, older, key, order.note_id)
    await move_unpaid(connection, older, key, order.note_id)
    asked = await find_open(connection, [key], [order.note_id])
    await close(connection, [one.reference for one in asked if one.terms.tier == order.tier])
    await connection.execute(
        """
        INSERT INTO invoices (reference, token, key, note_name, sealed, state, expires_at, forget_at, is_cancel_tried, account)
        VALUES ($1, $2, $3, $4, $5, 'creating', $6, $7, false, $8)
        """,
        order.reference,
        order.token,
        key.fingerprint,
        key.name(order.note_id),
        Terms(order.note_id, order.tier, order.price_msat, order.credit_msat).seal(key),
        give_up_at,
        order.forget_at,
        order.account,
    )


async def open_invoice(
    connection: asyncpg.Connection, order_keys: LiveKeys, order: Order, payment_hash: bytes, bolt11: str
) -> bool:
    """Record what the node made; return whether it is still asked for: its note may be withdrawn meanwhile."""
    # Locked: the row may be sealed with another key at this moment.
    fingerprint: bytes | None = await connection.fetchval(
        "SELECT key FROM invoices WHERE reference = $1 AND state IN ('creating', 'closed') FOR UPDATE", order.reference
    )
    key = None if fingerprint is None else await order_keys.read(fingerprint)
    if key is None:
        return False
    state: str = await connection.fetchval(
        f"""
        UPDATE invoices SET payment_hash = $2, look_up_at = 0,
            sealed_bolt11 = CASE state WHEN 'creating' THEN $3::bytea END,
            expires_at = CASE state WHEN 'creating' THEN $4::bigint ELSE $4::bigint - $4::bigint % {HOUR_S} END,
            state = CASE state WHEN 'creating' THEN 'open' ELSE state END
        WHERE reference = $1 RETURNING state
        """,  # noqa: S608
        order.reference,
        payment_hash,
        key.seal(bolt11.encode()),
        order.expires_at,
    )
    return state == InvoiceState.OPEN


async def drop_invoice(connection: asyncpg.Connection, reference: bytes) -> Place | None:
    """Forget an invoice that nobody can pay, or that is unpaid when its time has come; return where its note is, if unpaid."""
    record = await connection.fetchrow(
        "DELETE FROM invoices WHERE reference = $1 AND state <> 'settled' RETURNING key, note_name", reference
    )
    return None if record is None else (record["key"], record["note_name"])


async def close_invoice(connection: asyncpg.Connection, reference: bytes) -> Place | None:
    """Ask for an invoice no longer, which the node could not cancel, and keep watching for a late payment until its row goes.

    Returns where its note is, if that is unpaid.
    """
    record = await connection.fetchrow(
        # Its next look-up would say to the second when it was ordered.
        """
        UPDATE invoices SET state = 'closed', is_cancel_tried = true, sealed_bolt11 = NULL,
            expires_at = expires_at - expires_at % $2, look_up_at = look_up_at + (random() * $2)::bigint
        WHERE reference = $1 AND state IN ('open', 'closed') RETURNING key, note_name
        """,
        reference,
        HOUR_S,
    )
    return None if record is None else (record["key"], record["note_name"])


async def settle_invoice(
    connection: asyncpg.Connection, order_keys: LiveKeys, reference: bytes, now: int, forget_at: int
) -> Settled | None:
    """Record that an invoice is paid, and return what for; None where that was known, the row is gone, or its key is elsewhere.

    From then on its row holds no time but that of its deletion: its expiry would say when the note came. A key that is on
    another machine may turn up, and that machine knows of the payment, too, until the row is to be forgotten.
    """
    record = await connection.fetchrow(
        "SELECT key, sealed, forget_at FROM invoices WHERE reference = $1 AND state <> 'settled'", reference
    )
    if record is None:
        return None
    key = await order_keys.read(record["key"])
    if key is None and record["forget_at"] > now and record["key"] in await order_keys.list_fingerprints(connection):
        return None
    await connection.execute(
        """
        UPDATE invoices SET state = 'settled', sealed_bolt11 = NULL, expires_at = $2, forget_at = $2, look_up_at = NULL
        WHERE reference = $1
        """,
        reference,
        forget_at,
    )
    if key is None:
        return Settled(None, UNKNOWN_TIER, 0)
    terms = open_terms(key, record["sealed"])
    return Settled(terms.note_id, terms.tier, terms.price_msat)


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
    """Leave the amount, and nothing by which the node's books name the payment, unless that is all that names it."""
    await connection.execute(
        "UPDATE unapplied_payments SET reference = NULL WHERE reference = ANY($1::bytea[]) AND reason <> $2",
        references,
        Reason.KEY_LOST,
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
