"""What other processes stored: the feed table, read on NOTIFY, and every second in case a notification was lost."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import asyncpg

from relay.limits import INTERNAL_LIMITS
from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.insert import FEED_CHANNEL
from relay.storage.note import Note, read_note

_POLL_S = 1.0
_PAGE = 500


class Feed:
    """The feed of one process: `prepare` before clients are served, then `keep_following` in a task that the caller owns."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        publish: Callable[[Iterable[Note]], Awaitable[None]],
        keep_s: float = INTERNAL_LIMITS.keep_feed_s,
    ) -> None:
        self._pool = pool
        self._publish = publish
        self._keep_s = keep_s
        self._last = 0
        self._announced = 0
        self._own: set[int] = set()
        self._still = asyncio.Lock()
        self._notified = asyncio.Event()
        self._marks: deque[tuple[float, int]] = deque()

    @asynccontextmanager
    async def hold_still(self) -> AsyncIterator[None]:
        """Keep the feed from reading while this process commits: its rows can be there before it knows their numbers.

        If only the answer to the commit was lost, the feed brings these notes to our subscribers.
        """
        async with self._still:
            yield
        self._wake_if_behind()

    def skip(self, sequence: Iterable[int]) -> None:
        """Skip these numbers: this process publishes those notes itself, after its commit."""
        self._own.update(sequence)

    async def prepare(self) -> None:
        """Start after what is there already: a REQ finds that in the store."""
        self._last = await self._pool.fetchval("SELECT coalesce(max(seq), 0) FROM feed")

    async def keep_following(self) -> None:
        """Publish what other processes stored, until cancelled. Survives the database going away and coming back."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._follow(connection)
            except DATABASE_FAILURES:
                await asyncio.sleep(_POLL_S)

    async def _follow(self, connection: asyncpg.Connection) -> None:
        await connection.add_listener(FEED_CHANNEL, self._on_notify)
        try:
            while True:
                await self._read_new(connection)
                try:
                    async with asyncio.timeout(_POLL_S):
                        await self._notified.wait()
                except TimeoutError:
                    pass
                self._notified.clear()
        finally:
            if connection.is_closed():
                # Forgets the listener too, which the pool would otherwise warn of.
                connection.terminate()
            else:
                await connection.remove_listener(FEED_CHANNEL, self._on_notify)

    def _on_notify(self, connection: object, pid: int, channel: str, payload: str) -> None:
        self._announced = max(self._announced, int(payload))
        self._wake_if_behind()

    def _wake_if_behind(self) -> None:
        self._skip_own()
        if self._announced > self._last and not self._still.locked():
            self._notified.set()

    def _skip_own(self) -> None:
        while self._last + 1 in self._own:
            self._last += 1
            self._own.discard(self._last)

    async def _read_new(self, connection: asyncpg.Connection) -> None:
        """Publish every row after the last one read, in pages. Numbers can be missing, where a batch was rolled back."""
        while True:
            async with self._still:
                records = await self._read_page(connection)
            if not records:
                return
            # A note that was deleted since has no bytes left. One after another as they are taken: a page of large notes read
            # at once would hold up all others.
            await self._publish(
                read_note(
                    record["event"],
                    price_paid_msat=record["price_paid_msat"],
                    previous_price_msat=record["previous_price_msat"],
                )
                for record in records
                if record["event"] is not None
            )

    async def _read_page(self, connection: asyncpg.Connection) -> list[asyncpg.Record]:
        """Return the next rows that are not our own, and at least one while there are any."""
        foreign: list[asyncpg.Record] = []
        while not foreign:
            self._skip_own()
            records = await connection.fetch(
                """
                SELECT f.seq, coalesce(f.event, n.event) AS event, f.price_paid_msat, f.previous_price_msat
                FROM feed f LEFT JOIN notes n ON n.id = f.id
                WHERE f.seq > $1 ORDER BY f.seq LIMIT $2
                """,
                self._last,
                _PAGE,
            )
            if not records:
                return []
            foreign = [record for record in records if record["seq"] not in self._own]
            self._last = records[-1]["seq"]
            self._own = {seq for seq in self._own if seq > self._last}
        return foreign

    async def prune(self, connection: asyncpg.Connection, now_s: float) -> None:
        """Delete rows that were read `keep_s` ago; `now_s` is monotonic. Rows carry no time, so the age is kept here."""
        self._marks.append((now_s, self._last))
        if now_s - self._marks[0][0] >= self._keep_s:
            _, seq = self._marks.popleft()
            await connection.execute("DELETE FROM feed WHERE seq <= $1", seq)
            # A deleted row stays in the file, with its place in the order, until it is vacuumed.
            await connection.execute("VACUUM feed")
