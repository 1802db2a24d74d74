"""Notes in the bound form (docs/ring-notes.md, form A): the ring signs all but proof of work and signatures.

relay/verify/form_bound.py reads them back.
"""

from collections.abc import Sequence

from coincurve import PrivateKey

from relay.client.signing.draft import Draft
from relay.client.signing.envelope import sign_event
from relay.client.signing.ring_sign import compute_key_image, find_signer, sign_blsag, sign_sag
from relay.protocol.event import Event, Tag, compute_id
from relay.protocol.ring_terms import Scheme, is_flag
from relay.verify.encoding import encode_ring_a
from relay.verify.form_bound import SIGNED_PREFIX
from relay.verify.ring_equations import RELEASE_FLAG, Member, lift_x, to_ring_id

# What the ring proof itself writes, and the marks of the other forms (relay/verify/).
RESERVED_TAGS = frozenset({"ring", "ringsig", "scope", "R", "J", "nonce", "ring-members", "ring-signature"})


def make_bound_note(draft: Draft, author: PrivateKey | None = None) -> Event:
    """Return a note that the ring signs, under a fresh key unless `author` is given.

    Raises ValueError for what a relay would refuse as invalid.
    """
    author = author or PrivateKey()
    pubkey = author.public_key.format()[1:].hex()
    keys = sorted(draft.ring)
    _check_ring(keys, pubkey)
    _check_claims(draft)
    members = [lift_x(key) for key in keys]
    tags = (*draft.tags, *_write_claims(draft, members))
    message = (SIGNED_PREFIX + compute_id(pubkey, draft.created_at, draft.kind, tags, draft.content)).encode()
    if draft.scheme is Scheme.BLSAG:
        signature = sign_blsag(message, members, draft.secret, draft.scope)
    else:
        signature = sign_sag(message, members, draft.secret)
    tags += (("ringsig", encode_ring_a(signature)),)
    return sign_event(author, draft.created_at, draft.kind, tags, draft.content, draft.pow_bits)


def _write_claims(draft: Draft, members: Sequence[Member]) -> tuple[Tag, ...]:
    """Return the tags that say what the ring claims, all but the signature: ring, scope, R and J."""
    keys = [member.given for member in members]
    ring: Tag = ("ring", *(key.hex() for key in keys))
    ring_id: tuple[Tag, ...] = (("R", to_ring_id(keys)),) if draft.names_ring else ()
    if draft.scope is None:
        return ring, *ring_id
    place, _ = find_signer(members, draft.secret)
    key_image = compute_key_image(members[place], draft.secret, draft.scope)
    return ring, ("scope", draft.scope), *ring_id, ("J", key_image.hex())


def _check_ring(keys: Sequence[bytes], pubkey: str) -> None:
    if len(keys) < 2 or len(set(keys)) != len(keys) or any(len(key) != 32 for key in keys):
        raise ValueError("the ring must hold two or more distinct keys of 32 bytes")
    if bytes.fromhex(pubkey) in keys:
        raise ValueError("the note's own key must not be a member of its ring")


def _check_claims(draft: Draft) -> None:
    if any(not tag or tag[0] in RESERVED_TAGS for tag in draft.tags):
        raise ValueError("a tag is empty, or has a name that the ring proof itself writes")
    scope = draft.scope
    if (draft.scheme is Scheme.BLSAG) != (scope is not None):
        raise ValueError("a linkable note needs a scope, and no other note has one")
    if scope is not None and (not is_flag(scope) or scope == RELEASE_FLAG):
        # Nostringer 0.1.8 hashed this text into every linkable signature: it would link to all of them.
        raise ValueError("the scope must be 1 to 128 bytes of UTF-8, and not Nostringer's own flag")
