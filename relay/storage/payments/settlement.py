"""What a payment does in one transaction: the invoice is settled, the note is due, and what is too much is recorded.

Knows no node. The first process to learn of a payment does it; a second time nothing happens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from relay.limits import InvoicePolicy
from relay.protocol.event import is_expired
from relay.storage.live_keys import LiveKeys
from relay.storage.note import Note, read_note
from relay.storage.payments.asked_no_longer import close_orphans, close_others, close_rests
from relay.storage.payments.invoices import Settled, settle_invoice
from relay.storage.payments.order_keys import find_used
from relay.storage.payments.settlement_cursors import begin_cursor
from relay.storage.payments.unapplied_payments import (
    Reason,
    insert_unapplied,
    is_bought,
    record_refused,
    spend_for_note,
    sum_for_note,
)
from relay.storage.payments.unpaid_notes import delete_unpaid, find_unpaid
from relay.storage.row import Result, SaveResult
from relay.storage.waiting_notes import WaitingNotes

_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """The bounds of invoices, and how long a held note may wait (seconds; 0: none is held)."""

    invoices: InvoicePolicy
    longest_wait_s: float

    def find_published_by(self, now: int) -> int:
        """Return when a note that is ordered now is published at the latest, if it is paid for; Unix times."""
        return now + self.invoices.expiry_s + math.ceil(self.longest_wait_s)

    def find_forget_at(self, expires_at: int) -> int:
        """Return when an invoice that nobody has paid is forgotten; Unix times."""
        return _round_up(expires_at + self.invoices.grace_s + self.invoices.forget_after_s)

    def find_settled_forget_at(self, now: int) -> int:
        """Return when a payment made now is forgotten; Unix times."""
        return _round_up(now + int(self.longest_wait_s) + self.invoices.forget_after_s)

    def to_due(self, note: Note, price_msat: int) -> Note:
        """Return a paid note as it is to be published: ring notes wait for the next batch where there are batches."""
        is_held = note.claim is not None and self.longest_wait_s > 0
        return Note(note.event, note.encoded, note.claim, is_held=is_held, price_paid_msat=price_msat)


def _round_up(at: int) -> int:
    """Return a time to the hour, so that it says little of when an invoice was made or paid."""
    return -(-at // _HOUR_S) * _HOUR_S


@dataclass(frozen=True, slots=True)
class Received:
    """What a look-up found paid: msat, to which account, and where that node's stream goes on after it, "" where there is none."""

    msat: int
    account: str
    cursor: str


@dataclass(slots=True)
class Settlement:
    """The settlement of one invoice; its methods are what Writer.settle asks for. `now` is Unix time.

    `unbought` is why a payment that is new bought nothing, where no note was due. `is_rest`: the note is bought with what came for
    it before, too.
    """

    reference: bytes
    received: Received
    now: int
    terms: PaymentTerms
    waiting: WaitingNotes
    settled: Settled | None = None
    unbought: SaveResult | None = None
    is_rest: bool = False

    async def load(self, connection: asyncpg.Connection) -> Sequence[Note]:
        """Return the note that was paid for, if this payment is new and enough."""
        forget_at = self.terms.find_settled_forget_at(self.now)
        keys = self.waiting.order_keys
        self.settled = settled = await settle_invoice(connection, keys, self.reference, self.now, forget_at)
        self.unbought, self.is_rest = None, False
        if settled is None:
            return []
        if self.received.cursor:
            # The stream may begin after this payment, and then tells of later ones alone: a relay that is restored from a copy with
            # this payment is told of all that came after it.
            await begin_cursor(connection, self.received.account, self.received.cursor)
        if settled.note_id is None:
            await insert_unapplied(connection, self.reference, self.received.msat, Reason.KEY_LOST)
            return []
        if not await self._is_enough(connection, settled.note_id, settled.price_msat):
            return []
        encoded = await _find_note(connection, settled.note_id, self.waiting)
        if encoded is None:
            if not self.is_rest:
                await insert_unapplied(connection, self.reference, settled.price_msat, Reason.LATE, settled.note_id)
            self.unbought = SaveResult.LATE_PAID
            return []
        note = self.terms.to_due(read_note(encoded), settled.price_msat)
        if is_expired(note.event, self.now):
            await self.conclude(connection, [note], [SaveResult.EXPIRED_PAID])
            self.unbought = SaveResult.EXPIRED_PAID
            return []
        return [note]

    async def _is_enough(self, connection: asyncpg.Connection, note_id: bytes, price_msat: int) -> bool:
        """Return whether the price is reached, with what came before; record what is short, or over."""
        excess_msat = self.received.msat - price_msat
        if excess_msat >= 0:
            await insert_unapplied(connection, self.reference, excess_msat, Reason.OVER)
            return True
        await insert_unapplied(connection, self.reference, self.received.msat, Reason.SHORT, note_id)
        self.is_rest = await sum_for_note(connection, note_id) >= price_msat
        if not self.is_rest:
            self.unbought = SaveResult.SHORT_PAID
        return self.is_rest

    async def conclude(self, connection: asyncpg.Connection, notes: Sequence[Note], results: Sequence[Result]) -> None:
        """Drop what waited, and record the payment where the note was refused or was here at that price."""
        if self.settled is None or self.settled.note_id is None or not results:
            return
        await _drop_bought(connection, self.waiting.order_keys, self.settled.note_id, self.settled.price_msat)
        await close_orphans(connection, self.waiting)
        if not self.is_rest:
            await record_refused(connection, notes, results, self.reference)
        elif is_bought(results[0]):
            await spend_for_note(connection, self.settled.note_id, self.settled.price_msat)
            await close_rests(connection, self.waiting.order_keys, self.settled.note_id)


@dataclass(slots=True)
class Spending:
    """The purchase of a note, which was sent again and verified, with what came too late for it; for Writer.settle, too."""

    note: Note
    order_keys: LiveKeys
    note_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.note_id = bytes.fromhex(self.note.event.id)

    async def load(self, connection: asyncpg.Connection) -> Sequence[Note]:
        """Return the note if its unapplied payments are enough."""
        enough = await sum_for_note(connection, self.note_id) >= self.note.price_paid_msat
        return [self.note] if enough else []

    async def conclude(self, connection: asyncpg.Connection, _: Sequence[Note], results: Sequence[Result]) -> None:
        """Spend them, unless the note was refused."""
        if results and is_bought(results[0]):
            await spend_for_note(connection, self.note_id, self.note.price_paid_msat)
            await _drop_bought(connection, self.order_keys, self.note_id, self.note.price_paid_msat)
            await close_rests(connection, self.order_keys, self.note_id)


async def _drop_bought(connection: asyncpg.Connection, order_keys: LiveKeys, note_id: bytes, price_msat: int) -> None:
    """Drop an unpaid note that was paid for, and ask for it no longer, up to this price."""
    await delete_unpaid(connection, await find_used(connection, order_keys), note_id)
    await close_others(connection, order_keys, note_id, price_msat)


async def _find_note(connection: asyncpg.Connection, note_id: bytes, waiting: WaitingNotes) -> bytes | None:
    """Return the compact JSON of a note, wherever it is."""
    keys = await find_used(connection, waiting.order_keys)
    encoded = (await find_unpaid(connection, keys, [note_id])).get(note_id)
    if encoded is None:
        encoded = await connection.fetchval("SELECT event FROM notes WHERE id = $1", note_id)
    if encoded is None and (held := (await waiting.held.find(connection, [note_id])).get(note_id)) is not None:
        encoded = held.note.encoded
    return encoded
