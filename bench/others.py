"""What others do while a second client is watched: the loads that must not keep it waiting, each bounded in count and time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from bench import loads
from bench.authors import BASE_TIME, make_author
from bench.client import connected
from bench.corpus import Part
from bench.figures import Subject
from bench.held import wait_until_batch
from bench.neighbour import Felt, watching
from bench.parts import name_part
from bench.relay_process import RunningRelay
from bench.ring_notes import sign_event
from relay.protocol.event import encode_event

PERIOD_S = 30
_SECONDS = 5.0
# What all others are divided by. Of 400 notes in 5 s, a checkpoint of Postgres made the p99 2 ms in one round and 16 in the next.
_QUIET_SECONDS = 20.0
_LARGE_NOTES = 1_000
_LARGE_CHARS = 20_000
_REINDEX_TIMEOUT_S = 120.0
_DELIVERED = 60
_COUNTS = {"plain": 24_000, name_part(1_000, "own"): 60, name_part(2, "own"): 10_000}


def list_parts_of_others(rounds: int, shrink: int) -> list[Part]:
    """Return how many notes the loads post in so many rounds."""
    counts = {name: count // shrink for name, count in _COUNTS.items()}
    counts["plain"] += _DELIVERED
    return [Part(name, count * rounds) for name, count in counts.items()]


@dataclass(frozen=True)
class Others:
    """A relay, and what is posted to it. Each load returns what a second client felt from its first moment to its last."""

    relay: RunningRelay
    subject: Subject
    shrink: int = 1

    def _take(self, part: str) -> Sequence[bytes]:
        return self.subject.take_notes(part, _COUNTS[part] // self.shrink)

    async def _watch(self, load: Callable[[], Awaitable[object]]) -> Felt:
        with watching(self.relay.url) as felt:
            await load()
        return felt

    async def quiet(self) -> Felt:
        """Do nothing."""
        return await self._watch(lambda: asyncio.sleep(_QUIET_SECONDS / self.shrink))

    async def ingest(self) -> Felt:
        """Post plain notes at full speed."""
        notes = self._take("plain")
        return await self._watch(lambda: loads.post_all(self.relay.url, notes))

    async def ring1000(self) -> Felt:
        """Post notes over rings of a thousand at full speed."""
        notes = self._take(name_part(1_000, "own"))
        # More of them at once would be refused: the queue of what is to be verified is bounded.
        return await self._watch(lambda: loads.post_all(self.relay.url, notes, connections=4, window=3))

    async def fanout5000(self) -> Felt:
        """Have five thousand subscribers that are sent each of many notes."""
        notes = self.subject.take_notes("plain", _DELIVERED)
        async with connected(self.relay.url, 5_000 // self.shrink) as clients:
            await loads.subscribe(clients)
            return await self._watch(lambda: loads.deliver_all(self.relay.url, clients, notes))

    async def large_page(self) -> Felt:
        """Ask for a thousand notes of 20 KB, again and again."""
        filter_ = b'{"authors":["%b"],"limit":1000}' % make_author(0, "large").hex.encode()

        async def read() -> None:
            until_s = time.monotonic() + _SECONDS
            while time.monotonic() < until_s:
                await loads.query_all(self.relay.url, [filter_], connections=1)

        return await self._watch(read)

    async def reindex(self) -> Felt:
        """Make indexes again beside what goes on, as an operator does."""
        connection = await asyncpg.connect(**self.relay.connect_arguments, command_timeout=_REINDEX_TIMEOUT_S)

        async def make_again() -> None:
            until_s = time.monotonic() + _SECONDS
            while time.monotonic() < until_s:
                await connection.execute("REINDEX INDEX CONCURRENTLY sorted_notes_pkey")
                await connection.execute("REINDEX TABLE CONCURRENTLY day_notes")

        try:
            return await self._watch(make_again)
        finally:
            await connection.close()

    async def hold(self) -> None:
        """Post what goes out with the next batch, which is far away."""
        await wait_until_batch(PERIOD_S, 1.0)
        await loads.post_all(self.relay.url, self._take(name_part(2, "own")))

    async def batch(self) -> Felt:
        """Publish what is held."""
        async with connected(self.relay.url) as clients:
            await loads.subscribe(clients)
            arriving = loads.Arrivals(clients, _COUNTS[name_part(2, "own")] // self.shrink)
            await wait_until_batch(PERIOD_S, -0.5)
            return await self._watch(arriving.wait)

    async def store_large_notes(self) -> None:
        """Post what is read later in large pages."""
        await loads.post_all(self.relay.url, make_large_notes(), connections=4)


def make_large_notes() -> list[bytes]:
    """Return a thousand notes of 20 KB."""
    author = make_author(0, "large")
    words = "a word and another " * (_LARGE_CHARS // 19)
    events = (sign_event(author, BASE_TIME - number, 1, (), f"{number} {words}") for number in range(_LARGE_NOTES))
    return [encode_event(event) for event in events]
