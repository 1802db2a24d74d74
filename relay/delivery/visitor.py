"""What the clients of one network may do by plain HTTP, all together. Knows no request and no address.

Each request by HTTP is a connection of its own, so that bounds of a connection would bound nothing. A network that is not
known, such as that of the clients of Tor, shares nothing: each of its connections is a visitor of its own.
"""

import asyncio
from collections.abc import Sequence

from relay.delivery.session import Session
from relay.limits import Limits
from relay.policy.rate_limit import TokenBucket

_MINUTE_S = 60


class Visitor:
    """One network's session for notes that are sent as forms, and its reads of pages."""

    def __init__(self, limits: Limits, now_s: float, held_shares: Sequence[TokenBucket] = ()) -> None:
        # It outlasts the connections of its notes, and must not know these any longer than they last.
        self.session = Session(limits, now_s, held_shares, remembers_notes=False)
        self.event_slots = asyncio.Semaphore(limits.max_events_in_flight)
        reads = limits.max_page_reads_per_minute
        self._page_reads = TokenBucket(reads / _MINUTE_S, reads, now_s)

    def try_read_page(self, now_s: float) -> bool:
        """Count a page that must be rendered, and return whether it may be. `now_s` is monotonic."""
        return self._page_reads.try_take(now_s)

    def is_as_new(self, now_s: float) -> bool:
        """Return whether forgetting this visitor would allow nothing more. `now_s` is monotonic."""
        return self._page_reads.is_full(now_s) and self.session.is_as_new(now_s)
