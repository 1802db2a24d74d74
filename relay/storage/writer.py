"""Group commit: the notes that wait go into one transaction, and each is answered only after the commit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass

import asyncpg

from relay.limits import INTERNAL_LIMITS
from relay.policy.index_rows import count_touched_rows
from relay.postgres.errors import DATABASE_FAILURES, is_away
from relay.protocol.event import DELETION_REQUEST
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.deletions import delete_slice
from relay.storage.feed import Feed
from relay.storage.insert import Inserted, insert_batch
from relay.storage.note import Note
from relay.storage.row import Result, SaveResult, to_row
from relay.storage.turns import Turns
from relay.storage.waiting_notes import WaitingNotes
from relay.storage.writer_lock import lock_writers

_MAX_BATCH = 500

# These read notes out of other tables, and learn what became of them, inside one transaction.
Load = Callable[[asyncpg.Connection], Awaitable[Sequence[Note]]]
Conclude = Callable[[asyncpg.Connection, Sequence[Note], Sequence[Result]], Awaitable[None]]
_Conclude = Callable[[asyncpg.Connection, Sequence[Note], Inserted], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Commit:
    """One committed batch: how many notes, and seconds from BEGIN to COMMIT."""

    notes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Stored:
    """What became of each note of a batch of which none was postponed, and those to be published."""

    saved: list[Result]
    news: list[Note]


@dataclass(eq=False, slots=True)
class _Waiting:
    note: Note
    sender: Hashable
    rows: int
    saved: asyncio.Future[Result]


class TooMuchReplacedError(Exception):
    """Versions that replace more than one transaction may delete. Alone each of them fits."""


class _PostponedError(Exception):
    """The rollback of a transaction that must store all of its notes, and found one that would delete too much."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self.notes = notes


