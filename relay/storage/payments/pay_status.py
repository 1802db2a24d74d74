"""What the token of a pay page stands for now. Knows the tables; writes nothing."""

from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from relay.storage.held_notes import HeldNotes
from relay.storage.payments.invoices import InvoiceState


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


async def find_pay_status(readers: asyncpg.Pool, token: bytes, held: HeldNotes, account: str) -> PayStatus | None:
    """Return what is known of a token (16 bytes); None where it is unknown, expired or forgotten.

    `account` is the node or wallet that invoices are made at now.

    Anybody can ask for pages, as often as they like: they wait with those who read. Raises DATABASE_FAILURES.
    """
    async with readers.acquire() as connection:
        record = await connection.fetchrow(
            """
            SELECT i.state, i.tier, i.price_msat - i.credit_msat AS asked_msat, i.bolt11, i.expires_at, i.note_id, i.account,
                   EXISTS (SELECT FROM notes n WHERE n.id = i.note_id) AS is_published
            FROM invoices i WHERE i.token = $1 AND i.state IN ('open', 'settled')
            """,
            token,
        )
        if record is None:
            return None
        is_held = bool(await held.find(connection, [record["note_id"]]))
    if record["state"] == InvoiceState.OPEN and record["account"] != account:
        return PayStatus(PayState.SUSPENDED, record["tier"], record["asked_msat"], None, None, None)
    if record["state"] == InvoiceState.OPEN:
        return PayStatus(
            PayState.OPEN,
            record["tier"],
            record["asked_msat"],
            record["bolt11"],
            record["expires_at"],
            note_id=None,
        )
    state = PayState.PAID if is_held else PayState.PUBLISHED if record["is_published"] else PayState.UNPUBLISHED
    note_id = record["note_id"].hex() if state is PayState.PUBLISHED else None
    return PayStatus(state, record["tier"], record["asked_msat"], None, None, note_id)
