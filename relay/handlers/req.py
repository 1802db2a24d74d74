"""A REQ (NIP-01): stored notes page by page, EOSE, then what arrived meanwhile, then live. Nothing is missed in between."""

import asyncio
from functools import partial

from relay.delivery.outbox import Outbox
from relay.delivery.subscriptions import Subscription
from relay.handlers.context import Client, Services
from relay.protocol.event import is_expired
from relay.protocol.filter import with_min_price
from relay.protocol.messages import Req, encode_closed, encode_eose
from relay.protocol.refusal import Rejected

# A stored note can reach this process's feed this much later than the query that already sent it.
_REMEMBER_SENT_S = 10.0


async def handle_req(message: Req, client: Client, services: Services) -> None:
    """Open a subscription; its notes are sent in a task."""
    try:
        filters = with_min_price(message.filters, client.find_tier().min_price_msat)
        client.session.check_req_rate(client.now_s)
        client.session.check_can_open(message.subscription_id, filters)
    except Rejected as rejected:
        refuse_req(message.subscription_id, str(rejected), client, services)
        return
    send_stored = partial(_send_stored, outbox=client.outbox, services=services)
    client.open_subscription(message.subscription_id, filters, send_stored)


def refuse_req(subscription_id: str, text: str, client: Client, _: Services) -> None:
    """Answer with CLOSED, never NOTICE (NIP-01); the subscription that had this id is closed."""
    client.close_subscription(subscription_id)
    client.outbox.send(encode_closed(subscription_id, text))


async def _send_stored(subscription: Subscription, outbox: Outbox, services: Services) -> None:
    """Send what is stored, EOSE, and what came live meanwhile. The subscription was added to the index before.

    Raises Rejected when the query takes too long.
    """
    prefix = subscription.event_prefix
    pages = services.reader.read_pages(subscription.filters, services.limits, services.now)
    async for page in pages:
        subscription.sent.update([row[1] for row in page])
        outbox.send_each(prefix, [row[2] for row in page], b"]")
        if not pages.are_done:
            # A slow reader waits here, and holds no database connection.
            await outbox.drain()
    outbox.send(encode_eose(subscription.id, pages.hint))
    # From here to the end nothing is awaited, so that no live event can come in between.
    subscription.loading = False
    now = services.now()
    for note in subscription.pending:
        if bytes.fromhex(note.event.id) not in subscription.sent and not is_expired(note.event, now):
            outbox.send(prefix, note.encoded, b"]")
    subscription.pending.clear()
    if subscription.sent:
        asyncio.get_running_loop().call_later(_REMEMBER_SENT_S, subscription.sent.clear)
    # The last page goes out with EOSE, in one write. The next query of a client that does not read waits here.
    if outbox.is_congested:
        await outbox.drain()
