"""A CLOSE (NIP-01): the end of a subscription, which is only answered where it is not right."""

from relay.handlers.context import Client, Services
from relay.protocol.messages import Close, encode_closed


async def handle_close(message: Close, client: Client, services: Services) -> None:
    """Close a subscription, if it is open."""
    client.close_subscription(message.subscription_id)


def refuse_close(subscription_id: str, text: str, client: Client, _: Services) -> None:
    """Answer with CLOSED (NIP-01), and close what was meant, as the client believes it closed."""
    client.close_subscription(subscription_id)
    client.outbox.send(encode_closed(subscription_id, text))
