"""The bound form: `ring` and `ringsig` tags, and a ring that signs the whole event. Knows no other form, no policy."""

import re
from itertools import pairwise

from relay.protocol.event import Event, Tag, compute_id
from relay.protocol.hex import HEX32
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form, Scheme, is_flag
from relay.verify import nonce, ring_equations
from relay.verify.claim import MAX_RING, Candidate, Claim
from relay.verify.encoding import RingSignature, decode_ring_a

SIGNED_PREFIX = "nostr-ring-note:v1:"

_KEYS = re.compile(rf"(?:{HEX32})+")


def compute_signed_id(event: Event) -> str:
    """Return the id that the ring signs: the 64-hex NIP-01 id of the event without its `ringsig` and `nonce` tags.

    The ring signature cannot sign itself, and proof of work (NIP-13) is mined after it.
    """
    tags = tuple(tag for tag in event.tags if tag[0] not in ("ringsig", "nonce"))
    return compute_id(event.pubkey, event.created_at, event.kind, tags, event.content)


def find_keys(event: Event) -> tuple[str, ...]:
    """Return what the `ring` tag lists, unread. Raises Rejected where there is not one such tag, or for a number of no ring."""
    tag = _find_only_tag(event, "ring")
    if tag is None:
        raise Rejected(Prefix.INVALID, "a bound ring note has exactly one ring tag: list the members in one")
    keys = tag[1:]
    # A ring of one hides nobody, and anyone could make new key images for it.
    if len(keys) < 2:
        raise Rejected(Prefix.INVALID, "a ring must have at least two members: add keys to it")
    if len(keys) > MAX_RING:
        raise Rejected(Prefix.INVALID, f"the ring has more than {MAX_RING} members: sign with a smaller one")
    return keys


def read_claim(event: Event) -> Claim:
    """Return the claim of a bound note: its ring signed the event without `ringsig` and `nonce`. Raises Rejected."""
    ring = _read_ring(event)
    nonce.check_nonce(event.tags)
    signature = decode_ring_a(_find_ringsig(event), len(ring))
    _check_scope(event, signature)
    ring_id = ring_equations.to_ring_id(ring)
    key_image = None if signature.key_image is None else signature.key_image.hex()
    _check_copies(event, ring_id, key_image)
    signed_id = compute_signed_id(event)
    return Claim(
        form=Form.BOUND,
        ring=ring,
        ring_id=ring_id,
        signature=signature,
        candidates=(Candidate(SIGNED_PREFIX + signed_id),),
        signed_id=signed_id,
    )


def _read_ring(event: Event) -> tuple[bytes, ...]:
    """Read the `ring` tag: x-only keys in strictly ascending order, without the author's key."""
    keys = find_keys(event)
    joined = "".join(keys)
    if any(len(key) != 64 for key in keys) or not _KEYS.fullmatch(joined):
        raise Rejected(Prefix.INVALID, "a ring member is not a public key: use 64 lower-case hex digits")
    # Strictly ascending: a ring has one spelling. A repeated key would silently shrink the anonymity set.
    if any(key >= following for key, following in pairwise(keys)):
        raise Rejected(Prefix.INVALID, "the ring's keys are not in strictly ascending order: sort them, each once")
    if event.pubkey in keys:
        # The author's key in the ring would point at the signer, or away from them.
        raise Rejected(Prefix.INVALID, "the note's own pubkey is a member of its ring: use a throwaway key")
    return tuple(bytes.fromhex(key) for key in keys)


def _find_ringsig(event: Event) -> str:
    """Return the text of the `ringsig` tag, which is the last tag or the last before a `nonce`."""
    tag = _find_only_tag(event, "ringsig")
    if tag is None or len(tag) != 2:
        raise Rejected(Prefix.INVALID, "a bound ring note has exactly one ringsig tag of two elements: sign again")
    tags = event.tags[:-1] if event.tags[-1][0] == "nonce" else event.tags
    if tags[-1][0] != "ringsig":
        raise Rejected(
            Prefix.INVALID, "the ringsig tag must be the last tag, or the last before a nonce: move it to the end"
        )
    return tag[1]


def _check_scope(event: Event, signature: RingSignature) -> None:
    """Check the `scope` tag. A linkable note has exactly one, which repeats the signature's flag; other notes have none."""
    if signature.scheme is not Scheme.BLSAG:
        if _has_tag(event, "scope"):
            raise Rejected(
                Prefix.INVALID, "a scope belongs to a linkable ring signature: sign with blsag, or remove the tag"
            )
        return
    tag = _find_only_tag(event, "scope")
    if tag is None or len(tag) != 2 or not is_flag(tag[1]):
        raise Rejected(Prefix.INVALID, "a linkable bound note has exactly one scope tag of 1 to 128 bytes: add it")
    if tag[1] != signature.flag:
        raise Rejected(Prefix.INVALID, "the scope differs from the one the ring signature was made for: sign again")


def _check_copies(event: Event, ring_id: str, key_image: str | None) -> None:
    """Check the `R` and `J` tags, copies for filters, which match single letters (NIP-01). They must be correct."""
    if _has_tag(event, "R") and _find_only_tag(event, "R") != ("R", ring_id):
        raise Rejected(Prefix.INVALID, "the R tag is not the ring's id: write it once and correctly, or leave it out")
    if key_image is None and _has_tag(event, "J"):
        raise Rejected(Prefix.INVALID, "a J tag belongs to a linkable ring signature: leave it out")
    if key_image is not None and _has_tag(event, "J") and _find_only_tag(event, "J") != ("J", key_image):
        raise Rejected(Prefix.INVALID, "the J tag is not the key image: write it once and correctly, or leave it out")


def _has_tag(event: Event, name: str) -> bool:
    return any(tag[0] == name for tag in event.tags)


def _find_only_tag(event: Event, name: str) -> Tag | None:
    """Return the only tag with that name, None if there is none or more than one."""
    found = [tag for tag in event.tags if tag[0] == name]
    return found[0] if len(found) == 1 else None
