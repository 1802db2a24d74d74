"""Which form of ring signature a note claims, and what a bound note claims by it. Knows no policy.

The form follows from marks alone, never from what happens to verify: a failure never leads to another form.
"""

import re
from enum import StrEnum
from itertools import pairwise
from typing import Literal

import msgspec

from relay.event import Event, Tag, compute_id
from relay.verdict import Prefix, Rejected
from relay.verify import ring as equations
from relay.verify.encoding import RingSignature, Scheme, decode_ring_a, is_flag
from relay.verify.ring import Dialect

SIGNED_PREFIX = "nostr-ring-note:v1:"

_BOUND_MARKS = frozenset({"ring", "ringsig"})
_NIP97_MARKS = frozenset({"ring-members", "ring-signature"})
_KEYS = re.compile(r"(?:[0-9a-f]{64})+")
# The shortest ringA text, for a ring of two, is longer than this. A literal and a counted run: no backtracking.
_RING_A = re.compile(r"ringA[A-Za-z0-9_-]{100}")
_JSON_C0 = re.compile(r'"c0"\s*:\s*"[0-9A-Fa-f]{64}"')
_JSON_S = re.compile(r'"s"\s*:\s*\[\s*"[0-9A-Fa-f]{64}"')
# A 128-bit counter, the largest that miners use, has 39 digits.
_NONCE_VALUE = re.compile(r"[0-9]{1,39}")


class Form(StrEnum):
    """Name how a ring signature sits in a note."""

    BOUND = "bound"  # `ring` and `ringsig` tags; the ring signs the event
    NIP97 = "nip97"  # `ring-members` and `ring-signature` tags (nips pull request 1894)
    NOSTRINGER = "nostringer"  # the content is Nostringer's JSON
    TEXT = "text"  # the signature stands in the text


class RingProof(msgspec.Struct, frozen=True):
    """Hold what a note claims by its ring signature. Nothing here is verified before `check` has passed.

    `ring` is 32-byte x-only keys in the order given, `ring_id` and `pre_id` are 64 hex, `key_image` is 66 hex.
    `message` is the bytes that are signed, `signed_text` the same as text.
    """

    form: Form
    scheme: Scheme
    binding: Literal["event", "message"]
    signed_text: str
    ring: tuple[bytes, ...]
    ring_id: str
    key_image: str | None
    scope: str | None
    pre_id: str | None
    signature: RingSignature
    message: bytes


def find(event: Event, max_size: int) -> RingProof | None:
    """Return what a note claims by its ring signature, None for a note with no mark of one. Makes no curve operation.

    Raises Rejected for a claim that cannot be true or is of a form not accepted.
    """
    form = find_form(event)
    if form is None:
        return None
    if form is not Form.BOUND:
        raise Rejected(Prefix.BLOCKED, "this form of ring signature is not accepted yet: post a bound ring note")
    return _read_bound(event, max_size)


def check(proof: RingProof) -> Dialect:
    """Return the dialect in which the ring signature verifies; raise Rejected if in none. Slow: see count_links.

    A bound note has the canonical dialect only: one note has one meaning.
    """
    members = [equations.lift(key) for key in proof.ring]
    return equations.check(proof.message, members, proof.signature, (Dialect.CANONICAL,))


def find_form(event: Event) -> Form | None:
    """Return the form a note's marks claim. Raises Rejected for the marks of two forms."""
    names = {tag[0] for tag in event.tags}
    is_bound, is_nip97 = not names.isdisjoint(_BOUND_MARKS), not names.isdisjoint(_NIP97_MARKS)
    if is_bound and is_nip97:
        raise Rejected(Prefix.INVALID, "the tags of two forms of ring signature: keep ring and ringsig only")
    if is_bound:
        return Form.BOUND
    if is_nip97:
        return Form.NIP97
    if _is_nostringer_json(event.content):
        return Form.NOSTRINGER
    return Form.TEXT if _holds_signature(event.content) else None


def compute_pre_id(event: Event) -> str:
    """Return the 64-hex NIP-01 id of an event without its `ringsig` and `nonce` tags, which is what the ring signs.

    The ring signature cannot sign itself, and proof of work (NIP-13) is mined after it.
    """
    tags = tuple(tag for tag in event.tags if tag[0] not in ("ringsig", "nonce"))
    return compute_id(event.pubkey, event.created_at, event.kind, tags, event.content)


def _read_bound(event: Event, max_size: int) -> RingProof:
    ring = _read_ring(event, max_size)
    _check_nonce(event)
    signature = decode_ring_a(_find_ringsig(event), len(ring))
    scope = _read_scope(event, signature)
    ring_id = equations.to_ring_id(ring)
    key_image = None if signature.key_image is None else signature.key_image.hex()
    _check_copies(event, ring_id, key_image)
    pre_id = compute_pre_id(event)
    signed_text = SIGNED_PREFIX + pre_id
    return RingProof(
        form=Form.BOUND,
        scheme=signature.scheme,
        binding="event",
        signed_text=signed_text,
        ring=ring,
        ring_id=ring_id,
        key_image=key_image,
        scope=scope,
        pre_id=pre_id,
        signature=signature,
        message=signed_text.encode(),
    )


