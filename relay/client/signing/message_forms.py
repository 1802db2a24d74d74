"""Notes in message-only forms, for other relays' readers: the ring signs the message, and nothing else of the event.

Forms B, C and D of docs/ring-notes.md; relay/verify/ reads them back.
"""

import json
from collections.abc import Sequence

from coincurve import PrivateKey

from relay.client.signing.draft import Draft
from relay.client.signing.envelope import sign_event
from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol import nip19
from relay.protocol.event import Event, Tag
from relay.protocol.refusal import Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.verify.encoding import encode_ring_a
from relay.verify.message_only import MIN_RING, RESERVED_START, TEXT_NOTE
from relay.verify.repeated_tags import check_names, check_repeated
from relay.verify.ring_equations import lift_x


def make_message_note(draft: Draft, author: PrivateKey) -> Event:
    """Return a text note (kind 1) in a form in which the ring signs the draft's content only.

    The scope goes into the signature of a linkable note. Raises ValueError for what no reader would accept.
    """
    members = sorted(draft.ring)
    _check_draft(draft)
    own_tags, content = _write_parts(draft, members, _sign_content(draft, members))
    return sign_event(author, draft.created_at, TEXT_NOTE, (*draft.tags, *own_tags), content, draft.pow_bits)


def _check_draft(draft: Draft) -> None:
    if len(draft.ring) < MIN_RING:
        raise ValueError(f"in this form a ring needs {MIN_RING} members or more")
    if not draft.content or draft.content.startswith(RESERVED_START):
        raise ValueError("in this form the message must not be empty, nor begin as a bound note's signed text does")
    if draft.form is Form.TEXT and draft.content != draft.content.strip():
        raise ValueError("in the text form readers strip the message: take the white space around it away")
    try:
        check_names(tuple(draft.tags))
        check_repeated(tuple(draft.tags), draft.content)
    except Rejected as rejected:
        raise ValueError(f"in this form the ring does not sign the tags, and {rejected.reason}") from None


def _sign_content(draft: Draft, members: Sequence[bytes]) -> str:
    points = [lift_x(key) for key in members]
    message = draft.content.encode()
    if draft.scheme is Scheme.SAG:
        return encode_ring_a(sign_sag(message, points, draft.secret))
    return encode_ring_a(sign_blsag(message, points, draft.secret, draft.scope))


def _write_parts(draft: Draft, members: Sequence[bytes], signature: str) -> tuple[tuple[Tag, ...], str]:
    """Return the tags and the content that carry message, members and signature."""
    hex_keys = [key.hex() for key in members]
    match draft.form:
        case Form.NIP97:
            return (("ring-members", *hex_keys), ("ring-signature", signature)), draft.content
        case Form.NOSTRINGER:
            parts = {"message": draft.content, "ring_members": hex_keys, "ring_signature": signature}
            return (), json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        case Form.TEXT:
            npubs = "\n".join(map(nip19.encode_npub, members))
            return (), f"{draft.content}\n\nRing:\n{npubs}\n{signature}"
        case Form.BOUND:
            raise ValueError("the bound form is made by make_bound_note")
