"""What the tables know of a note by its id: is it here and at what price, what was charged for it, what waits to buy it."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """Hold an invoice that is asked for: price in msat, expiry in Unix seconds; no BOLT 11 while it is being made."""

    token: bytes
    price_msat: int
    bolt11: str | None
    expires_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold what is known of a note: `rank` (msat) where it is stored or waits for the tick, its JSON wherever it is.

    `invoices` are by tier; `surplus_msat` is what came too late and can buy it.
    """

    note_id: bytes
    rank: int | None
    encoded: bytes | None
    invoices: dict[str, OpenInvoice]
    surplus_msat: int

    @property
    def is_kept(self) -> bool:
        """Answer whether the note is here without being parked."""
        return self.rank is not None


async def find_standing(connection: asyncpg.Connection, note_id: bytes) -> Standing:
    """Return what is known of a note."""
    records = await connection.fetch(
        """
        SELECT k.rank, coalesce(k.event, p.event) AS event, i.token, i.tier, i.rank AS price_msat, i.bolt11, i.expires_at,
               (SELECT coalesce(sum(amount_msat), 0)::bigint FROM surplus WHERE note_id = $1) AS surplus_msat
        FROM (SELECT $1::bytea AS id) asked
            LEFT JOIN (
                -- A stored note that rises at the next tick is in both.
                SELECT id, coalesce(rank, 0) AS rank, event FROM pending WHERE id = $1
                UNION ALL SELECT id, coalesce(rank, 0), event FROM notes WHERE id = $1
                LIMIT 1
            ) k ON k.id = asked.id
            LEFT JOIN parked p ON p.id = asked.id
            LEFT JOIN invoices i ON i.note_id = asked.id AND i.state IN ('creating', 'open')
        """,
        note_id,
    )
    first = records[0]
    invoices = {
        record["tier"]: OpenInvoice(record["token"], record["price_msat"], record["bolt11"], record["expires_at"])
        for record in records
        if record["token"] is not None
    }
    return Standing(note_id, first["rank"], first["event"], invoices, first["surplus_msat"])
