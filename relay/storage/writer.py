"""Group commit: the notes that wait go into one transaction, and each is answered only after the commit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from relay.limits import INTERNAL_LIMITS
from relay.postgres.errors import DATABASE_FAILURES, is_away
from relay.protocol.event import DELETION_REQUEST
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.at_once import split_ordinary, store_at_once
from relay.storage.deletions import delete_slice
from relay.storage.feed import Feed
from relay.storage.insert import Inserted, insert_batch
from relay.storage.note import Note, count_rows
from relay.storage.row import Result, Row, SaveResult, to_row
from relay.storage.waiting_notes import WaitingNotes
from relay.storage.writer_lock import lock_writers
from relay.turns import Turns

# At full speed a second client's EVENT takes 42 ms in the median with 500, 37 with 64 and 23 with 32, which stores a tenth less.
_MAX_BATCH = 48
# A note over a ring of two hundred, or with as many tags, is not large.
_LARGEST_SMALL_ROWS = 256

# These read notes out of other tables, and learn what became of them, inside one transaction.
Load = Callable[[asyncpg.Connection], Awaitable[Sequence[Note]]]
Conclude = Callable[[asyncpg.Connection, Sequence[Note], Sequence[Result]], Awaitable[None]]
_Conclude = Callable[[asyncpg.Connection, Sequence[Note], Inserted], Awaitable[None]]
# Hears what became of a note, after the commit. Raises nothing.
Answer = Callable[[Result], None]


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
    cost: int
    answer: Answer


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
        self._waiting: Turns[_Waiting] = Turns(_LARGEST_SMALL_ROWS)
        self._arrived = asyncio.Event()

    def submit(self, note: Note, sender: Hashable, answer: Answer) -> None:
        """Store a note, and answer what became of it after the commit. Senders take turns.

        Raises Rejected(error) when too much is waiting.
        """
        if len(self._waiting) >= self._max_waiting:
            raise Rejected(Prefix.ERROR, "too many notes are waiting to be stored; try again later")
        self._waiting.push(_Waiting(note, sender, count_rows(note), answer))
        self._arrived.set()

    async def save(self, note: Note, sender: Hashable = None) -> Result:
        """Store a note and return what became of it, after the commit. Raises as `submit` does."""
        saved: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.submit(note, sender, lambda result: None if saved.done() else saved.set_result(result))
        return await saved

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
        rows = [to_row(waiting.note) for waiting in batch]
        waiting_for = dict(zip(rows, batch, strict=True))
        ordinary, others = split_ordinary(rows)
        if ordinary and not await self._commit_at_once(ordinary, waiting_for):
            others = rows
        if others:
            await self._commit_by_rules([waiting_for[row] for row in others])

    async def _commit_at_once(self, rows: list[Row], waiting_for: Mapping[Row, _Waiting]) -> bool:
        """Store and answer ordinary rows; return whether that is done, and not left to the rules."""
        try:
            async with self._pool.acquire() as connection, self._feed.hold_still():
                started_s = time.perf_counter()
                sequence = await store_at_once(connection, rows)
                if sequence is None:
                    return False
                self._feed.skip(sequence, [row.note for row in rows if row.result is None])
        except (*DATABASE_FAILURES, ValueError) as error:
            if not is_away(error):
                # One bad row never fails its neighbours: each gets a transaction of its own.
                return False
            # The batch's fate may be unknown; its authors are told to try again.
            for row in rows:
                row.result = SaveResult.FAILED
        else:
            self._report(Commit(len(rows), time.perf_counter() - started_s))
        await self._publish([row.note for row in rows if row.result is None])
        for row in rows:
            waiting_for[row].answer(row.result or SaveResult.STORED)
        return True

    async def _commit_by_rules(self, batch: list[_Waiting]) -> None:
        news: list[Note] = []
        results: list[Result | None]
        try:
            inserted = await self._insert([waiting.note for waiting in batch])
            results, news = inserted.saved, inserted.news
        except (*DATABASE_FAILURES, ValueError) as error:
            if is_away(error):
                results = [SaveResult.FAILED] * len(batch)
            else:
                results = [await self._insert_alone(waiting.note, news) for waiting in batch]
        await self._publish(news)
        for waiting, saved in zip(reversed(batch), reversed(results), strict=True):
            if saved is None:
                self._waiting.put_back(waiting)
            else:
                waiting.answer(saved)

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
        async with self._pool.acquire() as connection, self._feed.hold_still():
            started_s = time.perf_counter()
            async with connection.transaction():
                notes = await load(connection)
                inserted = await insert_batch(connection, notes, self._waiting_notes, may_hold=may_hold)
                await conclude(connection, notes, inserted)
            took_s = time.perf_counter() - started_s
            self._feed.skip(inserted.sequence, inserted.news)
        self._report(Commit(len(notes), took_s))
        return inserted
