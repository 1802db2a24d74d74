"""Hand new notes to the live subscriptions they match, a slice a loop turn. Knows no database and no socket."""

import asyncio
from collections.abc import Iterable

from relay.note import Note
from relay.subscriptions import Subscriptions

# A batch of large notes handed over at once would look like clients that do not read.
_SLICE_BYTES = 262_144


class Fanout:
    """Publish notes to one process's subscriptions."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def publish(self, notes: Iterable[Note]) -> None:
        """Deliver each note to the owners of the subscriptions it matches, in order, and let the loop write in between."""
        slice_bytes = 0
        for note in notes:
            for subscription in self._subscriptions.matching(note.event):
                subscription.owner.deliver(subscription, note)
            slice_bytes += len(note.encoded)
            if slice_bytes > _SLICE_BYTES:
                slice_bytes = 0
                await asyncio.sleep(0)
