"""What the tables know of a note by its id: whether it is here, at what price, its invoices, and its unapplied payments."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that is asked for: price in msat, expiry in Unix seconds; no BOLT 11 while it is being made."""

    token: bytes
    price_msat: int
    bolt11: str | None
    expires_at: int


@dataclass(frozen=True, slots=True)
class NoteStatus:
    """What is known of a note: its price paid where it is stored or held, its JSON where an invoice is open.

    `invoices` are by tier; `unapplied_msat` is what came too late and can buy it.
    """

    note_id: bytes
    price_paid_msat: int | None
    encoded: bytes | None
    invoices: dict[str, OpenInvoice]
    unapplied_msat: int

    @property
    def is_here(self) -> bool:
        """Return whether the note is stored or held."""
        return self.price_paid_msat is not None

    def is_here_at(self, price_msat: int) -> bool:
        """Return whether the note is here at this price or a higher one."""
        return self.price_paid_msat is not None and self.price_paid_msat >= price_msat


async def find_statuses(connection: asyncpg.Connection, note_ids: Sequence[bytes]) -> dict[bytes, NoteStatus]:
    """Return what is known of each of these notes."""
    records = await connection.fetch(
        """
        SELECT asked.id, k.price_paid_msat, i.token, i.tier, i.price_msat, i.bolt11, i.expires_at,
               -- Compared with what is sent where something is asked for it already.
               CASE WHEN i.token IS NOT NULL THEN coalesce(k.event, p.event) END AS event,
               (SELECT coalesce(sum(amount_msat), 0)::bigint FROM unapplied_payments WHERE note_id = asked.id) AS unapplied_msat
        FROM unnest($1::bytea[]) AS asked (id)
            LEFT JOIN LATERAL (
                -- A stored note that is upgraded with the next batch is in both.
                SELECT coalesce(price_paid_msat, 0) AS price_paid_msat, event FROM held_notes WHERE id = asked.id
                UNION ALL SELECT coalesce(price_paid_msat, 0), event FROM notes WHERE id = asked.id
                LIMIT 1
            ) k ON true
            LEFT JOIN unpaid_notes p ON p.id = asked.id
            LEFT JOIN invoices i ON i.note_id = asked.id AND i.state IN ('creating', 'open')
        """,
        note_ids,
    )
    statuses: dict[bytes, NoteStatus] = {}
    for record in records:
        status = statuses.setdefault(
            record["id"],
            NoteStatus(record["id"], record["price_paid_msat"], record["event"], {}, record["unapplied_msat"]),
        )
        if record["token"] is not None:
            status.invoices[record["tier"]] = OpenInvoice(
                record["token"], record["price_msat"], record["bolt11"], record["expires_at"]
            )
    return statuses
