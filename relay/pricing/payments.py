"""The parts that take payments: the checkout, the collector and the listeners. There are none where nothing has a price."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from relay.policy.seen_orders import SeenOrders
from relay.pricing.checkout import Checkout
from relay.pricing.collector import Collector
from relay.pricing.lightning.backend import Backend
from relay.pricing.observer import Observer
from relay.pricing.payment_listeners import PaymentListeners
from relay.pricing.room import Room
from relay.pricing.sources import Sources
from relay.storage.ledger import Ledger
from relay.storage.note import Note
from relay.storage.payments.pay_status import PayState, PayStatus
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.row import SaveResult


@dataclass(frozen=True, slots=True)
class Nodes:
    """The node that makes the invoices, and the one that did so before, whose invoices may still be paid."""

    current: Backend
    previous: Backend | None = None


class Payments:
    """The payments of one relay process. Start it with `keep_collecting`, in a task that the caller owns."""

    def __init__(
        self,
        terms: PaymentTerms,
        nodes: Nodes,
        ledger: Ledger,
        observer: Observer,
        find_url: Callable[[], str],
        sources: Sources,
    ) -> None:
        self._nodes = nodes
        self._ledger = ledger
        self._observer = observer
        self._sources = sources
        self._seen = seen = SeenOrders()
        self.listeners = PaymentListeners(ledger, seen)
        grace_s = terms.invoices.grace_s
        self.collector = Collector(grace_s, nodes.current, ledger, self.listeners, observer, sources)
        self.previous: Collector | None = None
        if nodes.previous is not None:
            self.previous = Collector(grace_s, nodes.previous, ledger, self.listeners, observer, sources)
        room = Room(ledger, seen, self.collector.end_invoice)
        self.checkout = Checkout(terms, nodes.current, observer, find_url, sources, room)

    async def prepare(self, *, has_other_hosts: bool) -> int:
        """Have a key for orders, and return how many invoices have lost theirs. Raises OSError and DATABASE_FAILURES."""
        return await self._ledger.prepare(has_other_hosts=has_other_hosts)

    async def keep_collecting(self, report: Callable[[BaseException], None]) -> None:
        """Collect until cancelled, then close the connections to the nodes. A database that is away is reported."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.collector.keep_collecting(report))
                if self.previous is not None:
                    group.create_task(self._look_after(self.previous, report))
        finally:
            await self.close()

    async def _look_after(self, previous: Collector, report: Callable[[BaseException], None]) -> None:
        await previous.look_after(report)
        self._observer.report_removable()

    async def close(self) -> None:
        """Close the connections to the nodes."""
        await self._nodes.current.close()
        if self._nodes.previous is not None:
            await self._nodes.previous.close()

    def see_page(self, token: bytes, status: PayStatus) -> None:
        """Remember that the pay page of an open invoice was asked for."""
        if status.state is PayState.OPEN and status.expires_at is not None:
            self._seen.open_page(token, status.expires_at, self._sources.now())

    def announce_notes(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Yield notes that are being published, and notify their listeners, whichever process found the payment."""
        for note in notes:
            if note.price_paid_msat:
                note_id = bytes.fromhex(note.event.id)
                self.collector.mark_published(note_id)
                result = SaveResult.STORED if note.previous_price_msat < 0 else SaveResult.UPGRADED
                self.listeners.notify_listeners(note_id, note.price_paid_msat, result)
            yield note
