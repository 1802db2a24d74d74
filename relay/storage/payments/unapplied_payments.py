"""Payments that bought nothing: late, double, short or over the price. Knows their table; the caller owns the transaction.

None is lost: what is here for a note that is not published buys that note when it is sent again.
"""

from collections.abc import Sequence
from enum import StrEnum

import asyncpg

from relay.storage.note import Note
from relay.storage.row import NotesStay, Result, SaveResult

_BOUGHT = frozenset({SaveResult.STORED, SaveResult.UPGRADED, SaveResult.HELD})


class Reason(StrEnum):
    """Why a payment, or a part of it, bought nothing."""

    LATE = "late"
    DOUBLE = "double"
    SHORT = "short"
    OVER = "over"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    # No row knew it: the operator named its note.
    CLAIMED = "claimed"
    # The key of the order is lost, and nobody can tell which note it was for.
    KEY_LOST = "key_lost"


def is_bought(result: Result) -> bool:
    """Return whether a payment that had this result bought something."""
    return result in _BOUGHT or isinstance(result, NotesStay)


async def insert_unapplied(
    connection: asyncpg.Connection,
    reference: bytes | None,
    amount_msat: int,
    reason: Reason,
    note_id: bytes | None = None,
) -> None:
    """Record an amount; `note_id` only where it can still buy that note. A node that names no amount has received none."""
    if amount_msat <= 0:
        return
    await connection.execute(
        "INSERT INTO unapplied_payments (reference, note_id, amount_msat, reason) VALUES ($1, $2, $3, $4)",
        reference,
        note_id,
        amount_msat,
        reason,
    )


async def record_refused(
    connection: asyncpg.Connection, notes: Sequence[Note], results: Sequence[Result], reference: bytes | None = None
) -> None:
    """Record what was paid for notes that were refused at their publication, or were here at that price already."""
    for note, saved in zip(notes, results, strict=True):
        if note.price_paid_msat and not is_bought(saved):
            reason = Reason.DOUBLE if saved is SaveResult.DUPLICATE else Reason.REFUSED
            await insert_unapplied(connection, reference, note.price_paid_msat, reason)


async def sum_for_note(connection: asyncpg.Connection, note_id: bytes) -> int:
    """Return how much (msat) can buy a note."""
    total: int = await connection.fetchval(
        "SELECT coalesce(sum(amount_msat), 0)::bigint FROM unapplied_payments WHERE note_id = $1", note_id
    )
    return total


async def spend_for_note(connection: asyncpg.Connection, note_id: bytes, price_msat: int) -> None:
    """Take the price of a note from its unapplied payments; the rest buys nothing any more."""
    total: int = await connection.fetchval(
        """
        WITH spent AS (DELETE FROM unapplied_payments WHERE note_id = $1 RETURNING amount_msat)
        SELECT coalesce(sum(amount_msat), 0)::bigint FROM spent
        """,
        note_id,
    )
    if total > price_msat:
        await insert_unapplied(connection, None, total - price_msat, Reason.OVER)


async def sum_up_unapplied(connection: asyncpg.Connection) -> None:
    """Merge what names neither payment nor note any more into one row a reason.

    A row of its own has the number of the transaction that also stored a note, and an amount that the node's books hold.
    """
    await connection.execute(
        """
        WITH single AS (DELETE FROM unapplied_payments WHERE reference IS NULL AND note_id IS NULL RETURNING amount_msat, reason)
        INSERT INTO unapplied_payments (amount_msat, reason)
        SELECT sum(amount_msat), reason FROM single GROUP BY reason ORDER BY reason
        """
    )
