"""Room for another order where all that may be open are: the oldest one that nobody looks at goes. Knows no note.

So whoever only orders, and neither waits nor opens a page, cannot keep payers out. It goes as one goes whose time is over:
cancelled at the node, and where the node cannot, watched for a late payment. Money is never lost.
"""

import asyncio
from collections.abc import Awaitable, Callable

from relay.policy.seen_orders import SeenOrders
from relay.storage.ledger import Ledger
from relay.storage.payments.invoices import Watched


class Room:
    """The room for orders, as one process sees it. `end_invoice` asks for an invoice no longer, here and at the node."""

    def __init__(self, ledger: Ledger, seen: SeenOrders, end_invoice: Callable[[Watched], Awaitable[None]]) -> None:
        self.seen = seen
        self._ledger = ledger
        self._end_invoice = end_invoice
        # Else two orders would end the same one.
        self._turn = asyncio.Lock()

    async def can_be_made(self) -> bool:
        """Return whether there is an order that nobody looks at. Raises DATABASE_FAILURES."""
        return await self._ledger.find_oldest(self.seen.list_seen()) is not None

    async def make(self) -> bool:
        """End the oldest order that nobody looks at; return False where there is none. Raises BackendError, DATABASE_FAILURES."""
        async with self._turn:
            while (invoice := await self._ledger.find_oldest(self.seen.list_seen())) is not None:
                # Somebody may have come while it was looked for.
                if not self.seen.is_seen(invoice.token):
                    await self._end_invoice(invoice)
                    return True
        return False