class Writer:
    """The only writer of notes, one transaction after another; `keep_committing` runs in a task that the caller owns."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        feed: Feed,
        publish: Callable[[Sequence[Note]], Awaitable[None]],
        report: Callable[[Commit], None],
        waiting: WaitingNotes | None = None,
        max_waiting: int = INTERNAL_LIMITS.max_waiting_notes,
    ) -> None:
        self._pool = pool
        self._feed = feed
        self._publish = publish
        self._report = report
        self._waiting_notes = waiting
        self._max_waiting = max_waiting
        self._waiting: Turns[_Waiting] = Turns()
        self._arrived = asyncio.Event()

    async def save(self, note: Note, sender: Hashable = None) -> Result:
        """Store a note and return what became of it, after the commit. Senders take turns.

        Raises Rejected(error) when too much is waiting.
        """
        if len(self._waiting) >= self._max_waiting:
            raise Rejected(Prefix.ERROR, "too many notes are waiting to be stored; try again later")
        rows = count_touched_rows(note.event, note.claim)
        waiting = _Waiting(note, sender, rows, asyncio.get_running_loop().create_future())
        self._waiting.push(waiting)
        self._arrived.set()
        return await waiting.saved

    async def keep_committing(self) -> None:
        """Commit what waits until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._commit(self._waiting.pop_batch(_MAX_BATCH, INTERNAL_LIMITS.max_batch_rows))

    async def settle(self, load: Load, conclude: Conclude) -> Sequence[Result]:
        """Store what `load` returns, in one transaction with what it and `conclude` write; publish it after the commit.

        Both run under the writer's lock. Returns what became of each note. Raises DATABASE_FAILURES.
        """
        return await self._settle(load, conclude, may_hold=True)

    async def publish(self, load: Load, conclude: Conclude) -> None:
        """Store what `load` returns as `settle` does, though it waited: nothing of it is held again.

        Raises TooMuchReplacedError, too, for more than one note.
        """
        await self._settle(load, conclude, may_hold=False)

    async def _settle(self, load: Load, conclude: Conclude, *, may_hold: bool) -> Sequence[Result]:

        async def load_locked(connection: asyncpg.Connection) -> Sequence[Note]:
            await lock_writers(connection)
            return await load(connection)

        while True:
            try:
                stored = await self._store_all(load_locked, conclude, may_hold=may_hold)
            except _PostponedError as postponed:
                requests = [note for note in postponed.notes if note.event.kind == DELETION_REQUEST]
                if not requests:
                    # What a version replaces goes with its insertion, not ahead of it.
                    raise TooMuchReplacedError from None
                await self._delete_ahead(requests)
            else:
                await self._publish(stored.news)
                return stored.saved

    async def _delete_ahead(self, requests: Sequence[Note]) -> None:
        """Delete what requests name, in slices between which others have their turns, until little is left."""
        for note in requests:
            is_done = False
            while not is_done:
                async with self._pool.acquire() as connection, connection.transaction():
                    await lock_writers(connection)
                    is_done = await delete_slice(connection, to_row(note))

    async def _commit(self, batch: list[_Waiting]) -> None:
        news: list[Note] = []
        results: list[Result | None]
        try:
            inserted = await self._insert([waiting.note for waiting in batch])
            results, news = inserted.saved, inserted.news
        except (*DATABASE_FAILURES, ValueError) as error:
            if is_away(error):
                # The batch's fate may be unknown; its authors are told to try again.
                results = [SaveResult.FAILED] * len(batch)
            else:
                # One bad row never fails its neighbours: each gets a transaction of its own.
                results = [await self._insert_alone(waiting.note, news) for waiting in batch]
        await self._publish(news)
        for waiting, saved in zip(reversed(batch), reversed(results), strict=True):
            if saved is None:
                self._waiting.put_back(waiting)
            elif not waiting.saved.done():
                waiting.saved.set_result(saved)

    async def _insert_alone(self, note: Note, news: list[Note]) -> Result | None:
        try:
            inserted = await self._insert([note])
        except (*DATABASE_FAILURES, ValueError):
            return SaveResult.FAILED
        news.extend(inserted.news)
        return inserted.saved[0]

    async def _insert(self, notes: Sequence[Note]) -> Inserted:
        async def load(_: asyncpg.Connection) -> Sequence[Note]:
            return notes

        async def conclude(_: asyncpg.Connection, __: Sequence[Note], ___: Inserted) -> None:
            return

        return await self._store(load, conclude, may_hold=True)

    async def _store_all(self, load: Load, conclude: Conclude, *, may_hold: bool) -> _Stored:
        """Store notes of which none can be postponed. Raises _PostponedError where one would be."""
        saved: list[Result] = []

        async def conclude_all(connection: asyncpg.Connection, notes: Sequence[Note], inserted: Inserted) -> None:
            left = [note for note, result in zip(notes, inserted.saved, strict=True) if result is None]
            if left:
                raise _PostponedError(left)
            saved.extend(result for result in inserted.saved if result is not None)
            await conclude(connection, notes, saved)

        inserted = await self._store(load, conclude_all, may_hold=may_hold)
        return _Stored(saved, inserted.news)

    async def _store(self, load: Load, conclude: _Conclude, *, may_hold: bool) -> Inserted:
        sequence: list[int] = []
        try:
            async with self._pool.acquire() as connection:
                started_s = time.perf_counter()
                async with connection.transaction():
                    notes = await load(connection)
                    inserted = await insert_batch(connection, notes, self._waiting_notes, may_hold=may_hold)
                    sequence = inserted.sequence
                    await conclude(connection, notes, inserted)
                    # Before the commit: its notification may overtake this task.
                    self._feed.mark_own(sequence)
                took_s = time.perf_counter() - started_s
        except (*DATABASE_FAILURES, ValueError):
            # If only the answer to the commit was lost, the feed brings these notes to our subscribers.
            self._feed.unmark_own(sequence)
            raise
        self._feed.confirm_own(sequence)
        self._report(Commit(len(notes), took_s))
        return inserted
