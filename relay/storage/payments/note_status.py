"""What the tables know of a note by its id: whether it is here, at what price, its invoices, and its unapplied payments."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from relay.storage.held_notes import HeldNote, HeldNotes


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
    connection: asyncpg.Connection, note_ids: Sequence[bytes], held: HeldNotes, account: str
) -> dict[bytes, NoteStatus]:
    """Return what is known of each of these notes. Nobody is to pay an invoice of another account, so it does not count."""
    waiting = await held.find(connection, note_ids)
    records = await connection.fetch(
        """
        SELECT asked.id, n.id IS NOT NULL AS is_stored, n.price_paid_msat,
               i.token, i.tier, i.price_msat, i.credit_msat, i.bolt11, i.expires_at,
               -- Compared with what is sent where something is asked for it already.
               CASE WHEN i.token IS NOT NULL THEN coalesce(n.event, p.event) END AS event,
               unapplied.total_msat, unapplied.late_msat
        FROM unnest($1::bytea[]) AS asked (id)
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_msat), 0)::bigint AS total_msat,
                       coalesce(max(amount_msat) FILTER (WHERE reason = 'late'), 0) AS late_msat
                FROM unapplied_payments WHERE note_id = asked.id) AS unapplied
            LEFT JOIN notes n ON n.id = asked.id
            LEFT JOIN unpaid_notes p ON p.id = asked.id
            LEFT JOIN invoices i ON i.note_id = asked.id AND i.state IN ('creating', 'open') AND i.account = $2
        """,
        note_ids,
        account,
    )
    statuses: dict[bytes, NoteStatus] = {}
    for record in records:
        status = statuses.setdefault(record["id"], _to_status(record, waiting.get(record["id"])))
        if record["token"] is not None:
            status.invoices[record["tier"]] = OpenInvoice(
                record["token"], record["price_msat"], record["credit_msat"], record["bolt11"], record["expires_at"]
            )
    return statuses


def _to_status(record: asyncpg.Record, waiting: HeldNote | None) -> NoteStatus:
    price_msat = (record["price_paid_msat"] or 0) if record["is_stored"] else None
    encoded = record["event"]
    if waiting is not None:
        price_msat, encoded = waiting.note.price_paid_msat, waiting.note.encoded
    return NoteStatus(
        record["id"], price_msat, encoded, {}, record["total_msat"], record["late_msat"], waiting is not None
    )
