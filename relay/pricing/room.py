"""Room for another order where all that may be open are: the oldest one that nobody looks at goes. Knows no note.

So whoever only orders, and neither waits nor opens a page, cannot keep payers out. It goes as one goes whose time is over:
cancelled at the node, and where the node cannot, watched for a late payment. Money is never lost.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from relay.policy.seen_orders import SeenOrders
from relay.storage.ledger import Ledger
from relay.storage.payments.invoice_schedule import Watched


@dataclass(slots=True)
class Place:
    """The places that were made for one order. Others do not get them, however many come at once."""

    made: int = 0


class Room:
    """The room for orders, as one process sees it. `end_invoice` asks for an invoice no longer, here and at the node."""

    def __init__(self, ledger: Ledger, seen: SeenOrders, end_invoice: Callable[[Watched], Awaitable[None]]) -> None:
        self.seen = seen
        self.ledger = ledger
        self._end_invoice = end_invoice
        # Those that are going, so that two orders do not end the same one.
        self._going: set[bytes] = set()
        self._places = 0

    @contextmanager
    def reserve(self) -> Iterator[Place]:
        """Give the places of one order, which are free for all again at the end."""
        place = Place()
        try:
            yield place
        finally:
            self._places -= place.made

    def count_reserved(self, place: Place) -> int:
        """Return how many places are made for other orders than this one."""
        return self._places - place.made

    async def can_be_made(self) -> bool:
        """Return whether there is an order that nobody looks at. Raises DATABASE_FAILURES."""
        return await self._find_oldest() is not None

    async def make(self, place: Place) -> bool:
        """End the oldest order that nobody looks at; return False where there is none. Raises BackendError, DATABASE_FAILURES."""
        while (invoice := await self._find_oldest()) is not None:
            # Somebody may have come while it was looked for.
            if self.seen.is_seen(invoice.token) or invoice.token in self._going:
                continue
            self._going.add(invoice.token)
            try:
                await self._end_invoice(invoice)
            finally:
                self._going.remove(invoice.token)
            place.made += 1
            self._places += 1
            return True
        return False

    async def _find_oldest(self) -> Watched | None:
        return await self.ledger.find_oldest([*self.seen.list_seen(), *self._going])
