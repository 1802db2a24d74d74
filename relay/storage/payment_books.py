"""What an operator reads and corrects in the tables of payments, beside a running relay or without one. Knows no node.

The caller owns the connection. The keys of orders are those on this machine: where one is not, tier and price are unknown, and
count as 0.
"""

from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.live_keys import LiveKeys
from relay.storage.payments import accounts, invoices, spent_payments, unapplied_payments, unpaid_notes
from relay.storage.payments.accounts import UnansweredTotal, list_unanswered
from relay.storage.payments.invoices import UNKNOWN_TIER
from relay.storage.payments.open_invoices import read_terms
from relay.storage.writer_lock import lock_writers


@dataclass(frozen=True, slots=True)
class InvoiceTotal:
    """How many invoices of an account are in a state, and their prices together."""

    account: str
    state: str
    invoices: int
    price_msat: int


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that is asked for. `payment_hash` is hex, empty while it is being made; `expires_at` is Unix time."""

    account: str
    tier: str
    price_msat: int
    expires_at: int
    payment_hash: str


@dataclass(frozen=True, slots=True)
class UnappliedTotal:
    """What came for one reason and bought nothing.

    `usable_msat` buys its note when that is sent again; `payments` counts amounts, of which forgotten ones are summed up.
    """

    reason: str
    payments: int
    amount_msat: int
    usable_msat: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The tables of payments in figures."""

    unpaid_notes: int
    invoices: list[InvoiceTotal]
    unapplied: list[UnappliedTotal]
    unanswered: list[UnansweredTotal]


class ClaimFault(StrEnum):
    """Why a payment cannot be claimed."""

    WATCHED = "watched"
    SETTLED = "settled"
    SPENT = "spent"


async def read_totals(connection: asyncpg.Connection, order_keys: LiveKeys) -> Totals:
    """Return the tables of payments in figures, all of one moment. It counts every invoice that is not forgotten."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        records = await connection.fetch("SELECT account, state, key, sealed FROM invoices")
        prices: dict[tuple[str, str], list[int]] = {}
        for record in records:
            terms = await read_terms(order_keys, record["key"], record["sealed"])
            prices.setdefault((record["account"], record["state"]), []).append(terms.price_msat if terms else 0)
        unpaid: int = await connection.fetchval("SELECT count(*) FROM unpaid_notes")
        return Totals(
            unpaid,
            [InvoiceTotal(*place, len(prices[place]), sum(prices[place])) for place in sorted(prices)],
            await list_unapplied(connection),
            await list_unanswered(connection),
        )


async def list_open(connection: asyncpg.Connection, order_keys: LiveKeys) -> list[OpenInvoice]:
    """Return the invoices that are asked for, those of one account together, the next to expire first."""
    records = await connection.fetch(
        """
        SELECT account, key, sealed, expires_at, coalesce(encode(payment_hash, 'hex'), '') AS payment_hash FROM invoices
        WHERE state IN ('creating', 'open') ORDER BY account, expires_at, reference
        """
    )
    found = []
    for record in records:
        terms = await read_terms(order_keys, record["key"], record["sealed"])
        tier, price_msat = (terms.tier, terms.price_msat) if terms else (UNKNOWN_TIER, 0)
        found.append(OpenInvoice(record["account"], tier, price_msat, record["expires_at"], record["payment_hash"]))
    return found


async def list_unapplied(connection: asyncpg.Connection) -> list[UnappliedTotal]:
    """Return what bought nothing, by reason."""
    records = await connection.fetch(
        """
        SELECT reason, count(*), sum(amount_msat)::bigint,
               coalesce(sum(amount_msat) FILTER (WHERE note_id IS NOT NULL), 0)::bigint
        FROM unapplied_payments GROUP BY 1 ORDER BY 1
        """
    )
    return [UnappliedTotal(*record) for record in records]


async def find_claim_fault(connection: asyncpg.Connection, payment_hash: bytes) -> ClaimFault | None:
    """Return why a payment cannot be claimed: these books know it, or knew it. None where they do not."""
    known = await invoices.find_invoice(connection, payment_hash)
    if known is not None:
        return ClaimFault.SETTLED if known.is_settled else ClaimFault.WATCHED
    return ClaimFault.SPENT if await spent_payments.is_spent(connection, payment_hash) else None


async def claim(
    connection: asyncpg.Connection, payment_hash: bytes, amount_msat: int, note_id: bytes
) -> ClaimFault | None:
    """Let a payment that no row knows buy a note when it is sent again, once. Return why not."""
    async with connection.transaction():
        await lock_writers(connection)
        if (fault := await find_claim_fault(connection, payment_hash)) is not None:
            return fault
        await spent_payments.insert_spent(connection, [payment_hash])
        reason = unapplied_payments.Reason.CLAIMED
        await unapplied_payments.insert_unapplied(connection, None, amount_msat, reason, note_id)
    return None


async def abandon(connection: asyncpg.Connection, order_keys: LiveKeys, account: str) -> int:
    """Forget all invoices of an account that could still be paid, a slice a transaction; return how many."""
    ended = 0
    while True:
        async with connection.transaction():
            await lock_writers(connection)
            count = await accounts.abandon(connection, order_keys, account)
            await unpaid_notes.delete_uninvoiced(connection)
        ended += count
        if not count:
            return ended
