"""Nostringer's JSON as a note's content: `message`, `ring_members`, `ring_signature`. The ring signs the message."""

import json

from relay.protocol.event import Event, Tag
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import message_only
from relay.verify.claim import Candidate, Claim
from relay.verify.encoding import decode_ring_a

_MEMBERS = ["message", "ring_members", "ring_signature"]


def read_claim(event: Event, max_size: int) -> Claim:
    """Return the claim of a note in this form, with a ring of at most `max_size`. Raises Rejected."""
    message_only.check_envelope(event)
    return read_text(event.content, event.tags, max_size)


def read_text(content: str, tags: tuple[Tag, ...], max_size: int) -> Claim:
    """Return the claim of Nostringer's JSON, and of tags that repeat its words. Raises Rejected."""
    message, keys, text = _read_content(content)
    members = message_only.read_members(keys, max_size)
    signature = decode_ring_a(text, len(members.ring))
    message_only.check_message(message)
    return message_only.build_claim(Form.NOSTRINGER, members, signature, (Candidate(message),), tags)


def read_message(content: str) -> str:
    """Return the message of Nostringer's JSON, without reading a key. Raises Rejected."""
    return _read_content(content)[0]


def _read_content(content: str) -> tuple[str, list[str], str]:
    try:
        value = json.loads(content, object_pairs_hook=_read_members)
    except (ValueError, RecursionError):
        raise _build_refusal() from None
    match value:
        # Only the hook makes tuples, from an object's three members. A nested object is a tuple too, and not a list of keys.
        case (str(message), list(keys), str(text)) if isinstance(value, tuple) and all(
            type(key) is str for key in keys
        ):
            return message, keys, text
        case _:
            raise _build_refusal()


def _read_members(pairs: list[tuple[str, object]]) -> tuple[object, ...]:
    """Return (message, keys, signature) of a JSON object. Raises ValueError for missing, unknown or repeated members."""
    if sorted(name for name, _ in pairs) != _MEMBERS:
        raise ValueError
    members = dict(pairs)
    message = members["message"]
    if isinstance(message, str):
        # Half a surrogate pair has no bytes in UTF-8 that a ring could have signed.
        message.encode()
    return message, members["ring_members"], members["ring_signature"]


def _build_refusal() -> Rejected:
    return Rejected(
        Prefix.INVALID,
        "the content must be a JSON object of message, ring_members (a list of keys) and ring_signature (ringA...), "
        "each once and nothing else: write it as Nostringer does",
    )
