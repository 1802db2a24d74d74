"""NEG-OPEN, NEG-MSG and NEG-CLOSE (NIP-77): no sync is offered here."""

from relay.handlers.context import Client, Services
from relay.protocol.messages import Negentropy, NegentropyEnd, encode_negentropy_error

_NO_SYNC = "blocked: this relay offers no sync (NIP-77); ask for events with REQ"


async def handle_negentropy(message: Negentropy, client: Client, services: Services) -> None:
    """Refuse it."""
    refuse_negentropy(message.subscription_id, _NO_SYNC, client, services)


async def handle_negentropy_end(_: NegentropyEnd, __: Client, ___: Services) -> None:
    """Do nothing: no sync is open, and the end of one is not answered."""


def refuse_negentropy(subscription_id: str, text: str, client: Client, _: Services) -> None:
    """Answer with NEG-ERR (NIP-77)."""
    client.outbox.send(encode_negentropy_error(subscription_id, text))
