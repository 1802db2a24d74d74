"""What the message-only forms share: in them the ring signs the message and nothing else. Does not know where it is.

Kind, pubkey, time and tags of such a note come from the account that posted it, which need not be a member. These rules
keep them from saying anything in the ring's name.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from relay.protocol.event import Event, Tag
from relay.protocol.hex import HEX_POINT, is_hex32
from relay.protocol.nip19 import NPROFILE, NPUB, decode_nprofile, decode_npub
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.verify import repeated_tags, ring_equations
from relay.verify.claim import Candidate, Claim
from relay.verify.encoding import RingSignature, decode_json, decode_ring_a
from relay.verify.quoting import quote, quote_ends

RESERVED_START = "nostr-ring-note:"
TEXT_OUTSIDE = (
    "text outside the signed message: leave out all but the message, the ring, the signature and labels such as Ring: "
    "with their colon"
)

# To sign again does not help who copied a key or a word wrong.
_UNVERIFIED = (
    "the ring signature does not verify over these words and keys in this order; compare them with what was signed, letter by "
    "letter, as programs change quotes, dashes and spaces, and write keys that began with 03 in all 66 digits"
)
_UNVERIFIED_LINKABLE = (
    "the linkable ring signature does not verify over these words and keys in this order; compare them with what was signed, "
    "letter by letter, as programs change quotes, dashes and spaces"
)
_UNVERIFIED_AS_CANONICAL = (
    "the ring signature does not verify over these words and keys in this order in the canonical dialect, which alone is for two "
    "and for keys of 66 digits; compare them with what was signed, letter by letter; write three keys and more all as npubs, or "
    "sign with keys of 66 digits, or with Nostringer in Rust"
)

_npub, _nprofile, _point = re.compile(NPUB), re.compile(NPROFILE), re.compile(HEX_POINT)
TEXT_NOTE = 1
_POINT_BYTES = 33
_ODD = 3
_SHOWN_CANDIDATES = 2
# A ring of one hides nobody, and anyone could make new key images for it.
MIN_RING = 2


def check_envelope(event: Event) -> None:
    """Refuse a note whose kind or tags would speak for the ring, whatever the words: it signed neither of them."""
    if event.kind != TEXT_NOTE:
        raise Rejected(Prefix.INVALID, "a ring signature over the message alone is for kind 1 only: use the bound form")
    repeated_tags.check_names(event.tags)


def check_message(text: str) -> None:
    """Refuse a message that is empty, or that begins like the text that the ring of a bound note signs."""
    if not text or text.startswith(RESERVED_START):
        raise Rejected(
            Prefix.INVALID, "the signed message is empty or begins with nostr-ring-note: sign another message"
        )


class Members(NamedTuple):
    """A ring as it is written: its 32-byte x-only keys, those of them written `03 || x`, and whether all are x alone."""

    ring: tuple[bytes, ...]
    odd: frozenset[bytes]
    is_x_only: bool


def check_ring_size(size: int, max_size: int) -> None:
    """Refuse a ring of fewer than two members, or of more than `max_size`."""
    if size < MIN_RING:
        raise Rejected(Prefix.INVALID, "a ring must have at least two members: add keys to it")
    check_max_size(size, max_size)


def check_max_size(size: int, max_size: int) -> None:
    """Refuse a ring of more than `max_size` members."""
    if size > max_size:
        raise Rejected(Prefix.BLOCKED, f"rings have at most {max_size} members in this form; sign with a smaller one")


def read_members(keys: Sequence[str], max_size: int) -> Members:
    """Read members, 2 to `max_size`, in their order: 64 lower-case hex, 66 beginning 02 or 03, npub or nprofile (NIP-19)."""
    # Check before reading any: an npub's checksum costs as much as a link.
    check_ring_size(len(keys), max_size)
    points = [_read_key(number, key) for number, key in enumerate(keys, start=1)]
    ring = tuple(point[-32:] for point in points)
    # A key and its negative have one owner.
    if len(set(ring)) != len(ring):
        raise Rejected(Prefix.INVALID, "a ring member is listed twice: list each key once")
    odd = frozenset(point[1:] for point in points if len(point) == _POINT_BYTES and point[0] == _ODD)
    return Members(ring, odd, all(len(point) == len(ring[0]) for point in points))


def read_signature(text: str, ring_size: int) -> RingSignature:
    """Read a `ringA` text, or Nostringer's JSON. Raises Rejected."""
    return decode_ring_a(text, ring_size) if text.startswith("ringA") else decode_json(text, ring_size)


def build_claim(
    form: Form,
    members: Members,
    signature: RingSignature,
    candidates: tuple[Candidate, ...],
    tags: tuple[Tag, ...],
) -> Claim:
    """Build the claim of a message-only note. Raises Rejected where the tags repeat the words of no whole candidate."""
    if members.odd and signature.key_image is not None:
        # The key's owner would have a second key image, of the point with the other y.
        raise Rejected(
            Prefix.INVALID, "a key that begins with 03 is not for linkable signatures: sign over keys of 64 hex digits"
        )
    return Claim(
        form=form,
        ring=members.ring,
        ring_id=ring_equations.to_ring_id(members.ring),
        signature=signature,
        candidates=compare_tags(candidates, tags),
        odd=members.odd,
        is_x_only=members.is_x_only,
    )


def explain_unverified(claim: Claim, refusal: Rejected) -> Rejected:
    """Return the refusal of a signature that verifies over none of the candidates, with their first and last words."""
    if refusal.reason != ring_equations.NOT_VERIFIED:
        return refusal
    # Those that differ by white space alone look the same.
    tried = list(dict.fromkeys(candidate.text.strip() for candidate in claim.candidates))
    found = "; ".join(map(quote_ends, tried[-_SHOWN_CANDIDATES:]))
    if claim.scheme is Scheme.BLSAG:
        return Rejected(Prefix.INVALID, _UNVERIFIED_LINKABLE, found)
    if len(claim.dialects) == 1:
        return Rejected(Prefix.INVALID, _UNVERIFIED_AS_CANONICAL, found)
    return Rejected(Prefix.INVALID, _UNVERIFIED, found)


def compare_tags(candidates: tuple[Candidate, ...], tags: tuple[Tag, ...]) -> tuple[Candidate, ...]:
    """Return the candidates, each with the reason for which the note is refused where it is the signed one."""
    compared: list[Candidate] = []
    refusal: Rejected | None = None
    for candidate in candidates:
        if candidate.reason is None:
            try:
                repeated_tags.check_repeated(tags, candidate.text)
            except Rejected as rejected:
                refusal = refusal or rejected
                compared.append(msgspec.structs.replace(candidate, reason=rejected.reason))
                continue
        compared.append(candidate)
    if refusal is not None and all(candidate.reason is not None for candidate in compared):
        raise refusal
    return tuple(compared)


def _read_key(number: int, text: str) -> bytes:
    """Return the 32 bytes of a key, or 33 where it is written as a point."""
    if is_hex32(text) or _point.fullmatch(text):
        return bytes.fromhex(text)
    key = decode_npub(text) if _npub.fullmatch(text) else decode_nprofile(text) if _nprofile.fullmatch(text) else None
    if key is None:
        raise Rejected(
            Prefix.INVALID,
            "a ring member is not a public key: write an npub without a mistake, or 64 lower-case hex digits",
            f"key {number}, {quote(text)}",
        )
    return key
