"""Writing ring notes for other relays' readers: in these forms the ring signs the words, and nothing else of the event.

Forms B, C and D of relay/verify/proof.py, which reads them back.
"""

import json
from collections.abc import Sequence

from coincurve import PrivateKey

from relay.client.signing.envelope import sign_event
from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol import nip19
from relay.protocol.event import Event, Tag
from relay.protocol.ring_terms import Form, Scheme
from relay.verify.encoding import encode_ring_a
from relay.verify.message_only import MIN_RING, RESERVED_START, TEXT_NOTE, UNSIGNED_TAGS
from relay.verify.ring_equations import lift_x


def make_other_note(
    form: Form,
    *,
    ring: Sequence[bytes],
    secret: bytes,
    scheme: Scheme,
    scope: str | None,
    content: str,
    tags: Sequence[tuple[str, ...]],
    created_at: int,
    author: PrivateKey,
    pow_bits: int = 0,
) -> Event:
    """Return a text note (kind 1) whose words the ring signs, in a form other than the bound one.

    `ring` is 32-byte x-only keys in any order; `scope` goes into the signature of a linkable note. Raises ValueError
    for what no reader would take.
    """
    members = sorted(ring)
    _check(form, members, content, tags)
    signature = _sign(content, members, secret, scheme, scope)
    own_tags, written = _write(form, content, members, signature)
    return sign_event(author, created_at, TEXT_NOTE, (*tags, *own_tags), written, pow_bits)


def _check(form: Form, members: Sequence[bytes], content: str, tags: Sequence[tuple[str, ...]]) -> None:
    if len(members) < MIN_RING:
        raise ValueError(f"in this form a ring needs {MIN_RING} members or more")
    if not content or content.startswith(RESERVED_START):
        raise ValueError("in this form the message must not be empty, nor begin as a bound note's signed text does")
    if any(tag[0] in UNSIGNED_TAGS for tag in tags):
        raise ValueError("in this form the ring does not sign the tags, so expiration, R, J and scope are not taken")
    if form is Form.TEXT and content != content.strip():
        raise ValueError("in the text form readers strip the message: take the white space around it away")


def _sign(content: str, members: Sequence[bytes], secret: bytes, scheme: Scheme, scope: str | None) -> str:
    points = [lift_x(key) for key in members]
    if scheme is Scheme.SAG:
        return encode_ring_a(sign_sag(content.encode(), points, secret))
    return encode_ring_a(sign_blsag(content.encode(), points, secret, scope))


def _write(form: Form, content: str, members: Sequence[bytes], signature: str) -> tuple[tuple[Tag, ...], str]:
    """Return the tags and the content that carry message, members and signature."""
    hex_keys = [key.hex() for key in members]
    match form:
        case Form.NIP97:
            return (("ring-members", *hex_keys), ("ring-signature", signature)), content
        case Form.NOSTRINGER:
            parts = {"message": content, "ring_members": hex_keys, "ring_signature": signature}
            return (), json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        case Form.TEXT:
            npubs = "\n".join(nip19.encode_npub(key) for key in members)
            return (), f"{content}\n\nRing:\n{npubs}\n{signature}"
        case Form.BOUND:
            raise ValueError("the bound form is made by make_bound_note")
