"""What the tables know of a note by its id: whether it is here, at what price, its invoices, and its unapplied payments."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from relay.storage.held_notes import HeldNote
from relay.storage.payments.open_invoices import find_open
from relay.storage.payments.order_keys import find_used
from relay.storage.payments.unpaid_notes import find_unpaid
from relay.storage.waiting_notes import WaitingNotes


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that is asked for: price in msat, expiry in Unix seconds; no BOLT 11 while it is being made.

    It is over the price less `credit_msat`, which came for the note before.
    """

    token: bytes
    price_msat: int
    credit_msat: int
    bolt11: str | None
    expires_at: int


@dataclass(frozen=True, slots=True)
class NoteStatus:
    """What is known of a note: its price paid where it is stored or held, its JSON where an invoice is open.

    `invoices` are by tier; `unapplied_msat` is what came too late or short and can buy it, and `late_msat` the highest price that
    was paid too late. A stored note that is upgraded with the next batch is held, too.
    """

    note_id: bytes
    price_paid_msat: int | None
    encoded: bytes | None
    invoices: dict[str, OpenInvoice]
    unapplied_msat: int
    late_msat: int
    is_held: bool

    @property
    def is_here(self) -> bool:
        """Return whether the note is stored or held."""
        return self.price_paid_msat is not None

    def is_here_at(self, price_msat: int) -> bool:
        """Return whether the note is here at this price or a higher one."""
        return self.price_paid_msat is not None and self.price_paid_msat >= price_msat


async def find_statuses(
    connection: asyncpg.Connection, note_ids: Sequence[bytes], waiting: WaitingNotes, account: str
) -> dict[bytes, NoteStatus]:
    """Return what is known of each of these notes. Nobody is to pay an invoice of another account, so it does not count."""
    held = await waiting.held.find(connection, note_ids)
    keys = await find_used(connection, waiting.order_keys)
    invoices: dict[bytes, dict[str, OpenInvoice]] = {}
    for asked in await find_open(connection, keys, note_ids):
        if asked.account == account:
            invoices.setdefault(asked.terms.note_id, {})[asked.terms.tier] = OpenInvoice(
                asked.token, asked.terms.price_msat, asked.terms.credit_msat, asked.bolt11, asked.expires_at
            )
    unpaid = await find_unpaid(connection, keys, list(invoices))
    records = await connection.fetch(
        """
        SELECT asked.id, n.id IS NOT NULL AS is_stored, n.price_paid_msat,
               -- Compared with what is sent where something is asked for it already.
               CASE WHEN asked.id = ANY($2::bytea[]) THEN n.event END AS event,
               unapplied.total_msat, unapplied.late_msat
        FROM unnest($1::bytea[]) AS asked (id)
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_msat), 0)::bigint AS total_msat,
                       coalesce(max(amount_msat) FILTER (WHERE reason = 'late'), 0) AS late_msat
                FROM unapplied_payments WHERE note_id = asked.id) AS unapplied
            LEFT JOIN notes n ON n.id = asked.id
        """,
        note_ids,
        list(invoices),
    )
    return {
        record["id"]: _to_status(record, held.get(record["id"]), unpaid, invoices.get(record["id"], {}))
        for record in records
    }


def _to_status(
    record: asyncpg.Record, held: HeldNote | None, unpaid: dict[bytes, bytes], invoices: dict[str, OpenInvoice]
) -> NoteStatus:
    price_msat = (record["price_paid_msat"] or 0) if record["is_stored"] else None
    encoded = record["event"] if record["is_stored"] else unpaid.get(record["id"])
    if held is not None:
        price_msat, encoded = held.note.price_paid_msat, held.note.encoded
    return NoteStatus(
        record["id"], price_msat, encoded, invoices, record["total_msat"], record["late_msat"], held is not None
    )
