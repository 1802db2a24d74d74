"""Deliver new notes to the matching live subscriptions, in slices. Knows no database and no socket."""

import asyncio
from collections.abc import Iterable

from relay.delivery.subscriptions import Subscriptions
from relay.storage.note import Note

# A whole batch at once would make clients look slow, and keep all others waiting. Smaller slices cost more writes: with
# 3,000 subscribers, slices of 1,000 deliveries gave 75,000 deliveries a second, slices of 10,000 gave 170,000.
_SLICE_BYTES = 262_144
_SLICE_DELIVERIES = 10_000


class Fanout:
    """The publisher of notes to this process's subscriptions."""

    def __init__(self, subscriptions: Subscriptions, slice_deliveries: int = _SLICE_DELIVERIES) -> None:
        self._subscriptions = subscriptions
        self._slice_deliveries = slice_deliveries

    async def publish(self, notes: Iterable[Note]) -> None:
        """Deliver each note, in order, to the owners of matching subscriptions. Between slices the event loop can write."""
        slice_bytes = deliveries = 0
        for note in notes:
            slice_bytes += len(note.encoded)
            for subscription in self._subscriptions.find_matching(note):
                # It may have been closed while the event loop ran.
                if subscription.is_open:
                    subscription.owner.deliver(subscription, note)
                deliveries += 1
                if deliveries >= self._slice_deliveries or slice_bytes > _SLICE_BYTES:
                    slice_bytes = deliveries = 0
                    await asyncio.sleep(0)
