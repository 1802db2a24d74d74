"""All that a relay has stored for some filters, read page after page (NIP-67). A relay is untrusted: every loop here ends.

Knows nothing of what the events are for.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from relay.client.network.subscription import Signal, stream_events
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.protocol.event import Event

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

# What is remembered of them takes some 70 MB.
_MAX_EVENTS = 1_000_000
_MAX_PAGES = 2_000


async def stream_feeds(
    connection: "ClientConnection", filters: Sequence[Mapping[str, Any]]
) -> AsyncGenerator[Event | Signal]:
    """Yield each stored event once, unverified, and signals: the end of each page, and what comes again. Ends by itself.

    Each filter is read by itself and gives at most its limit, however much the relay sends. Raises BadInput when the relay
    closes the subscription, the connection is lost, or there is no end.
    """
    seen: set[int] = set()
    for filter_ in filters:
        feed = _Feed(filter_)
        async with aclosing(feed.stream(connection)) as incoming:
            async for found in incoming:
                if isinstance(found, Event) and hash(found) in seen:
                    yield Signal.REPEATED
                else:
                    yield found
        seen |= feed.seen


class _Feed:
    """What is read of one filter, and from where it is read on."""

    def __init__(self, filter_: Mapping[str, Any]) -> None:
        self._filter = filter_
        limit = filter_.get("limit")
        self._room = limit if isinstance(limit, int) else _MAX_EVENTS + 1
        self._until: int | None = None
        self._oldest: int | None = None
        # The second that a page did not get beyond, and whether the relay said that it has more.
        self._stuck_at: int | None = None
        self._is_cut_off = False
        # The hashes of whole events: a forged one must not hide that whose id it has.
        self.seen: set[int] = set()

    async def stream(self, connection: "ClientConnection") -> AsyncGenerator[Event | Signal]:
        """Yield the events of all pages."""
        for _ in range(_MAX_PAGES):
            known = len(self.seen)
            asked = self._filter if self._until is None else {**self._filter, "until": self._until}
            end = Signal.END_OF_STORED
            self._oldest = None
            async with aclosing(stream_events(connection, [asked])) as incoming:
                async for found in incoming:
                    if isinstance(found, Signal) and found.ends_stored:
                        end = found
                        break
                    if len(self.seen) >= self._room:
                        return
                    yield self._take(found)
            yield end
            if not self._read_on(end, has_new=len(self.seen) > known):
                return
        raise BadInput(self._explain_end())

    def _take(self, found: Event | Signal) -> Event | Signal:
        if isinstance(found, Signal):
            return found
        self._oldest = found.created_at if self._oldest is None else min(self._oldest, found.created_at)
        if hash(found) in self.seen:
            return Signal.REPEATED
        if len(self.seen) == _MAX_EVENTS:
            raise BadInput(self._explain_end())
        self.seen.add(hash(found))
        return found

    def _read_on(self, end: Signal, *, has_new: bool) -> bool:
        """Set where the next page begins; return False where there is none."""
        if self._stuck_at is not None and (has_new or self._is_cut_off):
            _warn_of_second(self._stuck_at)
        if end is Signal.ALL_SENT or len(self.seen) >= self._room:
            return False
        if self._oldest is None or (self._stuck_at is not None and not has_new):
            return False
        until = self._oldest if self._until is None else min(self._oldest, self._until)
        # Without NIP-67 a relay stops within a second that has more events than it sends at once. What is older is still read.
        self._until, self._stuck_at = (until, None) if has_new else (until - 1, until)
        self._is_cut_off = end is Signal.MORE_STORED
        return self._until >= 0

    def _explain_end(self) -> str:
        return (
            f"the relay sent {len(self.seen)} events and there is no end of them: "
            f"read on with --until {self._oldest if self._oldest is not None else self._until}, or ask for fewer"
        )


def _warn_of_second(second: int) -> None:
    print_notice(
        f"the relay may have more notes of the second {second} than it sends at once: "
        f"ask for them with --since {second} --until {second}, and by --kind, --tag or what the ring proves"
    )
