"""The transactions of payments: an order begins and ends, a payment is settled, what is over is forgotten.

Knows no node, and not what may be ordered.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES, refuses_writes
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.batched_lookup import BatchedLookup
from relay.storage.insert import find_refusal
from relay.storage.live_keys import KeyMissingError
from relay.storage.note import Note
from relay.storage.payments import (
    accounts,
    invoice_schedule,
    invoices,
    scrub,
    settlement_cursors,
    spent_payments,
    unapplied_payments,
    unpaid_notes,
)
from relay.storage.payments.asked_no_longer import close_orphans
from relay.storage.payments.invoice_schedule import Watched
from relay.storage.payments.invoices import Known, Order, Settled
from relay.storage.payments.note_status import NoteStatus, find_statuses
from relay.storage.payments.order_keys import forget_unused, prepare_keys, renew_key
from relay.storage.payments.settlement import PaymentTerms, Received, Settlement, Spending
from relay.storage.payments.unpaid_notes import UnpaidTotals
from relay.storage.row import Result, SaveResult
from relay.storage.waiting_notes import WaitingNotes
from relay.storage.writer import Writer
from relay.storage.writer_lock import lock_writers

_GIVE_UP_S = 60
# To write the tables of payments into new files locks them: with a hundred thousand invoices for a second or two. What takes
# longer than this is done again after a thousand times as much as it took beyond it, within the hour at the latest.
_UNNOTICED_S = 0.2
_SCRUB_PAUSE = 1_000
_LONGEST_SCRUB_PAUSE_S = 3_600.0
_KEY_S = 3_600
# What one look-up asks for at most.
_MAX_LOOKUPS = 100


class HashTakenError(Exception):
    """The payment hash that a node gave to two invoices."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the tables say of a note that is ordered. `refusal` is why it would be refused if it were paid for now."""

    status: NoteStatus
    refusal: SaveResult | None
    unpaid_totals: UnpaidTotals


Decide = Callable[[OrderFacts], SaveResult | None]


