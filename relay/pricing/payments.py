"""Put together what takes payments: the node, the till, what collects, and who listens. None of it where nothing has a price."""

import secrets
from collections.abc import Callable, Iterable, Iterator

import asyncpg

from relay.limits import InvoicePolicy
from relay.pricing.checkout import Checkout
from relay.pricing.collector import Collector, Observer
from relay.pricing.lightning.backend import Backend, BackendError
from relay.pricing.payment_listeners import PaymentListeners
from relay.pricing.settlement import SettlementTerms
from relay.storage.note import Note
from relay.storage.payments.pay_status import PayStatus, find_pay_status
from relay.storage.payments.unpaid_notes import UnpaidTotals
from relay.storage.row import SaveResult
from relay.storage.writer import Writer


class Payments:
    """Take payments for one relay process; `run` in a task that the caller owns. `now` is Unix time, `clock` monotonic."""

    def __init__(
        self,
        policy: InvoicePolicy,
        publish_every_s: float,
        backend: Backend,
        pool: asyncpg.Pool,
        lookups: asyncpg.Pool,
        readers: asyncpg.Pool,
        writer: Writer,
        observer: Observer,
        *,
        find_url: Callable[[], str],
        now: Callable[[], int],
        clock: Callable[[], float],
        report: Callable[[str, BackendError | None], None],
        report_error: Callable[[BaseException], None],
        token_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        terms = SettlementTerms(publish_every_s, policy.forget_after_s)
        self._backend = backend
        self._readers = readers
        self.payment_listeners = PaymentListeners()
        self.checkout = Checkout(
            policy,
            terms,
            backend,
            pool,
            lookups,
            writer,
            find_url=find_url,
            now=now,
            clock=clock,
            report=report,
            token_bytes=token_bytes,
        )
        self.collector = Collector(
            policy,
            terms,
            backend,
            pool,
            writer,
            self.payment_listeners,
            observer,
            share_unpaid_totals=self._share_unpaid_totals,
            now=now,
            clock=clock,
            report=report,
            report_error=report_error,
        )

    async def run(self) -> None:
        """Collect until cancelled, then leave the node."""
        try:
            await self.collector.run()
        finally:
            await self._backend.close()

    def _share_unpaid_totals(self, unpaid_totals: UnpaidTotals) -> None:
        self.checkout.unpaid_totals = unpaid_totals

    async def find_pay_status(self, token: bytes) -> PayStatus | None:
        """Return what a pay page shows. Raises DATABASE_FAILURES."""
        # Anybody can ask for pages, as often as they like: they wait with those who read.
        async with self._readers.acquire() as connection:
            return await find_pay_status(connection, token)

    def pass_on(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Yield notes that are being published, and tell those who listen for them, in whichever process they paid."""
        for note in notes:
            if note.price_paid_msat:
                note_id = bytes.fromhex(note.event.id)
                self.collector.mark_published(note_id)
                self.payment_listeners.tell(
                    note_id,
                    note.price_paid_msat,
                    SaveResult.STORED if note.previous_price_msat < 0 else SaveResult.UPGRADED,
                )
            yield note
