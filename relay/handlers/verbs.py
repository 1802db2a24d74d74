"""The verbs that this relay knows. A new one is a message in protocol/messages, a handler in this room, and a row here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from relay.handlers.auth import handle_auth, refuse_auth
from relay.handlers.close import handle_close, refuse_close
from relay.handlers.context import Client, Services
from relay.handlers.count import handle_count, refuse_count
from relay.handlers.event import handle_event, leave_events, refuse_event
from relay.handlers.negentropy import handle_negentropy, handle_negentropy_end, refuse_negentropy
from relay.handlers.req import handle_req, refuse_req
from relay.limits import Limits
from relay.protocol import messages
from relay.protocol.messages import ClientMessage, Malformed, Parts
from relay.protocol.refusal import Prefix

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Verb(Generic[M]):
    """How a message of one verb is parsed, what answers it, and what answers a frame that is a bad one (else a NOTICE).

    `leave` forgets what a verb remembers of a client, once that is gone. A verb that is not offered is always refused.
    """

    parse: Callable[[Parts, Limits], M]
    handle: Callable[[M, Client, Services], Awaitable[None]]
    refuse: Callable[[str, str, Client, Services], None] | None = None
    leave: Callable[[Client, Services], None] | None = None
    is_offered: bool = True


# The names are labels of the metric. A client with an unknown verb is told those that are offered.
VERBS: dict[str, Verb[Any]] = {
    "EVENT": Verb(messages.parse_publish, handle_event, refuse_event, leave_events),
    "REQ": Verb(messages.parse_req, handle_req, refuse_req),
    "COUNT": Verb(messages.parse_count, handle_count, refuse_count),
    "CLOSE": Verb(messages.parse_close, handle_close, refuse_close),
    "AUTH": Verb(messages.parse_auth, handle_auth, refuse_auth, is_offered=False),
    "NEG-OPEN": Verb(messages.parse_negentropy, handle_negentropy, refuse_negentropy, is_offered=False),
    "NEG-MSG": Verb(messages.parse_negentropy, handle_negentropy, refuse_negentropy, is_offered=False),
    "NEG-CLOSE": Verb(messages.parse_negentropy_end, handle_negentropy_end, is_offered=False),
}


def parse_message(frame: str | bytes, limits: Limits) -> tuple[str, ClientMessage]:
    """Return the verb of a text frame, and its message. Raises Malformed, which knows how to answer."""
    name, parts = messages.split_frame(frame)
    if name not in VERBS:
        offered = [name for name, verb in VERBS.items() if verb.is_offered]
        verbs = " and ".join(", ".join(offered).rsplit(", ", 1))
        raise Malformed(Prefix.INVALID, f"unknown message; this relay knows {verbs}")
    return name, VERBS[name].parse(parts, limits)


def refuse_frame(malformed: Malformed, client: Client, services: Services) -> None:
    """Answer a frame that is no message, as its verb does where it is known what it is about."""
    refuse = VERBS[malformed.verb].refuse if malformed.verb in VERBS else None
    if refuse is None or malformed.subject is None:
        client.outbox.send(messages.encode_notice(str(malformed)))
    else:
        refuse(malformed.subject, str(malformed), client, services)


def leave_all(client: Client, services: Services) -> None:
    """Forget a client that is gone."""
    for verb in VERBS.values():
        if verb.leave is not None:
            verb.leave(client, services)