def _read_ring(event: Event, max_size: int) -> tuple[bytes, ...]:
    """Read the `ring` tag: x-only keys, strictly ascending, without the author's."""
    tag = _take_one(event, "ring")
    if tag is None:
        raise Rejected(Prefix.INVALID, "a bound ring note has exactly one ring tag: list the members in one")
    keys = tag[1:]
    # A ring of one hides nobody, and anyone could mint fresh key images for it.
    if len(keys) < 2:
        raise Rejected(Prefix.INVALID, "a ring must have at least two members: add keys to it")
    if len(keys) > max_size:
        raise Rejected(Prefix.INVALID, f"the ring has more than {max_size} members: sign with a smaller one")
    joined = "".join(keys)
    if any(len(key) != 64 for key in keys) or not _KEYS.fullmatch(joined):
        raise Rejected(Prefix.INVALID, "a ring member is not a public key: use 64 lower-case hex digits")
    # Strictly: one ring has one spelling, and no key twice, which would shrink the anonymity set silently.
    if any(key >= following for key, following in pairwise(keys)):
        raise Rejected(Prefix.INVALID, "the ring's keys are not in strictly ascending order: sort them, each once")
    if event.pubkey in keys:
        # It would point at the signer, or away from them.
        raise Rejected(Prefix.INVALID, "the note's own pubkey is a member of its ring: use a throwaway key")
    return tuple(bytes.fromhex(key) for key in keys)


def _find_ringsig(event: Event) -> str:
    """Return the text of the `ringsig` tag, the last but for a `nonce`."""
    tag = _take_one(event, "ringsig")
    if tag is None or len(tag) != 2:
        raise Rejected(Prefix.INVALID, "a bound ring note has exactly one ringsig tag of two elements: sign again")
    tags = event.tags[:-1] if event.tags[-1][0] == "nonce" else event.tags
    if tags[-1][0] != "ringsig":
        raise Rejected(Prefix.INVALID, "the ringsig tag must be the last one but for a nonce: move it to the end")
    return tag[1]


def _read_scope(event: Event, signature: RingSignature) -> str | None:
    """Return the scope: the flag of a linkable signature, written out once. Others have none."""
    if signature.scheme is not Scheme.BLSAG:
        if _holds_tag(event, "scope"):
            raise Rejected(Prefix.INVALID, "a scope belongs to a linkable ring signature: sign with blsag, or leave it")
        return None
    tag = _take_one(event, "scope")
    if tag is None or len(tag) != 2 or not is_flag(tag[1]):
        raise Rejected(Prefix.INVALID, "a linkable bound note has exactly one scope tag of 1 to 128 bytes: add it")
    if tag[1] != signature.flag:
        raise Rejected(Prefix.INVALID, "the scope differs from the one the ring signature was made for: sign again")
    return tag[1]


def _check_copies(event: Event, ring_id: str, key_image: str | None) -> None:
    """Check the `R` and `J` tags: copies for filters, which ask for single letters (NIP-01). They must be right."""
    if _holds_tag(event, "R") and _take_one(event, "R") != ("R", ring_id):
        raise Rejected(Prefix.INVALID, "the R tag is not the ring's id: write it once and right, or leave it out")
    if key_image is None and _holds_tag(event, "J"):
        raise Rejected(Prefix.INVALID, "a J tag belongs to a linkable ring signature: leave it out")
    if key_image is not None and _holds_tag(event, "J") and _take_one(event, "J") != ("J", key_image):
        raise Rejected(Prefix.INVALID, "the J tag is not the key image: write it once and right, or leave it out")


def _check_nonce(event: Event) -> None:
    """Refuse more than one `nonce`, and words in it: the ring does not sign that tag."""
    if not _holds_tag(event, "nonce"):
        return
    tag = _take_one(event, "nonce")
    if tag is None:
        raise Rejected(Prefix.INVALID, "a bound ring note has at most one nonce tag: leave the others out")
    if not 2 <= len(tag) <= 3 or not all(map(_NONCE_VALUE.fullmatch, tag[1:])):
        raise Rejected(Prefix.INVALID, "the nonce tag holds a decimal number and its target only: mine again")


def _holds_tag(event: Event, name: str) -> bool:
    return any(tag[0] == name for tag in event.tags)


def _take_one(event: Event, name: str) -> Tag | None:
    """Return the tag of that name, None unless there is exactly one."""
    found = [tag for tag in event.tags if tag[0] == name]
    return found[0] if len(found) == 1 else None


class _Marked(msgspec.Struct):
    ring_signature: msgspec.Raw


def _is_nostringer_json(content: str) -> bool:
    """Answer whether the content is a JSON object with a `ring_signature`."""
    if not content.lstrip().startswith("{"):
        return False
    try:
        msgspec.json.decode(content, type=_Marked)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _holds_signature(content: str) -> bool:
    """Answer whether a ring signature stands in a text: a ringA text, or JSON with "c0" and "s"."""
    if _RING_A.search(content):
        return True
    return _JSON_C0.search(content) is not None and _JSON_S.search(content) is not None
