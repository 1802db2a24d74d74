"""The watch over invoices: which are paid, and which are over. Knows no client.

The node's stream gives hints, and can break or be missing; a look-up by payment hash is the truth. Every process of a
database watches, and the first one to find a payment settles it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from relay.postgres.errors import DATABASE_FAILURES
from relay.pricing.lightning.backend import Backend, BackendError, Payment, PaymentState, SettlementHint
from relay.pricing.observer import Observer
from relay.pricing.payment_listeners import PaymentListeners
from relay.pricing.sources import Sources
from relay.storage.ledger import Ledger
from relay.storage.payments.invoice_schedule import Watched
from relay.storage.payments.settlement import Received
from relay.storage.row import SaveResult

# Nothing of the note was decided: who waits for another invoice of it may still pay that.
_UNBOUGHT = (SaveResult.SHORT_PAID, SaveResult.LATE_PAID)
_PASS_S = 1.0
_LOOKUPS_AT_ONCE = 4
# What a stream repeats is counted once.
_MAX_UNMATCHED = 10_000
# One pass of four takes whichever has waited longest. Else those who keep connections open could put off all others for good,
# and no invoice that is over would ever end.
_FAIR_EVERY = 4
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0


class Collector:
    """The collector of one relay process, for one node: it looks up what that node's account made.

    Start it with `keep_collecting`, in a task that the caller owns; or with `look_after`, for the node of before.
    """

    def __init__(
        self,
        grace_s: int,
        backend: Backend,
        ledger: Ledger,
        listeners: PaymentListeners,
        observer: Observer,
        sources: Sources,
    ) -> None:
        self._grace_s = grace_s
        self._backend = backend
        self._ledger = ledger
        self._listeners = listeners
        self._observer = observer
        self._sources = sources
        self._pass_s = max(_PASS_S, 1 / backend.lookups_per_s)
        self._lookups_a_pass = round(backend.lookups_per_s * self._pass_s)
        self._passes = 0
        self._paid_s: dict[bytes, float] = {}
        # In the order in which they were told of.
        self._unmatched: dict[bytes, None] = {}
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def keep_collecting(self, report: Callable[[BaseException], None]) -> None:
        """Collect until cancelled, also while the node or the database is away; the latter is reported."""
        await _repeat_until_done(self._ledger.look_up_again, report)
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep_repeating(self.follow_stream, _FIRST_RETRY_S, report))
            group.create_task(_keep_repeating(self.look_up_due, self._pass_s, report))

    async def look_after(self, report: Callable[[BaseException], None]) -> None:
        """Look up what the node's account made until nothing is left to be paid. Follows no stream."""
        await _repeat_until_done(self._look_up_rest, report)

    async def _look_up_rest(self) -> None:
        while True:
            account = await self._backend.find_account()
            if account == self._ledger.account or not await self._ledger.is_watched(account):
                return
            await self.look_up_due()
            await asyncio.sleep(self._pass_s)

    async def follow_stream(self) -> None:
        """Follow the hints of the node's stream until it breaks. Raises BackendError and DATABASE_FAILURES."""
        account = await self._backend.find_account()
        cursor = await self._ledger.read_cursor(account)
        async with aclosing(self._backend.stream_settlements(cursor)) as stream:
            async for hint in stream:
                await self._follow_hint(hint)
                # After the settlement, which is done once however often the stream repeats it.
                await self._ledger.write_cursor(account, hint.cursor)

    async def _follow_hint(self, hint: SettlementHint) -> None:
        """Look up what is said to be paid. What looks like ours and is in no row is counted, and not taken for nothing."""
        known = await self._ledger.find_invoice(hint.payment_hash)
        if known is None:
            if hint.is_ours:
                await self._count_unmatched(hint.payment_hash)
        elif not known.is_settled:
            payment = await self._backend.look_up_payment(known.reference, hint.payment_hash)
            if payment.state is PaymentState.PAID:
                await self._settle_found(known.reference, payment)

    async def _count_unmatched(self, payment_hash: bytes) -> None:
        """Count a payment that no row knows, once; not one that was settled, forgotten, and is told of again."""
        if payment_hash in self._unmatched or await self._ledger.is_spent(payment_hash):
            return
        self._unmatched[payment_hash] = None
        if len(self._unmatched) > _MAX_UNMATCHED:
            del self._unmatched[next(iter(self._unmatched))]
        self._observer.report_unmatched()

    async def look_up_due(self) -> None:
        """Look up the invoices whose turn it is, no more than the node takes. Raises BackendError and DATABASE_FAILURES."""
        # What could not be stored comes first: nothing is sold meanwhile.
        again = [self._settle_payment(*payment) for payment in list(self._ledger.unstored.items())[:_LOOKUPS_AT_ONCE]]
        results = await asyncio.gather(*again, return_exceptions=True)
        self._passes += 1
        live = None if self._passes % _FAIR_EVERY == 0 else self._listeners.seen.list_live(self._sources.now())
        account = await self._backend.find_account()
        due = await self._ledger.take_due(account, self._lookups_a_pass, live)
        results += await asyncio.gather(*map(self._look_up_invoice, due), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _look_up_invoice(self, invoice: Watched) -> None:
        async with self._slots:
            payment = await self._backend.look_up_payment(invoice.reference, invoice.payment_hash)
            if payment.state is PaymentState.PAID:
                await self._settle_found(invoice.reference, payment)
            elif invoice.is_open:
                if self._is_over(invoice, payment):
                    await self.end_invoice(invoice)
            elif not invoice.is_cancel_tried:
                await self.end_invoice(invoice)
            elif invoice.forget_at <= self._sources.now():
                await self._forget_invoice(invoice, payment)

    async def _forget_invoice(self, invoice: Watched, payment: Payment) -> None:
        """Forget an invoice whose time has come. Where its node did not know it, that stays in the books."""
        if payment.state is PaymentState.UNKNOWN:
            await self._ledger.end_unknown(invoice.reference)
            self._observer.report_unknown()
        else:
            await self._ledger.drop_invoice(invoice.reference)

    def _is_over(self, invoice: Watched, payment: Payment) -> bool:
        """Return whether the time to pay is over: at once where the node says so, else after the grace period."""
        grace_s = 0 if payment.state is PaymentState.GONE else self._grace_s
        return invoice.expires_at + grace_s < self._sources.now()

    async def end_invoice(self, invoice: Watched) -> None:
        """Ask for an invoice no longer. Where the node cannot cancel, it is watched until it is forgotten."""
        if await self._backend.cancel_invoice(invoice.reference, invoice.payment_hash):
            await self._ledger.drop_invoice(invoice.reference)
            return
        payment = await self._backend.look_up_payment(invoice.reference, invoice.payment_hash)
        if payment.state is PaymentState.PAID:
            # Settled wins over expired, always.
            await self._settle_found(invoice.reference, payment)
        else:
            await self._ledger.close_invoice(invoice.reference)

    async def _settle_found(self, reference: bytes, payment: Payment) -> None:
        """Settle what a look-up found paid. Raises BackendError and DATABASE_FAILURES."""
        account = await self._backend.find_account()
        await self._settle_payment(reference, Received(payment.received_msat, account, payment.cursor))

    async def _settle_payment(self, reference: bytes, received: Received) -> None:
        """Settle a payment that a look-up has confirmed, and tell the listeners. Raises DATABASE_FAILURES."""
        began_s = self._sources.monotonic()
        try:
            outcome = await self._ledger.settle_payment(reference, received)
        finally:
            self._observer.report_unstored(len(self._ledger.unstored))
        if outcome is None:
            return
        settled, result = outcome
        self._observer.report_settled(settled.tier, received.msat)
        if result is None or settled.note_id is None:
            # Its key is lost: nobody can tell which note it was for.
            return
        if result in _UNBOUGHT:
            self._listeners.disappoint_listeners(settled.note_id, settled.price_msat, result)
            return
        if result.accepted:
            self._paid_s[settled.note_id] = began_s
            if result is not SaveResult.HELD:
                self.mark_published(settled.note_id)
        # Also where it was refused after all: the wait is over.
        self._listeners.notify_listeners(settled.note_id, settled.price_msat, result)

    def mark_published(self, note_id: bytes) -> None:
        """Count that a note is published, paid for here or elsewhere."""
        began_s = self._paid_s.pop(note_id, None)
        if began_s is not None:
            self._observer.report_published(self._sources.monotonic() - began_s)

    async def delete_forgotten(self) -> None:
        """Delete what links payments to notes when its time has come, and what was given up. Raises DATABASE_FAILURES."""
        await self._listeners.look_for_disappointed()
        by_state = await self._ledger.delete_forgotten()
        self._observer.report_invoices(by_state, self._ledger.unpaid_totals)
        self._observer.report_elsewhere(await self._ledger.count_elsewhere())


async def _repeat_until_done(work: Callable[[], Awaitable[None]], report: Callable[[BaseException], None]) -> None:
    pause_s = _FIRST_RETRY_S
    while True:
        try:
            await work()
        except (BackendError, *DATABASE_FAILURES) as error:
            if not isinstance(error, BackendError):
                report(error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
        else:
            return


async def _keep_repeating(
    work: Callable[[], Awaitable[None]], every_s: float, report: Callable[[BaseException], None]
) -> None:
    pause_s = every_s
    while True:
        try:
            await work()
            pause_s = every_s
        except BackendError:
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
        except DATABASE_FAILURES as error:
            report(error)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
        await asyncio.sleep(pause_s)
