"""Nostringer's JSON as a note's content: `message`, `ring_members`, `ring_signature`. The ring signs the message."""

import json

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import message_bound
from relay.verify.claim import Candidate, Claim
from relay.verify.encoding import decode_ring_a

_MEMBERS = ["message", "ring_members", "ring_signature"]


def read_claim(event: Event, max_size: int) -> Claim:
    """Return what a note in this form claims, by a ring of at most `max_size`. Raises Rejected."""
    message_bound.check_envelope(event)
    message, keys, text = _read_content(event.content)
    ring = message_bound.read_ring(keys, max_size)
    signature = decode_ring_a(text, len(ring))
    message_bound.check_message(message)
    return message_bound.build_claim(Form.NOSTRINGER, ring, signature, (Candidate(message),))


def _read_content(content: str) -> tuple[str, list[str], str]:
    try:
        value = json.loads(content, object_pairs_hook=_take_members)
    except (ValueError, RecursionError):
        raise _refuse() from None
    match value:
        # Only the hook makes tuples, of an object's three members; an object among the members is no list of keys.
        case (str(message), list(keys), str(text)) if isinstance(value, tuple) and all(
            type(key) is str for key in keys
        ):
            return message, keys, text
        case _:
            raise _refuse()


def _take_members(pairs: list[tuple[str, object]]) -> tuple[object, ...]:
    """Turn a JSON object into (message, keys, signature). Raises ValueError for missing, unknown and repeated members."""
    if sorted(name for name, _ in pairs) != _MEMBERS:
        raise ValueError
    members = dict(pairs)
    message = members["message"]
    if isinstance(message, str):
        # Half a surrogate pair is no text: there are no bytes that a ring could have signed.
        message.encode()
    return message, members["ring_members"], members["ring_signature"]


def _refuse() -> Rejected:
    return Rejected(
        Prefix.INVALID,
        "the content must be a JSON object of message, ring_members (a list of keys) and ring_signature (ringA...), "
        "each once and nothing else: write it as Nostringer does",
    )
