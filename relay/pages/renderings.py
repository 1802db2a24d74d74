"""How many pages are rendered at the same time, and for whom: so few that they never slow the relay. Knows no page.

After each page its place stays empty for three times as long as the page took: half of the time is for clients, however many
pages are asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from relay.delivery.visitor import Visitor

# Each takes some milliseconds of the thread that serves all clients. With two, one that waits for the database stops no other.
_MAX_AT_ONCE = 2
# Visitors who ask for 100 pages a second make the p95 of a client's REQ 1.4 times that of a quiet relay; with a rest as long as
# the page took it was 1.6 (python -m bench.pages).
_REST_FACTOR = 3.0
# What takes longer waits for the database, which is no work of the thread.
_MAX_REST_S = 0.1
_MAX_WAITING = 64


class TooManyReads(Exception):
    """A network that has read as many pages as it may. It may read the next in a while."""


class Busy(Exception):
    """A relay that has as many pages to render as may wait."""


class Renderings:
    """The pages that are being rendered, and those that wait for it. `now_s` is monotonic."""

    def __init__(
        self, now_s: Callable[[], float], max_at_once: int = _MAX_AT_ONCE, max_waiting: int = _MAX_WAITING
    ) -> None:
        self._now_s = now_s
        self._slots = asyncio.Semaphore(max_at_once)
        self._max_waiting = max_waiting
        self._waiting = 0

    @asynccontextmanager
    async def take_turn(self, visitor: Visitor) -> AsyncIterator[None]:
        """Wait for a turn, which counts as one of this visitor's reads. Raises TooManyReads or Busy."""
        if self._waiting >= self._max_waiting:
            raise Busy
        if not visitor.try_read_page(self._now_s()):
            raise TooManyReads
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        began_s = self._now_s()
        try:
            yield
        finally:
            # Nobody waits for this rest: the page is on its way.
            rest_s = min(_REST_FACTOR * (self._now_s() - began_s), _MAX_REST_S)
            asyncio.get_running_loop().call_later(rest_s, self._slots.release)
