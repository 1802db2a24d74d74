"""Put together what takes payments: the node, the till, what collects, and who listens. None of it where nothing has a price."""

from collections.abc import Callable, Iterable, Iterator

import asyncpg

from relay.limits import InvoicePolicy
from relay.pricing.checkout import Till
from relay.pricing.collector import Collector, Observer
from relay.pricing.lightning.backend import Backend, BackendError
from relay.pricing.payment_listeners import Payers
from relay.pricing.settlement import Terms
from relay.storage.note import Note
from relay.storage.payments.pay_status import PayStatus, find_pay_status
from relay.storage.payments.unpaid_notes import Parking
from relay.storage.row import Saved
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
    ) -> None:
        terms = Terms(publish_every_s, policy.forget_after_s)
        self._backend = backend
        self._readers = readers
        self.payers = Payers()
        self.till = Till(
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
        )
        self.collector = Collector(
            policy,
            terms,
            backend,
            pool,
            writer,
            self.payers,
            observer,
            share_parking=self._share_parking,
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

    def _share_parking(self, parking: Parking) -> None:
        self.till.parking = parking

    async def find_pay_status(self, token: bytes) -> PayStatus | None:
        """Return what a pay page shows. Raises DATABASE_FAILURES."""
        # Anybody can ask for pages, as often as they like: they wait with those who read.
        async with self._readers.acquire() as connection:
            return await find_pay_status(connection, token)

    def pass_on(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Yield notes that are being published, and tell those who listen for them, in whichever process they paid."""
        for note in notes:
            if note.rank:
                note_id = bytes.fromhex(note.event.id)
                self.collector.mark_published(note_id)
                self.payers.tell(note_id, note.rank, Saved.STORED if note.risen_from < 0 else Saved.RAISED)
            yield note
