"""A COUNT (NIP-45): how many stored notes match, or how many ring members answered."""

from collections.abc import Callable
from dataclasses import dataclass

from relay.limits import Limits
from relay.protocol.messages import Count, encode_count
from relay.storage.reader import Store


@dataclass(frozen=True, slots=True)
class CountHandler:
    """Answer COUNTs."""

    limits: Limits
    store: Store
    now: Callable[[], int]

    async def answer(self, message: Count) -> bytes:
        """Return the COUNT reply; above `max_count` it is marked approximate. Raises Rejected when it takes too long."""
        counted = await self.store.count(message.filters, self.limits.max_count, self.now())
        return encode_count(message.subscription_id, counted)
