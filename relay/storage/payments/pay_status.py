"""What the token of a pay page stands for now. Knows the tables; writes nothing."""

from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.payments.invoices import InvoiceState
from relay.storage.payments.open_invoices import open_terms
from relay.storage.waiting_notes import WaitingNotes


class PayState(StrEnum):
    """How far a note has come that must be paid for."""

    OPEN = "open"
    # Made at a node or wallet that the relay does not ask now. A payment might not be seen.
    SUSPENDED = "suspended"
    PAID = "paid"
    PUBLISHED = "published"
    # The money came and the note could not be published.
    UNPUBLISHED = "unpublished"


@dataclass(frozen=True, slots=True)
class PayStatus:
    """What the relay knows of a token.

    `tier` is a path, as "/10k"; `expires_at` is the invoice's, in Unix seconds. The invoice counts only while it is open,
    `note_id` (hex) only once the note is published.
    """

    state: PayState
    tier: str
    amount_msat: int
    bolt11: str | None
    expires_at: int | None
    note_id: str | None


async def find_pay_status(readers: asyncpg.Pool, token: bytes, waiting: WaitingNotes, account: str) -> PayStatus | None:
    """Return what is known of a token (16 bytes); None where it is unknown, expired or forgotten, or its key is not here.

    `account` is the node or wallet that invoices are made at now.

    Anybody can ask for pages, as often as they like: they wait with those who read. Raises DATABASE_FAILURES.
    """
    async with readers.acquire() as connection:
        record = await connection.fetchrow(
            """
            SELECT state, account, key, sealed, sealed_bolt11, expires_at FROM invoices
            WHERE token = $1 AND state IN ('open', 'settled')
            """,
            token,
        )
        key = None if record is None else await waiting.order_keys.read(record["key"])
        if key is None:
            return None
        terms = open_terms(key, record["sealed"])
        if record["state"] == InvoiceState.OPEN and record["account"] != account:
            return PayStatus(PayState.SUSPENDED, terms.tier, terms.asked_msat, None, None, None)
        if record["state"] == InvoiceState.OPEN:
            bolt11 = key.open(record["sealed_bolt11"]).decode()
            return PayStatus(PayState.OPEN, terms.tier, terms.asked_msat, bolt11, record["expires_at"], note_id=None)
        state = await _find_state(connection, terms.note_id, waiting)
    note_id = terms.note_id.hex() if state is PayState.PUBLISHED else None
    return PayStatus(state, terms.tier, terms.asked_msat, None, None, note_id)


async def _find_state(connection: asyncpg.Connection, note_id: bytes, waiting: WaitingNotes) -> PayState:
    """Return how far a note has come that is paid for."""
    if await waiting.held.find(connection, [note_id]):
        return PayState.PAID
    is_published = await connection.fetchval("SELECT EXISTS (SELECT FROM notes WHERE id = $1)", note_id)
    return PayState.PUBLISHED if is_published else PayState.UNPUBLISHED