class Ledger:
    """The tables of payments, as one process uses them. `now` gives Unix time.

    Every method but `find_status` and `spend_unapplied` raises DATABASE_FAILURES.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        lookups: asyncpg.Pool,
        writer: Writer,
        waiting: WaitingNotes,
        terms: PaymentTerms,
        now: Callable[[], int],
    ) -> None:
        self._pool = pool
        # Every event on a priced path is looked up: not on the connections of the writer and the feed, which would wait.
        self._lookups = lookups
        self._writer = writer
        self._waiting = waiting
        self._terms = terms
        self._now = now
        self._statuses: BatchedLookup[bytes, NoteStatus] = BatchedLookup(self._find_statuses, _MAX_LOOKUPS)
        self._turn = asyncio.Lock()
        # What an earlier process deleted may be there still.
        self._deletions, self._scrubbed_deletions = 1, 0
        self._next_scrub_s = 0.0
        # By reference, payments that were found and could not be stored. They are tried again until they are; a restart forgets
        # them, and looks all invoices up.
        self.unstored: dict[bytes, Received] = {}
        # In which hour this process has made a key; an earlier one may have made the present key long ago.
        self._key_hour = 0
        # As last counted: by each order, and now and then.
        self.unpaid_totals = UnpaidTotals(0, 0, 0)
        # Of the node or wallet that invoices are made at now: "" until it has said so.
        self.account = ""

    def learn_account(self, account: str) -> None:
        """Take the account that invoices are made at from now on."""
        self.account = account

    async def prepare(self, *, has_other_hosts: bool) -> int:
        """Have a key for orders, and return how many invoices have lost theirs. Raises OSError, too."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_writers(connection)
            return await prepare_keys(connection, self._waiting.order_keys, has_other_hosts=has_other_hosts)

    async def find_status(self, note_id: bytes) -> NoteStatus:
        """Return what is known of a note. Raises Rejected(error) without a database."""
        try:
            return (await self._statuses.look_up(note_id))[note_id]
        except DATABASE_FAILURES:
            raise Rejected(Prefix.ERROR, "the database is not available; try again later") from None

    async def read_statuses(self, note_ids: Sequence[bytes]) -> list[NoteStatus]:
        """Return what is known of notes, of however many."""
        statuses: list[NoteStatus] = []
        for start in range(0, len(note_ids), _MAX_LOOKUPS):
            statuses += (await self._find_statuses(note_ids[start : start + _MAX_LOOKUPS])).values()
        return statuses

    async def _find_statuses(self, note_ids: Sequence[bytes]) -> dict[bytes, NoteStatus]:
        async with self._lookups.acquire() as connection:
            return await find_statuses(connection, note_ids, self._waiting, self.account)

    async def find_facts(self, note: Note) -> OrderFacts:
        """Return what the tables say of a note now. Takes no lock, so that an order that is refused holds up nobody."""
        async with self._acquire_in_turn() as connection:
            return await self._find_facts(connection, note)

    async def begin_order(self, order: Order, note: Note, decide: Decide) -> SaveResult | None:
        """Keep a note until it is paid for and record its invoice, unless `decide` returns what becomes of it instead.

        Runs under the writer's lock, so that the facts stay true. Raises what `decide` raises.
        """
        async with self._acquire_in_turn() as connection, connection.transaction():
            await lock_writers(connection)
            facts = await self._find_facts(connection, note)
            if (result := decide(facts)) is not None:
                return result
            keys = self._waiting.order_keys
            try:
                key = await keys.find_current(connection)
            except KeyMissingError:
                return SaveResult.ORDERED_ELSEWHERE
            await invoices.begin_invoice(connection, keys, key, order, self._now() + _GIVE_UP_S)
            if not facts.status.is_here:
                await unpaid_notes.insert_unpaid(connection, key, note)
            self.unpaid_totals = await unpaid_notes.count_unpaid(connection, self.account)
        return None

    async def _find_facts(self, connection: asyncpg.Connection, note: Note) -> OrderFacts:
        note_id = bytes.fromhex(note.event.id)
        status = (await find_statuses(connection, [note_id], self._waiting, self.account))[note_id]
        refusal = await find_refusal(connection, note)
        self.unpaid_totals = await unpaid_notes.count_unpaid(connection, self.account)
        return OrderFacts(status, refusal, self.unpaid_totals)

    async def open_order(self, order: Order, payment_hash: bytes, bolt11: str) -> bool:
        """Record the invoice that the node made. Return whether it is still wanted: its note may be withdrawn meanwhile.

        Raises HashTakenError where another invoice has its hash.
        """
        try:
            async with self._acquire_in_turn() as connection, connection.transaction():
                return await invoices.open_invoice(connection, self._waiting.order_keys, order, payment_hash, bolt11)
        except asyncpg.UniqueViolationError:
            raise HashTakenError from None

    async def drop_order(self, order: Order) -> None:
        """Forget an order for which the node made no invoice."""
        async with self._acquire_in_turn() as connection, connection.transaction():
            await lock_writers(connection)
            if (place := await invoices.drop_invoice(connection, order.reference)) is not None:
                await unpaid_notes.delete_if_uninvoiced(connection, place)

    @asynccontextmanager
    async def _acquire_in_turn(self) -> AsyncIterator[asyncpg.Connection]:
        """Give a connection to one order at a time: else the writer of notes would wait behind all orders."""
        async with self._turn, self._pool.acquire() as connection:
            yield connection

    async def spend_unapplied(self, note: Note, price_msat: int) -> Result | None:
        """Publish a verified note with its unapplied payments. None where they are not enough."""
        spending = Spending(self._terms.to_due(note, price_msat), self._waiting.order_keys)
        try:
            results = await self._writer.settle(spending.load, spending.conclude)
        except DATABASE_FAILURES:
            return SaveResult.FAILED
        return results[0] if results else None

    async def settle_payment(self, reference: bytes, received: Received) -> tuple[Settled, Result | None] | None:
        """Settle a payment that a look-up has confirmed. Return what it was for, and what became of the note, or of the money.

        None where it is settled already. There is no result where the order's key is lost.
        """
        settlement = Settlement(reference, received, self._now(), self._terms, self._waiting)
        try:
            results = await self._writer.settle(settlement.load, settlement.conclude)
        except DATABASE_FAILURES as error:
            if refuses_writes(error):
                self.unstored[reference] = received
            raise
        self.unstored.pop(reference, None)
        if settlement.settled is None:
            return None
        return settlement.settled, settlement.unbought or (results[0] if results else None)

    async def take_due(self, account: str, limit: int, live: Sequence[bytes] | None) -> list[Watched]:
        """Return the invoices that this account is to be asked about now, at most `limit`.

        Those with these tokens come first, then those that are open; with None, whichever has waited longest.
        """
        async with self._pool.acquire() as connection:
            return await invoice_schedule.take_due(
                connection, self._now(), self._terms.invoices.expiry_s, limit, account, live
            )

    async def is_watched(self, account: str) -> bool:
        """Return whether an account has invoices that could still be paid."""
        async with self._pool.acquire() as connection:
            return await accounts.is_watched(connection, account)

    async def count_elsewhere(self) -> dict[str, int]:
        """Return how many invoices each other account has that could still be paid, counted to 100."""
        if not self.account:
            return {}
        async with self._pool.acquire() as connection:
            return await accounts.count_elsewhere(connection, self.account)

    async def find_oldest(self, seen: Sequence[bytes]) -> Watched | None:
        """Return the open invoice of the present account that expires first, but for those with these tokens."""
        async with self._pool.acquire() as connection:
            return await invoice_schedule.find_oldest(connection, self.account, seen)

    async def look_up_again(self) -> None:
        """Have the node asked about all open invoices at once: it was not while no process ran."""
        async with self._pool.acquire() as connection:
            await invoice_schedule.look_up_again(connection)
            while await invoice_schedule.mend_schedule(connection, self._now()):
                pass

    async def close_invoice(self, reference: bytes) -> None:
        """Ask for an invoice no longer, and keep watching for a late payment."""
        async with self._acquire_in_turn() as connection, connection.transaction():
            await lock_writers(connection)
            if (place := await invoices.close_invoice(connection, reference)) is not None:
                await unpaid_notes.delete_if_uninvoiced(connection, place)

    async def drop_invoice(self, reference: bytes) -> None:
        """Forget an invoice that a look-up has just found unpaid."""
        async with self._acquire_in_turn() as connection, connection.transaction():
            await lock_writers(connection)
            if (place := await invoices.drop_invoice(connection, reference)) is not None:
                self._deletions += 1
                await unpaid_notes.delete_if_uninvoiced(connection, place)

    async def end_unknown(self, reference: bytes) -> None:
        """Forget an invoice whose time has come and which its node does not know, and count it."""
        async with self._acquire_in_turn() as connection, connection.transaction():
            await lock_writers(connection)
            await accounts.end_unknown(connection, self._waiting.order_keys, reference)
            self._deletions += 1
            await unpaid_notes.delete_uninvoiced(connection)

    async def find_invoice(self, payment_hash: bytes) -> Known | None:
        """Return the invoice that is paid by this hash. None where there is no row: it is not ours, or was forgotten."""
        async with self._pool.acquire() as connection:
            return await invoices.find_invoice(connection, payment_hash)

    async def is_spent(self, payment_hash: bytes) -> bool:
        """Return whether a payment was settled and forgotten, or claimed."""
        async with self._pool.acquire() as connection:
            return await spent_payments.is_spent(connection, payment_hash)

    async def read_cursor(self, account: str) -> str:
        """Return where a node's stream of payments goes on, "" at first."""
        async with self._pool.acquire() as connection:
            return await settlement_cursors.read_cursor(connection, account)

    async def write_cursor(self, account: str, cursor: str) -> None:
        """Record that a node's stream goes on after this payment."""
        async with self._pool.acquire() as connection:
            await settlement_cursors.write_cursor(connection, account, cursor)

    async def delete_forgotten(self) -> dict[str, int]:
        """Delete what links payments to notes when its time has come, and what was given up; count invoices by state."""
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                await lock_writers(connection)
                await invoice_schedule.mend_schedule(connection, self._now())
                await close_orphans(connection, self._waiting)
                await unpaid_notes.delete_uninvoiced(connection)
            # Others have their turns in between.
            while await self._delete_slice(connection):
                pass
            await self._renew_key(connection)
            await scrub.vacuum_unpaid(connection)
            if self._needs_scrub and time.monotonic() >= self._next_scrub_s:
                await self._scrub(connection)
            self.unpaid_totals = await unpaid_notes.count_unpaid(connection, self.account)
            return await invoices.count_by_state(connection)

    async def _delete_slice(self, connection: asyncpg.Connection) -> bool:
        """Delete some of the invoices whose time has come, and return whether there may be more."""
        async with connection.transaction():
            await lock_writers(connection)
            count = await invoices.delete_forgotten(connection, self._now())
            if count:
                await unapplied_payments.sum_up_unapplied(connection)
                await settlement_cursors.rewrite_cursors(connection)
                self._deletions += 1
                await unpaid_notes.delete_uninvoiced(connection)
        return count == invoices.MAX_AT_ONCE

    @property
    def _needs_scrub(self) -> bool:
        return self._scrubbed_deletions < self._deletions

    async def _scrub(self, connection: asyncpg.Connection) -> None:
        """Take out of the files what was deleted. Nobody can order meanwhile."""
        began_s = time.monotonic()
        # What is deleted meanwhile needs it again.
        deletions = self._deletions
        if await scrub.rewrite_links(connection):
            self._scrubbed_deletions = deletions
        ended_s = time.monotonic()
        pause_s = _SCRUB_PAUSE * max(0.0, ended_s - began_s - _UNNOTICED_S)
        self._next_scrub_s = ended_s + min(pause_s, _LONGEST_SCRUB_PAUSE_S)

    async def _renew_key(self, connection: asyncpg.Connection) -> None:
        """Seal orders with another key each hour, and destroy those that no row names any more."""
        keys, hour = self._waiting.order_keys, self._now() // _KEY_S
        async with connection.transaction():
            await lock_writers(connection)
            if hour != self._key_hour:
                await renew_key(connection, keys)
            await forget_unused(connection, keys)
        self._key_hour = hour
        async with connection.transaction():
            await lock_writers(connection)
            await keys.destroy_ended(connection)
