"""The form of nips pull request 1894: `ring-members` and `ring-signature` tags, and a ring that signs the content."""

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import message_only
from relay.verify.claim import Candidate, Claim


def find_keys(event: Event, max_size: int) -> tuple[str, ...]:
    """Return what the `ring-members` tag lists, unread: at most `max_size`. Raises Rejected."""
    message_only.check_envelope(event)
    keys = _read_tag_values(event, "ring-members")
    message_only.check_ring_size(len(keys), max_size)
    return keys


def read_claim(event: Event, max_size: int) -> Claim:
    """Return the claim of a note in this form, with a ring of at most `max_size`. Raises Rejected."""
    keys = find_keys(event, max_size)
    values = _read_tag_values(event, "ring-signature")
    if len(values) != 1:
        raise Rejected(Prefix.INVALID, "a ring-signature tag has exactly two elements: put the signature in one text")
    members = message_only.read_members(keys, max_size)
    signature = message_only.read_signature(values[0], len(members.ring))
    message_only.check_message(event.content)
    return message_only.build_claim(Form.NIP97, members, signature, (Candidate(event.content),), event.tags)


def _read_tag_values(event: Event, name: str) -> tuple[str, ...]:
    found = [tag for tag in event.tags if tag[0] == name]
    if len(found) != 1:
        raise Rejected(
            Prefix.INVALID, "this form has exactly one ring-members tag and one ring-signature tag: write each once"
        )
    return found[0][1:]
