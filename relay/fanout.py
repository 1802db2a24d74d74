"""Hand new notes to the live subscriptions they match, a slice a loop turn. Knows no database and no socket."""

import asyncio
from collections.abc import Iterable

from relay.note import Note
from relay.subscriptions import Subscriptions

# A batch handed over at once would look like clients that do not read, and keep everybody else waiting: so many
# deliveries take about 5 ms.
_SLICE_BYTES = 262_144
_SLICE_DELIVERIES = 1_000


class Fanout:
    """Publish notes to one process's subscriptions."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def publish(self, notes: Iterable[Note]) -> None:
        """Deliver each note to the owners of the subscriptions it matches, in order, and let the loop write in between."""
        slice_bytes = deliveries = 0
        for note in notes:
            slice_bytes += len(note.encoded)
            for subscription in self._subscriptions.matching(note.event):
                # It may have been closed while the loop had its turn.
                if subscription.is_open:
                    subscription.owner.deliver(subscription, note)
                deliveries += 1
                if deliveries >= _SLICE_DELIVERIES or slice_bytes > _SLICE_BYTES:
                    slice_bytes = deliveries = 0
                    await asyncio.sleep(0)
