"""An AUTH (NIP-42): always refused, as it could only tell the relay who a client is."""

from relay.handlers.context import Client, Services
from relay.protocol.messages import Auth, encode_ok

_NO_AUTH = "restricted: this relay asks nobody to authenticate; reading and posting need no AUTH"


async def handle_auth(message: Auth, client: Client, services: Services) -> None:
    """Refuse it."""
    refuse_auth(message.event.id, _NO_AUTH, client, services)


def refuse_auth(event_id: str, text: str, client: Client, services: Services) -> None:
    """Answer with OK (NIP-42)."""
    client.outbox.send(encode_ok(event_id, False, text))
