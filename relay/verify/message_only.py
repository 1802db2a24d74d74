"""What the message-only forms share: in them the ring signs the message and nothing else. Does not know where it is.

Kind, pubkey, time and tags of such a note come from the account that posted it, which need not be a member. These rules
keep them from saying anything in the ring's name.
"""

import re
from collections.abc import Sequence

import msgspec

from relay.protocol.event import Event, Tag
from relay.protocol.hex import is_hex32
from relay.protocol.nip19 import NPUB, decode_npub
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import repeated_tags, ring_equations
from relay.verify.claim import Candidate, Claim
from relay.verify.encoding import RingSignature, decode_json, decode_ring_a

RESERVED_START = "nostr-ring-note:"
TEXT_OUTSIDE = (
    "text outside the signed message: leave out all but the message, the ring, the signature and labels such as Ring:"
)

_npub = re.compile(NPUB)
TEXT_NOTE = 1
# In the TypeScript dialect and a ring of two, a hostile key can move bytes between message and ring.
MIN_RING = 3


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


def check_ring_size(size: int, max_size: int) -> None:
    """Refuse a ring of fewer than three members, or of more than `max_size`."""
    if size < MIN_RING:
        raise Rejected(Prefix.INVALID, "a ring must have at least three members in this form: add keys to it")
    if size > max_size:
        raise Rejected(Prefix.BLOCKED, f"rings have at most {max_size} members in this form; sign with a smaller one")


def read_ring(keys: Sequence[str], max_size: int) -> tuple[bytes, ...]:
    """Read members as 64 lower-case hex or npub (NIP-19): 3 to `max_size`, each once, in their order."""
    # Check before reading any: an npub's checksum costs as much as a link.
    check_ring_size(len(keys), max_size)
    ring = tuple(map(_read_key, keys))
    if len(set(ring)) != len(ring):
        raise Rejected(Prefix.INVALID, "a ring member is listed twice: list each key once")
    return ring


def read_signature(text: str, ring_size: int) -> RingSignature:
    """Read a `ringA` text, or Nostringer's JSON. Raises Rejected."""
    return decode_ring_a(text, ring_size) if text.startswith("ringA") else decode_json(text, ring_size)


def build_claim(
    form: Form,
    ring: tuple[bytes, ...],
    signature: RingSignature,
    candidates: tuple[Candidate, ...],
    tags: tuple[Tag, ...],
) -> Claim:
    """Build the claim of a message-only note. Raises Rejected where the tags repeat the words of no whole candidate."""
    return Claim(
        form=form,
        ring=ring,
        ring_id=ring_equations.to_ring_id(ring),
        signature=signature,
        candidates=_compare_tags(candidates, tags),
    )


def _compare_tags(candidates: tuple[Candidate, ...], tags: tuple[Tag, ...]) -> tuple[Candidate, ...]:
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


def _read_key(text: str) -> bytes:
    if is_hex32(text):
        return bytes.fromhex(text)
    key = decode_npub(text) if _npub.fullmatch(text) else None
    if key is None:
        raise Rejected(Prefix.INVALID, "a ring member is not a public key: use 64 lower-case hex digits, or an npub")
    return key
