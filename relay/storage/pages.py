"""Pages of stored notes: each filter's up to its limit and to the end of the last second, merged. Knows no SQL.

Authors round created_at, so many notes share a second. A client that reads on with `until` = the oldest created_at that it
has would never get the notes of that second that its limit cut off, so none are cut off (NIP-67).
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Union

import msgspec

from relay.limits import Limits
from relay.protocol.filter import Filter
from relay.protocol.messages import Hint
from relay.storage.conditions import Cursor

if TYPE_CHECKING:
    from asyncpg import Record

# The columns of build_page: created_at, id, and the event or None.
PageRow = Union["Record", tuple[int, bytes, Any]]
_CREATED_AT: Final = 0
_ID: Final = 1
_EVENT: Final = 2
# Reads at most so many rows of a filter that follow a cursor. Of those that do not fit into the page the event is missing.
Load = Callable[[Filter, Cursor | None, int], Awaitable[list[PageRow]]]
# Read with the last page, to find the end of its second.
_EXTRA_ROWS = 5


def _rank(row: PageRow) -> tuple[int, bytes]:
    """Return what rows are in order by: newest first, ties lowest id first (NIP-01)."""
    return -row[_CREATED_AT], row[_ID]


class Pages:
    """The notes that match some filters, newest first, each once. They are read once.

    A row has created_at, the id (32 bytes) and the event as it is sent.
    """

    def __init__(self, filters: Sequence[Filter], limits: Limits, load: Load, page_rows: int) -> None:
        self._streams = [_Stream(filter_, limits, load, page_rows) for filter_ in filters]
        self._sent: set[bytes] = set()

    @property
    def hint(self) -> Hint | None:
        """Return whether all that match were sent (NIP-67), once all pages are read; None where that is not known."""
        left_out = [stream.left_out for stream in self._streams if stream.left_out is not None]
        # What one filter leaves out, another may have brought. Then nothing is known of what follows it.
        if any(id_ not in self._sent for id_ in left_out):
            return Hint.MORE
        # Nor is it of what is stored for the filter of `limit: 0`, which asks for none of it.
        return None if left_out or any(stream.limit == 0 for stream in self._streams) else Hint.FINISH

    @property
    def are_done(self) -> bool:
        """Return whether the last page was given."""
        return all(stream.is_done and not stream.page for stream in self._streams)

    async def __aiter__(self) -> AsyncIterator[list[PageRow]]:
        """Yield the notes in pages. Raises Rejected(error) when a query takes too long or there is no database."""
        streams, sent = self._streams, self._sent
        while True:
            for stream in streams:
                await stream.fill()
            open_streams = [stream for stream in streams if stream.page]
            if not open_streams:
                return
            if len(streams) == 1:
                yield streams[0].take_all()
                continue
            # What sorts after the end of any stream's loaded part may still be preceded by rows not loaded yet.
            horizon = min(_rank(stream.page[-1]) for stream in open_streams)
            page = sorted((row for stream in open_streams for row in stream.take_until(horizon)), key=_rank)
            fresh = {row[1]: row for row in page if row[1] not in sent}
            sent.update(fresh)
            if fresh:
                yield list(fresh.values())


class _Stream:
    """The results of one filter, page after page, and the first one that is left out."""

    def __init__(self, filter_: Filter, limits: Limits, load: Load, page_rows: int) -> None:
        self._filter = filter_
        self.limit = limits.default_limit if filter_.limit is None else filter_.limit
        self._max_ties = limits.max_ties
        # Mostly a second has few notes: then one statement reads all of it, in place of two.
        self._extra = min(_EXTRA_ROWS, limits.max_ties)
        self._load = load
        self._page_rows = page_rows
        # How many more may be taken: of all that match, or of the last second.
        self._remaining = self.limit
        self._until = filter_.until if limits.max_ties else None
        self._after: Cursor | None = None
        # NIP-01: `limit: 0` asks for live events only.
        self.is_done = self.limit == 0
        self.left_out: bytes | None = None
        self.page: list[PageRow] = []

    async def fill(self) -> None:
        """Load the next page if the last one is used up and there is more."""
        while not self.page and not self.is_done:
            await self._load_page()

    async def _load_page(self) -> None:
        # With the last page come a few rows more, which say how it ends.
        rows = self._page_rows if self._remaining > self._page_rows else self._remaining + 1 + self._extra
        records = await self._load(self._filter, self._after, rows)
        is_all = len(records) < rows
        while records and records[-1][_EVENT] is None:
            # It did not fit into the page.
            records.pop()
            is_all = False
        if self._after is not None and self._after.is_in_last_second:
            beyond = self._take_ties(records)
        else:
            taken, beyond = records[: self._remaining], records[self._remaining :]
            self._take(taken)
        if beyond:
            self._end_at(beyond)
        elif is_all:
            self.is_done = True

    def _take(self, records: list[PageRow]) -> None:
        self.page += records
        self._remaining -= len(records)
        if records:
            is_in_last_second = self._after is not None and self._after.is_in_last_second
            self._after = Cursor(records[-1][_CREATED_AT], records[-1][_ID], is_in_last_second)

    def _end_at(self, beyond: list[PageRow]) -> None:
        """End before rows that are there, or go on to the end of the second that they share."""
        last = self._after
        if last is not None:
            if last.created_at == beyond[0][_CREATED_AT] and self._max_ties and not last.is_in_last_second:
                self._after = Cursor(last.created_at, last.id, is_in_last_second=True)
                self._remaining = self._max_ties
                beyond = self._take_ties(beyond)
                if not beyond:
                    return
            if last.created_at == self._until and beyond[0][_CREATED_AT] != self._until:
                self._go_past(last.created_at)
                return
        self.left_out = beyond[0][_ID]
        self.is_done = True

    def _take_ties(self, records: list[PageRow]) -> list[PageRow]:
        """Take what is of the last second, as far as there is room, and return the rest."""
        last = self._after
        ties = [record for record in records if last is not None and record[_CREATED_AT] == last.created_at]
        taken = ties[: self._remaining]
        self._take(taken)
        return records[len(taken) :]

    def _go_past(self, until: int) -> None:
        """Begin again before the second of `until`. Its notes used the limit up, and whoever reads on has them.

        Otherwise no later page would bring anything new. It is done once, so that an answer stays bounded.
        """
        self._filter = msgspec.structs.replace(self._filter, until=until - 1)
        self._until, self._after, self._remaining = None, None, self.limit

    def take_all(self) -> list[PageRow]:
        """Remove and return the loaded rows."""
        taken, self.page = self.page, []
        return taken

    def take_until(self, horizon: tuple[int, bytes]) -> list[PageRow]:
        """Remove and return the loaded rows up to a rank, inclusive."""
        end = bisect_right(self.page, horizon, key=_rank)
        taken, self.page = self.page[:end], self.page[end:]
        return taken
