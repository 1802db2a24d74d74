"""When the node is asked about each invoice that could still be paid. The schedule is in the table, so all processes share it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from relay.storage.payments.asked_no_longer import HOUR_S
from relay.storage.payments.invoices import MAX_AT_ONCE

# A payer who has paid watches the page for some seconds; one who has not decided yet takes minutes.
_LONGEST_OPEN_S = 15
# A payment after all that is rare, and stays unapplied.
_FIRST_CLOSED_S = 300
_LONGEST_CLOSED_S = 7_200


@dataclass(frozen=True, slots=True)
class Watched:
    """An invoice that could still be paid."""

    reference: bytes
    payment_hash: bytes
    expires_at: int
    forget_at: int
    is_open: bool
    is_cancel_tried: bool
    token: bytes


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
        RETURNING i.reference, i.payment_hash, i.expires_at, i.forget_at, i.state = 'open' AS is_open, i.is_cancel_tried, i.token
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
        SELECT reference, payment_hash, expires_at, forget_at, true AS is_open, is_cancel_tried, token
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
    for state, longest_s in (("open", _LONGEST_OPEN_S), ("closed", _LONGEST_CLOSED_S + HOUR_S)):
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
