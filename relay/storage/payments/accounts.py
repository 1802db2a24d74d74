"""Invoices by the node or wallet that made them, and what becomes of those that it cannot answer for.

Knows their tables; the caller owns the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.live_keys import LiveKeys
from relay.storage.payments.open_invoices import read_terms

# There can be a hundred thousand of them, and they are counted every fifteen seconds.
MAX_COUNTED = 100
_SLICE = 1_000
_END_ONE = "DELETE FROM invoices WHERE reference = $1 AND state <> 'settled' RETURNING account, key, sealed"
_END_SLICE = """
    DELETE FROM invoices WHERE reference IN (
        SELECT reference FROM invoices WHERE account = $1 AND look_up_at IS NOT NULL ORDER BY state, look_up_at LIMIT $2)
    RETURNING account, key, sealed
"""


class Unanswered(StrEnum):
    """Why an invoice's row went although nobody knows whether it was paid."""

    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class UnansweredTotal:
    """How many such invoices an account had, and their prices together."""

    account: str
    reason: str
    invoices: int
    price_msat: int


async def is_watched(connection: asyncpg.Connection, account: str) -> bool:
    """Return whether an account has invoices that could still be paid."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM invoices WHERE account = $1 AND look_up_at IS NOT NULL)", account
    )
    return found


async def count_elsewhere(connection: asyncpg.Connection, account: str) -> dict[str, int]:
    """Return how many invoices that could still be paid each other account has, counted to 100."""
    records = await connection.fetch(
        """
        -- From one account to the next in the index: to list them from the rows would read all of these.
        WITH RECURSIVE accounts AS (
            (SELECT account FROM invoices WHERE look_up_at IS NOT NULL ORDER BY account LIMIT 1)
            UNION ALL
            SELECT (SELECT i.account FROM invoices i WHERE i.look_up_at IS NOT NULL AND i.account > a.account
                    ORDER BY i.account LIMIT 1)
            FROM accounts a WHERE a.account IS NOT NULL
        )
        SELECT account, (SELECT count(*) FROM (
            SELECT FROM invoices i WHERE i.account = a.account AND i.look_up_at IS NOT NULL
            -- In the order of the index, else all of them are read for the first hundred.
            ORDER BY i.state, i.look_up_at LIMIT $2
        ) AS counted) AS invoices
        FROM accounts a WHERE account <> $1
        """,
        account,
        MAX_COUNTED,
    )
    return {record["account"]: record["invoices"] for record in records}


async def end_unknown(connection: asyncpg.Connection, order_keys: LiveKeys, reference: bytes) -> None:
    """Forget an invoice whose time has come and which its node does not know, and count it."""
    await _count_ended(connection, order_keys, await connection.fetch(_END_ONE, reference), Unanswered.UNKNOWN)


async def abandon(connection: asyncpg.Connection, order_keys: LiveKeys, account: str) -> int:
    """Forget up to a thousand unpaid invoices of an account, and count them; return how many."""
    ended = await connection.fetch(_END_SLICE, account, _SLICE)
    await _count_ended(connection, order_keys, ended, Unanswered.ABANDONED)
    return len(ended)


async def _count_ended(
    connection: asyncpg.Connection, order_keys: LiveKeys, ended: Sequence[asyncpg.Record], reason: Unanswered
) -> None:
    """Count invoices of one account. The price of one is 0 if its key is not here."""
    if not ended:
        return
    terms = [await read_terms(order_keys, record["key"], record["sealed"]) for record in ended]
    await connection.execute(
        """
        INSERT INTO unanswered_invoices (account, reason, invoices, price_msat) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account, reason) DO UPDATE SET invoices = unanswered_invoices.invoices + excluded.invoices,
            price_msat = unanswered_invoices.price_msat + excluded.price_msat
        """,
        ended[0]["account"],
        reason,
        len(ended),
        sum(one.price_msat for one in terms if one is not None),
    )


async def list_unanswered(connection: asyncpg.Connection) -> list[UnansweredTotal]:
    """Return how many invoices ended without an answer, by account and reason."""
    records = await connection.fetch(
        "SELECT account, reason, invoices, price_msat FROM unanswered_invoices ORDER BY account, reason"
    )
    return [UnansweredTotal(*record) for record in records]
