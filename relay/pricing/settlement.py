"""What a payment does, in one transaction: the invoice settled, the note due, what is too much kept. Knows no node.

Whichever process learns of a payment first does it; a second time nothing happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from relay.protocol.event import is_expired
from relay.storage.note import Note, read_note
from relay.storage.payments.invoices import Settled, close_orphans, close_others, settle_invoice
from relay.storage.payments.unapplied_payments import (
    BOUGHT,
    Reason,
    insert_unapplied,
    record_refused,
    spend_for_note,
    sum_for_note,
)
from relay.storage.payments.unpaid_notes import delete_unpaid, find_unpaid
from relay.storage.row import SaveResult

_ROUND_S = 3_600


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """Say when paid notes are published (0: at once) and what links them to a payment is forgotten; in seconds."""

    publish_every_s: float
    forget_after_s: int

    def find_forget_at(self, now: int) -> int:
        """Return when a payment made now is forgotten: to the hour, so that it says little of when it was made."""
        due = now + int(self.publish_every_s) + self.forget_after_s
        return -(-due // _ROUND_S) * _ROUND_S


@dataclass(slots=True)
class Settlement:
    """Settle one invoice; its methods are what Writer.settle asks for. `now` is Unix time."""

    reference: bytes
    received_msat: int
    now: int
    terms: SettlementTerms
    settled: Settled | None = None

    async def load(self, connection: asyncpg.Connection) -> Sequence[Note]:
        """Return the note that was paid for, if this payment is new and enough."""
        self.settled = settled = await settle_invoice(connection, self.reference, self.terms.find_forget_at(self.now))
        if settled is None:
            return []
        unapplied = self.received_msat - settled.price_msat
        if unapplied < 0:
            await insert_unapplied(connection, self.reference, self.received_msat, Reason.SHORT, settled.note_id)
            return []
        if unapplied > 0:
            await insert_unapplied(connection, self.reference, unapplied, Reason.OVER)
        note = await _load(connection, settled, self.terms, self.now)
        if note is None:
            await insert_unapplied(connection, self.reference, settled.price_msat, Reason.LATE, settled.note_id)
            return []
        if is_expired(note.event, self.now):
            await self.conclude(connection, [note], [SaveResult.FAILED])
            return []
        return [note]

    async def conclude(
        self, connection: asyncpg.Connection, notes: Sequence[Note], results: Sequence[SaveResult]
    ) -> None:
        """Drop what waited, and keep the payment where the note was refused or was here at that price."""
        if self.settled is None or not results:
            return
        await delete_unpaid(connection, self.settled.note_id)
        await close_others(connection, self.settled.note_id, self.settled.price_msat)
        await close_orphans(connection)
        await record_refused(connection, notes, results, self.reference)


@dataclass(slots=True)
class Spending:
    """Buy a note, which was sent again and verified, with what came too late for it; for Writer.settle, too."""

    note: Note
    note_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.note_id = bytes.fromhex(self.note.event.id)

    async def load(self, connection: asyncpg.Connection) -> Sequence[Note]:
        """Return the note if what waits for it is enough."""
        enough = await sum_for_note(connection, self.note_id) >= self.note.price_paid_msat
        return [self.note] if enough else []

    async def conclude(self, connection: asyncpg.Connection, _: Sequence[Note], results: Sequence[SaveResult]) -> None:
        """Spend it, unless the note was refused."""
        if results and results[0] in BOUGHT:
            await spend_for_note(connection, self.note_id, self.note.price_paid_msat)
            await delete_unpaid(connection, self.note_id)
            await close_others(connection, self.note_id, self.note.price_paid_msat)


async def _load(connection: asyncpg.Connection, settled: Settled, terms: SettlementTerms, now: int) -> Note | None:
    """Return the note that was paid for, wherever it is, at the rank that was paid for."""
    encoded = await find_unpaid(connection, settled.note_id)
    if encoded is None:
        encoded = await connection.fetchval(
            "SELECT event FROM notes WHERE id = $1 UNION ALL SELECT event FROM held_notes WHERE id = $1",
            settled.note_id,
        )
    if encoded is None:
        return None
    note = read_note(encoded, price_paid_msat=settled.price_msat)
    return to_due(note, terms)


def to_due(note: Note, terms: SettlementTerms) -> Note:
    """Return a paid note as it is to be published: ring notes wait for the tick where there is one."""
    return Note(
        note.event,
        note.encoded,
        note.claim,
        is_held=note.claim is not None and terms.publish_every_s > 0,
        price_paid_msat=note.price_paid_msat,
    )
