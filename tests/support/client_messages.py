"""A client's messages written out, as relay/ reads them back."""

from typing import Any
from urllib.parse import quote

import msgspec

from relay.protocol.event import encode_event
from relay.protocol.filter import Filter
from relay.protocol.messages import Auth, ClientMessage, Close, Count, Negentropy, NegentropyEnd, Publish, Req
from relay.protocol.search import Search

_encode = msgspec.json.Encoder().encode


def encode_client_message(message: ClientMessage) -> bytes:
    """Encode a client's message to the frame that parse reads back to the same message."""
    match message:
        case Publish(event):
            return b'["EVENT",' + encode_event(event) + b"]"
        case Auth(event):
            return b'["AUTH",' + encode_event(event) + b"]"
        case Req(subscription_id, filters):
            return _encode(["REQ", subscription_id, *map(write_filter, filters)])
        case Count(subscription_id, filters):
            return _encode(["COUNT", subscription_id, *map(write_filter, filters)])
        case Close(subscription_id):
            return _encode(["CLOSE", subscription_id])
        case Negentropy(subscription_id):
            return _encode(["NEG-OPEN", subscription_id, {}, "61"])
        case NegentropyEnd():
            return _encode(["NEG-CLOSE", "n"])


def write_filter(filter_: Filter) -> dict[str, Any]:
    """Return the JSON object that parse_filter reads back to the same filter."""
    fields: dict[str, Any] = {}
    for name in ("ids", "authors", "kinds"):
        values = getattr(filter_, name)
        if values is not None:
            fields[name] = sorted(values)
    for letter, tag_values in filter_.tags:
        fields["#" + letter] = sorted(tag_values)
    if filter_.search:
        fields["search"] = write_search(filter_.search)
    for name in ("since", "until", "limit"):
        value = getattr(filter_, name)
        if value is not None:
            fields[name] = value
    return fields


def write_search(search: Search) -> str:
    """Return the text that parse_search reads back to the same search."""
    return " ".join(f"{key}:{quote(value) if key == 'scope' else value}" for key, value in sorted(search))
