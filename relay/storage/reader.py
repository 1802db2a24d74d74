"""Read stored notes: their pages, counts, whether an id is there. Never writes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from relay.limits import INTERNAL_LIMITS, Limits
from relay.postgres.errors import DATABASE_AWAY
from relay.postgres.lending_pool import LendingPool
from relay.protocol.filter import Filter
from relay.protocol.messages import CountResult
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.answer_count import find_target
from relay.storage.batched_lookup import BatchedLookup
from relay.storage.conditions import Cursor
from relay.storage.pages import PageRow, Pages
from relay.storage.query import Query, build_answer_count, build_count, build_event, build_named_rings, build_page
from relay.storage.recent_notes import RecentNotes
from relay.verify.answers import read_named_rings

# A page is what one database connection is held for; it goes back to the pool before the page is sent.
_PAGE_ROWS = 100
_PAGE_BYTES = 262_144
# What one look-up asks for at most.
_MAX_LOOKUPS = 100
_TOO_SLOW = "the query took too long; narrow the filter (fewer values, a since, a smaller limit)"
_UNAVAILABLE = "the database is not available; try again later"


@dataclass(frozen=True, slots=True)
class QueryTiming:
    """How long one query took: seconds waited for a connection, seconds the query took."""

    waited_s: float
    took_s: float


class Reader:
    """The stored notes, for queries that only read."""

    def __init__(
        self,
        readers: asyncpg.Pool | LendingPool,
        lookups: asyncpg.Pool | LendingPool,
        report: Callable[[QueryTiming], None],
        *,
        page_rows: int = _PAGE_ROWS,
        page_bytes: int = _PAGE_BYTES,
        max_rings_counted: int = INTERNAL_LIMITS.max_rings_counted,
    ) -> None:
        self._readers = readers
        # Of their own: however long readers' queries take, an EVENT never waits for one.
        self._lookups = lookups
        self._report = report
        self.page_rows = page_rows
        self.page_bytes = page_bytes
        self._max_rings_counted = max_rings_counted
        self._recent = RecentNotes(0)
        self._stored: BatchedLookup[bytes, bool] = BatchedLookup(self._find_stored, _MAX_LOOKUPS)

    def answer_from(self, recent: RecentNotes) -> None:
        """Answer from recent notes in memory from now on, where they can."""
        self._recent = recent

    def read_pages(self, filters: Sequence[Filter], limits: Limits, now: Callable[[], int]) -> Pages:
        """Return the matching notes in pages, newest first; each filter gives at most its limit and the rest of a second.

        `now` is asked at each page: a slow reader must not get what has expired meanwhile (NIP-40).
        """

        async def load(filter_: Filter, after: Cursor | None, rows: int) -> list[PageRow]:
            page = self._recent.find_page(filter_, after, rows, self.page_bytes, now())
            if page is not None:
                return page
            return await self.fetch(build_page(filter_, after, rows, self.page_bytes, now()))

        return Pages(filters, limits, load, self.page_rows)

    async def read_event(self, note_id: bytes, now: int) -> bytes | None:
        """Return the JSON of the note with this id (32 bytes) as it is stored and sent, None if there is none.

        Raises Rejected(error) when there is no database.
        """
        records = await self.fetch(build_event(note_id, now))
        encoded: bytes | None = records[0]["event"] if records else None
        return encoded

    async def count(self, filters: Sequence[Filter], maximum: int, now: int) -> CountResult:
        """Return how many distinct notes match, or how many members answered one target; at most `maximum`.

        Raises Rejected(error) when the query takes too long or there is no database.
        """
        target = find_target(filters)
        if target is not None:
            return await self._count_answers(filters[0], target, maximum, now)
        known = self._recent.count(filters, now)
        if known is not None:
            return CountResult(min(known, maximum), known > maximum)
        records = await self.fetch(build_count(filters, maximum, now))
        count: int = records[0][0]
        return CountResult(min(count, maximum), count > maximum)

    async def _count_answers(self, filter_: Filter, target: str, maximum: int, now: int) -> CountResult:
        records = await self.fetch(build_named_rings(target))
        named = read_named_rings(record[0].decode(errors="replace") for record in records)
        groups = await self.fetch(build_answer_count(filter_, named, maximum, self._max_rings_counted, now))
        rings = {group["ring_id"].hex(): group["members"] for group in groups if group["ring_id"] is not None}
        if not groups:
            return CountResult(0, is_of_members=True, rings=None if named else {})
        first = groups[0]
        return CountResult(
            min(first["counted"], maximum),
            first["seen"] > maximum,
            # Of plain notes anybody can post any number.
            is_of_members=not first["has_plain"],
            rings=None if named else rings,
        )

    async def is_stored(self, event_id: str) -> bool:
        """Return whether an id is stored. What waits to be published is not: who sends it again hears the same as before.

        Raises Rejected(error) when there is no database.
        """
        key = bytes.fromhex(event_id)
        return self._recent.has(key) or key in await self._stored.look_up(key)

    async def _find_stored(self, ids: Sequence[bytes]) -> dict[bytes, bool]:
        query = Query("SELECT id FROM notes WHERE id = ANY($1::bytea[])", (ids,))
        return {record["id"]: True for record in await self._look_up(query)}

    async def check_database(self) -> None:
        """Raise Rejected(error) when the database does not answer."""
        await self._look_up(Query("SELECT 1", ()))

    async def _look_up(self, query: Query) -> list[asyncpg.Record]:
        return await self._fetch_from(self._lookups, query, too_slow=_UNAVAILABLE)

    async def fetch(self, query: Query) -> list[asyncpg.Record]:
        """Run one reader's query. Raises Rejected(error) when it takes too long or there is no database."""
        return await self._fetch_from(self._readers, query, too_slow=_TOO_SLOW)

    async def _fetch_from(
        self, pool: asyncpg.Pool | LendingPool, query: Query, *, too_slow: str
    ) -> list[asyncpg.Record]:
        """Run one query on a pooled connection, which is free again when this returns; cancelling cancels the query.

        Raises Rejected(error) when it takes too long or there is no database.
        """
        asked_s = time.perf_counter()
        try:
            async with pool.acquire() as connection:
                got_s = time.perf_counter()
                records: list[asyncpg.Record]
                if query.is_reusable:
                    records = await connection.fetch(query.text, *query.arguments)
                else:
                    # Unnamed and past asyncpg's cache: a plan never used again would stay in the server's memory.
                    records = await (await connection.prepare(query.text, name="")).fetch(*query.arguments)
        except asyncpg.QueryCanceledError:
            raise Rejected(Prefix.ERROR, too_slow) from None
        except DATABASE_AWAY:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None
        self._report(QueryTiming(got_s - asked_s, time.perf_counter() - got_s))
        return records
