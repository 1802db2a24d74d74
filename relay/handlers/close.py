"""A CLOSE (NIP-01): the end of a subscription, which is not answered."""

from relay.handlers.context import Client, Services
from relay.protocol.messages import Close


async def handle_close(message: Close, client: Client, services: Services) -> None:
    """Close a subscription, if it is open."""
    client.close_subscription(message.subscription_id)
