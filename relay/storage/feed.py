"""What other processes stored, and what anybody deleted: the feed table, read on NOTIFY, and every second in case one was lost.

The numbers of the feed are in the order of the commits. In that order the recent notes in memory are changed, too.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from relay.limits import INTERNAL_LIMITS
from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.insert import FEED_CHANNEL
from relay.storage.note import Note, read_note
from relay.storage.recent_notes import RecentNotes
from relay.storage.window_fill import fill_chunk

_POLL_S = 1.0
_PAGE = 500
# Between chunks of the window's filling, so that clients are served meanwhile.
_REST_S = 0.01


class Feed:
    """The feed of one process: `prepare` before clients are served, then `keep_following` in a task that the caller owns."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        publish: Callable[[Iterable[Note]], Awaitable[None]],
        keep_s: float = INTERNAL_LIMITS.keep_feed_s,
        recent: RecentNotes | None = None,
    ) -> None:
        self._pool = pool
        self._publish = publish
        self._keep_s = keep_s
        self._recent = RecentNotes(0) if recent is None else recent
        self._last = 0
        self._announced = 0
        # Own notes whose numbers others precede that were not read yet.
        self._own: dict[int, Note] = {}
        # Own notes that the recent ones lack, because a page or a chunk is under way.
        self._unapplied: list[Note] = []
        self._is_busy = False
        self._asked_at = (time.monotonic(), time.time())
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

    def skip(self, sequence: Sequence[int], notes: Sequence[Note]) -> None:
        """Skip these numbers, which these notes have: this process publishes them itself, after its commit."""
        self._own.update(zip(sequence, notes, strict=True))

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
        connection.add_termination_listener(self._on_end)
        try:
            async with self._still:
                # A server that took over for a lost one may have handed out fewer numbers.
                last = await connection.fetchval("SELECT last_value FROM feed_seq")
                self._last, self._announced = min(self._last, last), min(self._announced, last)
                self._own = {number: note for number, note in self._own.items() if number <= last}
            while True:
                await self._read_new(connection)
                if await self._fill_recent(connection):
                    await asyncio.sleep(_REST_S)
                    continue
                try:
                    async with asyncio.timeout(_POLL_S):
                        await self._notified.wait()
                except TimeoutError:
                    pass
                self._notified.clear()
        finally:
            # What is committed until there is another connection may be gone from the feed then.
            self._recent.forget()
            connection.remove_termination_listener(self._on_end)
            if connection.is_closed():
                # Forgets the listener too, which the pool would otherwise warn of.
                connection.terminate()
            else:
                await connection.remove_listener(FEED_CHANNEL, self._on_notify)

    async def _fill_recent(self, connection: asyncpg.Connection) -> bool:
        with self._keeping_order():
            return await fill_chunk(connection, self._recent)

    def _on_notify(self, connection: object, pid: int, channel: str, payload: str) -> None:
        self._announced = max(self._announced, int(payload))
        self._wake_if_behind()

    def _on_end(self, connection: object) -> None:
        # At once, not with the next look at the feed: what the database cannot be asked, memory does not say either.
        self._recent.forget()
        self._notified.set()

    def _wake_if_behind(self) -> None:
        self._skip_own()
        if self._announced > self._last and not self._still.locked():
            self._notified.set()

    def _skip_own(self) -> None:
        while self._last + 1 in self._own:
            self._last += 1
            self._unapplied.append(self._own.pop(self._last))
        self._apply_own()

    def _apply_own(self) -> None:
        if not self._is_busy:
            for note in self._unapplied:
                self._recent.add(note)
            self._unapplied.clear()
        self._recent.knows_all_own = not self._own and not self._unapplied

    @contextmanager
    def _keeping_order(self) -> Iterator[None]:
        """Let own notes that are committed meanwhile wait for what precedes them."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            self._apply_own()

    async def _read_new(self, connection: asyncpg.Connection) -> None:
        """Publish every row after the last one read, in pages. Numbers can be missing, where a batch was rolled back."""
        while True:
            async with self._still:
                records = await self._read_page(connection)
            asked_s, _ = self._asked_at
            if records:
                with self._keeping_order():
                    # One after another as they are taken: a page of large notes read at once would hold up all others.
                    await self._publish(self._apply(records))
            if len(records) < _PAGE:
                self._recent.confirm_read(asked_s)
            if not records:
                return

    async def _read_page(self, connection: asyncpg.Connection) -> list[asyncpg.Record]:
        """Return the next rows, own ones among them."""
        self._skip_own()
        asked_s = time.monotonic()
        self._see_gaps(asked_s)
        records: list[asyncpg.Record] = await connection.fetch(
            """
            SELECT f.seq, coalesce(f.event, n.event) AS event, f.price_paid_msat, f.previous_price_msat,
                   CASE WHEN f.event IS NULL THEN n.form IS NOT NULL END AS is_ring_note, f.deleted
            FROM feed f LEFT JOIN notes n ON n.id = f.id
            WHERE f.seq > $1 ORDER BY f.seq LIMIT $2
            """,
            self._last,
            _PAGE,
        )
        if records:
            self._last = records[-1]["seq"]
            return records
        if self._own:
            # A server that crashed has emptied the feed.
            self._last = max(self._own)
            self._own.clear()
            self._recent.forget()
            self._apply_own()
        return []

    def _see_gaps(self, asked_s: float) -> None:
        """Forget the recent notes where this process has slept for so long that others may have deleted rows meanwhile."""
        # One of the clocks goes on while a machine is suspended, the other while the first is set back.
        asked_at = (asked_s, time.time())
        if any(now - before > self._keep_s / 2 for before, now in zip(self._asked_at, asked_at, strict=True)):
            self._recent.forget()
        self._asked_at = asked_at

    def _apply(self, records: Iterable[asyncpg.Record]) -> Iterator[Note]:
        """Change the recent notes by what was read, and return what is to be published."""
        for record in records:
            own = self._own.pop(record["seq"], None)
            if own is not None:
                self._recent.add(own)
            elif record["deleted"] is not None:
                self._forget_deleted(record["deleted"])
            # A note that was deleted since has no bytes left.
            elif record["event"] is not None:
                yield self._read_foreign(record)

    def _forget_deleted(self, ids: Sequence[bytes]) -> None:
        if ids:
            self._recent.remove(ids)
        else:
            # So many that they are not named.
            self._recent.forget()

    def _read_foreign(self, record: asyncpg.Record) -> Note:
        note = read_note(
            record["event"],
            price_paid_msat=record["price_paid_msat"],
            previous_price_msat=record["previous_price_msat"],
        )
        if record["is_ring_note"] not in (None, note.claim is not None):
            # Of a form that only another version of the relay reads: what a search finds of it is not known here.
            self._recent.forget()
        else:
            self._recent.add(note)
        return note

    async def prune(self, connection: asyncpg.Connection, now_s: float) -> None:
        """Delete rows that were read `keep_s` ago; `now_s` is monotonic. Rows carry no time, so the age is kept here."""
        self._marks.append((now_s, self._last))
        if now_s - self._marks[0][0] >= self._keep_s:
            _, seq = self._marks.popleft()
            await connection.execute("DELETE FROM feed WHERE seq <= $1", seq)
            # A deleted row stays in the file, with its place in the order, until it is vacuumed.
            await connection.execute("VACUUM feed")
