"""A REQ: stored notes page by page, EOSE, then what arrived meanwhile, then live. Closes the gap between stored and live."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from relay.delivery.outbox import Outbox
from relay.delivery.subscriptions import Subscription
from relay.limits import Limits
from relay.protocol.event import is_expired
from relay.protocol.messages import encode_eose, encode_event_prefix
from relay.storage.reader import Store

# A stored note can reach this process's feed this much later than the query that already sent it.
_REMEMBER_SENT_S = 10.0


@dataclass(frozen=True, slots=True)
class ReqHandler:
    """Send stored notes to subscriptions."""

    limits: Limits
    store: Store
    now: Callable[[], int]

    async def send_stored(self, subscription: Subscription, outbox: Outbox) -> None:
        """Send what is stored, EOSE, and what came live meanwhile. The subscription was added to the index before.

        Raises Rejected when the query takes too long.
        """
        prefix = encode_event_prefix(subscription.id)
        # NIP-01: `limit: 0` asks for live events only.
        filters = [filter_ for filter_ in subscription.filters if filter_.limit != 0]
        if filters:
            async for page in self.store.read_pages(filters, self.limits.default_limit, self.now):
                for row in page:
                    subscription.sent.add(row.id)
                    outbox.send(prefix, row.encoded, b"]")
                # A slow reader waits here, and holds no database connection.
                await outbox.drain()
        outbox.send(encode_eose(subscription.id))
        # From here to the end nothing is awaited, so that no live event can come in between.
        subscription.loading = False
        now = self.now()
        for note in subscription.pending:
            if bytes.fromhex(note.event.id) not in subscription.sent and not is_expired(note.event, now):
                outbox.send(prefix, note.encoded, b"]")
        subscription.pending.clear()
        asyncio.get_running_loop().call_later(_REMEMBER_SENT_S, subscription.sent.clear)
