"""Rendered pages, kept whole for a while. Knows no page, no store and no clock.

A kept page shows what was published when it was rendered. Each publication and each deletion drops all of them, so what they
show is never older than a second, or than the deletion, and says no more of when a note came than a REQ does.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from relay.http.answer import Answer
from relay.limits import PagesPolicy

# Publications that follow one another drop pages once in so long: else a busy relay would render a page anew for each note.
_DROP_EVERY_S = 1.0
_MIB = 1_048_576
# Of a page's headers, its key, and what keeps it here.
_OVERHEAD_BYTES = 2_048


@dataclass(frozen=True, slots=True)
class PageKey:
    """What a page depends on: its path, the fields of the query that it reads, and the language."""

    path: str
    query: tuple[tuple[str, str], ...]
    language: str


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    until_s: float
    size: int


class PageCache:
    """The pages that were asked for last. `now_s` is monotonic, `now` Unix time, both in seconds."""

    def __init__(self, policy: PagesPolicy, now_s: Callable[[], float], now: Callable[[], float]) -> None:
        self._policy = policy
        self._now_s = now_s
        self._now = now
        self._kept: OrderedDict[PageKey, _Kept] = OrderedDict()
        self._bytes = 0
        # Each page that is being rendered, for all who ask for it meanwhile. None: that failed, whoever waits may try.
        self._flights: dict[PageKey, asyncio.Future[Answer | None]] = {}
        self._generation = 0
        self._dropped_s = now_s() - _DROP_EVERY_S
        self._drop_later: asyncio.TimerHandle | None = None

    def find(self, key: PageKey) -> Answer | None:
        """Return a page that is kept."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until_s <= self._now_s():
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return kept.answer

    async def get(self, key: PageKey, render: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return a page that is kept, else one that is rendered: once, however many ask for it at the same time."""
        while True:
            if (found := self.find(key)) is not None:
                return found
            flight = self._flights.get(key)
            if flight is None:
                return await self._render(key, render)
            # Who leaves meanwhile must not end it for the others.
            if (answer := await asyncio.shield(flight)) is not None:
                return answer

    def drop_all(self) -> None:
        """Drop all pages, and keep none that is being rendered from what was there before."""
        self._generation += 1
        self._kept.clear()
        self._flights.clear()
        self._bytes = 0
        self._dropped_s = self._now_s()
        self.close()

    def drop_soon(self) -> None:
        """Drop all pages now, or within a second if they were just dropped."""
        wait_s = self._dropped_s + _DROP_EVERY_S - self._now_s()
        if wait_s <= 0:
            self.drop_all()
        elif self._drop_later is None:
            self._drop_later = asyncio.get_running_loop().call_later(wait_s, self.drop_all)

    def close(self) -> None:
        """Forget that pages are to be dropped."""
        if self._drop_later is not None:
            self._drop_later.cancel()
            self._drop_later = None

    async def _render(self, key: PageKey, render: Callable[[], Awaitable[Answer]]) -> Answer:
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        generation = self._generation
        answer = None
        try:
            answer = await render()
        finally:
            flight.set_result(answer)
            if self._flights.get(key) is flight:
                del self._flights[key]
        if generation == self._generation:
            self._keep(key, answer)
        return answer

    def _keep(self, key: PageKey, answer: Answer) -> None:
        keep_s = self._policy.cache_s
        if answer.keep_until is not None:
            keep_s = min(keep_s, answer.keep_until - self._now())
        size = _measure(key, answer)
        # What is refused is not kept: it can be there in a moment, and anybody can ask for what is not there.
        if keep_s <= 0 or answer.status is not HTTPStatus.OK or "Cache-Control" in answer.headers:
            return
        self._kept[key] = _Kept(answer, self._now_s() + keep_s, size)
        self._bytes += size
        while len(self._kept) > self._policy.max_cached or self._bytes > self._policy.max_cached_mib * _MIB:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: PageKey) -> None:
        self._bytes -= self._kept.pop(key).size


def _measure(key: PageKey, answer: Answer) -> int:
    query = sum(len(name) + len(value) for name, value in key.query)
    return len(answer.body) + len(key.path) + query + _OVERHEAD_BYTES
