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
from relay.storage.payments.open_invoices import Terms, find_open, move_open, open_terms
from relay.storage.payments.order_keys import find_used
from relay.storage.payments.unapplied_payments import Reason
from relay.storage.payments.unpaid_notes import move_unpaid
from relay.storage.sealing import Place, SealingKey
from relay.storage.waiting_notes import WaitingNotes


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
# A payer who has paid watches the page for some seconds; one who has not decided yet takes minutes.
_LONGEST_OPEN_S = 15
# A payment after all that is rare, and stays unapplied.
_FIRST_CLOSED_S = 300
_LONGEST_CLOSED_S = 7_200
# What one statement changes of rows that can be a hundred thousand.
MAX_AT_ONCE = 500
# They can be a hundred thousand, and are counted every fifteen seconds.
_MAX_COUNTED = 1_000
# Such a row may be kept for a day: its times are to the hour, else they would say when it was ordered.
_HOUR_S = 3_600
# The node is told soon, where it can cancel. What is still being made has no hash to ask for, and is given up at its time.
_CLOSE = f"""
    state = 'closed', sealed_bolt11 = NULL, look_up_at = CASE WHEN payment_hash IS NULL THEN NULL ELSE 0 END,
    expires_at = CASE WHEN payment_hash IS NULL THEN expires_at ELSE expires_at - expires_at % {_HOUR_S} END
"""


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
    await _close(connection, [one.reference for one in asked if one.terms.tier == order.tier])
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


async def _close(connection: asyncpg.Connection, references: Sequence[bytes]) -> None:
    await connection.execute(
        f"UPDATE invoices SET {_CLOSE} WHERE reference = ANY($1::bytea[]) AND state IN ('creating', 'open')",  # noqa: S608
        references,
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
            expires_at = CASE state WHEN 'creating' THEN $4::bigint ELSE $4::bigint - $4::bigint % {_HOUR_S} END,
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
        _HOUR_S,
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


async def close_others(connection: asyncpg.Connection, order_keys: LiveKeys, note_id: bytes, price_msat: int) -> None:
    """Ask no longer for prices that a paid note has reached."""
    asked = await find_open(connection, await find_used(connection, order_keys), [note_id])
    await _close(connection, [one.reference for one in asked if one.terms.price_msat <= price_msat])


async def close_rests(connection: asyncpg.Connection, order_keys: LiveKeys, note_id: bytes) -> None:
    """Ask no longer for what is left of a note's prices: what came before was spent."""
    asked = await find_open(connection, await find_used(connection, order_keys), [note_id])
    await _close(connection, [one.reference for one in asked if one.terms.credit_msat])


async def close_orphans(connection: asyncpg.Connection, waiting: WaitingNotes) -> None:
    """Ask no longer for notes that are gone: deleted, replaced, expired, or refused when they were paid for.

    Nor for those whose key is lost: nobody can tell what they are.
    """
    records = await connection.fetch(
        """
        SELECT key, reference, sealed FROM invoices i WHERE state IN ('creating', 'open')
            AND NOT EXISTS (SELECT FROM unpaid_notes u WHERE u.key = i.key AND u.name = i.note_name)
        """
    )
    if not records:
        return
    named = set(await waiting.order_keys.list_fingerprints(connection))
    gone = [record["reference"] for record in records if record["key"] not in named]
    note_ids = {
        record["reference"]: open_terms(key, record["sealed"]).note_id
        for record in records
        if (key := await waiting.order_keys.read(record["key"])) is not None
    }
    here = await _find_here(connection, waiting, list(set(note_ids.values())))
    gone += [reference for reference, note_id in note_ids.items() if note_id not in here]
    await _close(connection, gone)


async def _find_here(connection: asyncpg.Connection, waiting: WaitingNotes, note_ids: Sequence[bytes]) -> set[bytes]:
    """Return those of these notes that are stored or held."""
    records = await connection.fetch("SELECT id FROM notes WHERE id = ANY($1::bytea[])", note_ids)
    stored = {record["id"] for record in records}
    return stored | (await waiting.held.find(connection, [id_ for id_ in note_ids if id_ not in stored])).keys()


async def close_for_notes(connection: asyncpg.Connection, order_keys: LiveKeys, note_ids: Sequence[bytes]) -> None:
    """Ask no longer for any of these notes."""
    asked = await find_open(connection, await find_used(connection, order_keys), note_ids)
    await _close(connection, [one.reference for one in asked])


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
    for state, longest_s in (("open", _LONGEST_OPEN_S), ("closed", _LONGEST_CLOSED_S + _HOUR_S)):
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
