"""The parts that take payments: the checkout, the collector and the listeners. There are none where nothing has a price."""

from collections.abc import Callable, Iterable, Iterator

from relay.pricing.checkout import Checkout
from relay.pricing.collector import Collector, Observer
from relay.pricing.lightning.backend import Backend
from relay.pricing.payment_listeners import PaymentListeners
from relay.pricing.sources import Sources
from relay.storage.ledger import Ledger
from relay.storage.note import Note
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.row import SaveResult


class Payments:
    """The payments of one relay process. Start it with `keep_collecting`, in a task that the caller owns."""

    def __init__(
        self,
        terms: PaymentTerms,
        backend: Backend,
        ledger: Ledger,
        observer: Observer,
        find_url: Callable[[], str],
        sources: Sources,
    ) -> None:
        self._backend = backend
        self.listeners = PaymentListeners(ledger)
        self.checkout = Checkout(terms, backend, ledger, find_url, sources)
        self.collector = Collector(terms.invoices.grace_s, backend, ledger, self.listeners, observer, sources)

    async def keep_collecting(self, report: Callable[[BaseException], None]) -> None:
        """Collect until cancelled, then close the connections to the node. A database that is away is reported."""
        try:
            await self.collector.keep_collecting(report)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connections to the node."""
        await self._backend.close()

    def announce_notes(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Yield notes that are being published, and notify their listeners, whichever process found the payment."""
        for note in notes:
            if note.price_paid_msat:
                note_id = bytes.fromhex(note.event.id)
                self.collector.mark_published(note_id)
                result = SaveResult.STORED if note.previous_price_msat < 0 else SaveResult.UPGRADED
                self.listeners.notify_listeners(note_id, note.price_paid_msat, result)
            yield note
