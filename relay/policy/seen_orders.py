"""Which orders somebody looks at: a connection waits for the payment, or the pay page was opened. Knows no node and no note.

In the memory of one process only, as it says when somebody came. A start forgets it: until its page asks again, or its client
sends the event again, an order counts as one that nobody looks at. Time is an argument, in Unix seconds.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# A page that is open asks again every few seconds, and a browser in the background less often.
_LIVE_S = 60


class SeenOrders:
    """The orders that somebody looks at, by the tokens of their pay pages."""

    def __init__(self) -> None:
        self._waiting: Counter[bytes] = Counter()
        # When the invoice expires, and when its page was last asked for.
        self._pages: dict[bytes, tuple[int, int]] = {}

    @contextmanager
    def hold(self, token: bytes) -> Iterator[None]:
        """Count an order as seen while it is being made."""
        self.begin_waiting(token)
        try:
            yield
        finally:
            self.end_waiting(token)

    def begin_waiting(self, token: bytes) -> None:
        """Count one more connection that waits for an order's payment."""
        self._waiting[token] += 1

    def end_waiting(self, token: bytes) -> None:
        """Count one less."""
        self._waiting[token] -= 1
        if self._waiting[token] <= 0:
            del self._waiting[token]

    def open_page(self, token: bytes, expires_at: int, now: int) -> None:
        """Remember that an order's page was asked for, until its invoice expires."""
        self._pages[token] = (expires_at, now)

    def is_seen(self, token: bytes) -> bool:
        """Return whether a connection waits for an order, or its page was ever opened."""
        return token in self._waiting or token in self._pages

    def list_seen(self) -> list[bytes]:
        """Return all orders that are seen."""
        return list(self._waiting.keys() | self._pages.keys())

    def list_live(self, now: int) -> list[bytes]:
        """Return the orders that somebody looks at now, and forget the pages of invoices that have expired."""
        self._pages = {token: page for token, page in self._pages.items() if page[0] > now}
        recent = {token for token, (_, opened_at) in self._pages.items() if opened_at > now - _LIVE_S}
        return list(self._waiting.keys() | recent)
