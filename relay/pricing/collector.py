"""Learn what was paid, and end what was not: follows the node's stream, looks invoices up, cancels, forgets. No client.

The stream is a hint and can break or be missing; a look-up by payment hash is the truth. Every process of a database does
all of this, and the first one to settle a payment settles it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

import asyncpg

from relay.limits import InvoicePolicy
from relay.postgres.errors import DATABASE_FAILURES
from relay.pricing.lightning.backend import Backend, BackendError, Payment, PaymentState
from relay.pricing.payment_listeners import PaymentListeners
from relay.pricing.settlement import Settlement, SettlementTerms
from relay.storage.payments.invoices import (
    Watched,
    close_invoice,
    close_orphans,
    count_by_state,
    drop_invoice,
    find_by_hash,
    forget,
    keep_cursor,
    list_watched,
    read_cursor,
    renew_cursors,
)
from relay.storage.payments.scrub import rewrite_links, vacuum_unpaid
from relay.storage.payments.unapplied_payments import sum_up_unapplied
from relay.storage.payments.unpaid_notes import UnpaidTotals, count_unpaid, delete_uninvoiced
from relay.storage.row import SaveResult
from relay.storage.writer import Writer
from relay.storage.writer_lock import lock_writers

_PASS_S = 1.0
_LOOKUPS_AT_ONCE = 4
# A payer who has paid looks at the page for some seconds; one who has not decided yet takes minutes.
_FIRST_LOOKUP_S = 1.0
_LONGEST_LOOKUP_S = 15.0
_SLOWER = 1.25
# A payment that comes after all that is rare, and a surplus.
_CLOSED_LOOKUP_S = 300.0
_CLEAN_S = 15.0
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0

T = TypeVar("T")


class Observer(Protocol):
    """Count what happens with money; no name and no note."""

    def report_settled(self, tier: str, msat: int) -> None:
        """Count one payment."""

    def report_published(self, seconds: float) -> None:
        """Count how long a paid note took from the look-up that said so to its publication."""

    def report_invoices(self, by_state: dict[str, int], unpaid_totals: UnpaidTotals) -> None:
        """Show how many there are now."""


@dataclass(slots=True)
class _Schedule:
    next_s: float
    every_s: float
    is_cancel_tried: bool = False


class Collector:
    """Watch the invoices of one relay; `run` in a task that the caller owns. `now` is Unix time, `clock` monotonic."""

    def __init__(
        self,
        policy: InvoicePolicy,
        terms: SettlementTerms,
        backend: Backend,
        pool: asyncpg.Pool,
        writer: Writer,
        payment_listeners: PaymentListeners,
        observer: Observer,
        *,
        share_unpaid_totals: Callable[[UnpaidTotals], None],
        now: Callable[[], int],
        clock: Callable[[], float],
        report: Callable[[str, BackendError | None], None],
        report_error: Callable[[BaseException], None],
    ) -> None:
        self._policy = policy
        self._terms = terms
        self._backend = backend
        self._pool = pool
        self._writer = writer
        self._payment_listeners = payment_listeners
        self._observer = observer
        self._share_unpaid_totals = share_unpaid_totals
        self._report = report
        self._lookups_a_pass = max(1, round(backend.lookups_per_s * _PASS_S))
        self._now = now
        self._clock = clock
        self._report_error = report_error
        self._schedules: dict[bytes, _Schedule] = {}
        self._paid_s: dict[bytes, float] = {}
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        # What an earlier process deleted may be there still.
        self._needs_scrub = True

    async def run(self) -> None:
        """Collect until cancelled. Survives the node and the database going away and coming back."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(self._follow, _FIRST_RETRY_S))
            group.create_task(self._keep(self.look_up_due, _PASS_S))
            group.create_task(self._keep(self.clean, _CLEAN_S))

    async def _keep(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        pause_s = every_s
        while True:
            try:
                await work()
                pause_s = every_s
            except BackendError:
                pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
            except DATABASE_FAILURES as error:
                self._report_error(error)
                pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
            await asyncio.sleep(pause_s)

    async def _follow(self) -> None:
        """Take hints from the node's stream until it breaks."""
        async with self._pool.acquire() as connection:
            cursor = await read_cursor(connection, self._backend.name)
        try:
            async with aclosing(self._backend.settlements(cursor)) as stream:
                async for settlement in stream:
                    await self.take_hint(settlement.payment_hash, settlement.cursor)
        except BackendError as error:
            self._report("stream", error)
            raise

    async def take_hint(self, payment_hash: bytes, cursor: str) -> None:
        """Look up what is said to be paid, and go on after it. Raises BackendError and DATABASE_FAILURES."""
        async with self._pool.acquire() as connection:
            reference = await find_by_hash(connection, payment_hash)
        if reference is not None:
            payment = await self._ask("lookup", self._backend.lookup(reference, payment_hash))
            if payment.state is PaymentState.PAID:
                await self.settle(reference, payment.received_msat)
        # After the settlement, which is done once however often the stream repeats it.
        async with self._pool.acquire() as connection:
            await keep_cursor(connection, self._backend.name, cursor)

    async def look_up_due(self) -> None:
        """Look up the invoices whose turn it is. Raises BackendError and DATABASE_FAILURES."""
        async with self._pool.acquire() as connection:
            watched = {invoice.reference: invoice for invoice in await list_watched(connection)}
        self._schedules = {
            # What is new to this process, after a start everything, is looked up at once.
            reference: self._schedules.get(reference, _Schedule(0.0, _FIRST_LOOKUP_S))
            for reference in watched
        }
        clock = self._clock()
        # Those that are asked for first: what was closed can wait, however many there are.
        due = sorted(
            (not watched[reference].is_open, schedule.next_s, reference)
            for reference, schedule in self._schedules.items()
            if schedule.next_s <= clock
        )
        turn = [watched[reference] for _, _, reference in due[: self._lookups_a_pass]]
        results = await asyncio.gather(*(self._look_up(invoice) for invoice in turn), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _look_up(self, invoice: Watched) -> None:
        schedule = self._schedules[invoice.reference]
        schedule.every_s = min(schedule.every_s * _SLOWER, _LONGEST_LOOKUP_S) if invoice.is_open else _CLOSED_LOOKUP_S
        schedule.next_s = self._clock() + schedule.every_s
        async with self._slots:
            payment = await self._lookup(invoice)
            if payment.state is PaymentState.PAID:
                await self.settle(invoice.reference, payment.received_msat)
            elif invoice.is_open:
                if self._is_over(invoice, payment):
                    await self._end(invoice)
            elif not schedule.is_cancel_tried:
                await self._end(invoice)
                schedule.is_cancel_tried = True
            elif invoice.forget_at <= self._now():
                await self._drop(invoice)

    async def _lookup(self, invoice: Watched) -> Payment:
        return await self._ask("lookup", self._backend.lookup(invoice.reference, invoice.payment_hash))

    def _is_over(self, invoice: Watched, payment: Payment) -> bool:
        """Return whether the time to pay is over: at once where the node says so, else after the grace."""
        grace_s = 0 if payment.state is PaymentState.GONE else self._policy.grace_s
        return invoice.expires_at + grace_s < self._now()

    async def _end(self, invoice: Watched) -> None:
        """Ask for an invoice no longer. Where the node cannot cancel, it is watched until it is forgotten."""
        is_gone = await self._ask("cancel", self._backend.cancel(invoice.reference, invoice.payment_hash))
        if not is_gone:
            payment = await self._lookup(invoice)
            if payment.state is PaymentState.PAID:
                # Settled wins over expired, always.
                await self.settle(invoice.reference, payment.received_msat)
                return
        if is_gone:
            await self._drop(invoice)
            return
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_writers(connection)
            await close_invoice(connection, invoice.reference)
            await delete_uninvoiced(connection)

    async def _drop(self, invoice: Watched) -> None:
        """Forget an invoice that a look-up has just said to be unpaid."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_writers(connection)
            await drop_invoice(connection, invoice.reference)
            self._needs_scrub = True
            await delete_uninvoiced(connection)

    async def settle(self, reference: bytes, received_msat: int) -> None:
        """Settle a payment that a look-up has confirmed, and tell whoever listens. Raises DATABASE_FAILURES."""
        began_s = self._clock()
        settlement = Settlement(reference, received_msat, self._now(), self._terms)
        results = await self._writer.settle(settlement.load, settlement.conclude)
        settled = settlement.settled
        if settled is None:
            return
        self._observer.report_settled(settled.tier, received_msat)
        if not results:
            return
        if results[0].accepted:
            self._paid_s[settled.note_id] = began_s
            if results[0] is not SaveResult.HELD:
                self.mark_published(settled.note_id)
        # Also that it was refused after all: who waits need not wait on.
        self._payment_listeners.tell(settled.note_id, settled.price_msat, results[0])

    def mark_published(self, note_id: bytes) -> None:
        """Note that a note is published, paid for here or elsewhere."""
        began_s = self._paid_s.pop(note_id, None)
        if began_s is not None:
            self._observer.report_published(self._clock() - began_s)

    async def clean(self) -> None:
        """Forget what links payments to notes when its time has come, and what was given up. Raises DATABASE_FAILURES."""
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                await lock_writers(connection)
                await close_orphans(connection)
                if await forget(connection, self._now()):
                    await sum_up_unapplied(connection)
                    await renew_cursors(connection)
                    self._needs_scrub = True
                await delete_uninvoiced(connection)
            await vacuum_unpaid(connection)
            if self._needs_scrub:
                self._needs_scrub = not await rewrite_links(connection)
            unpaid_totals = await count_unpaid(connection)
            self._share_unpaid_totals(unpaid_totals)
            self._observer.report_invoices(await count_by_state(connection), unpaid_totals)

    async def _ask(self, operation: str, answer: Awaitable[T]) -> T:
        try:
            result = await answer
        except BackendError as error:
            self._report(operation, error)
            raise
        self._report(operation, None)
        return result
