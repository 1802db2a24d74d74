"""A note's outer event: proof of work, id, and the throwaway key's signature. Knows nothing of what the ring signs."""

import hashlib

import msgspec
from coincurve import PrivateKey

from relay.protocol.event import Event, Tag, compute_id

# A try hashes the nonce and what follows it, which is mostly the content. Estimates are rather too slow than too fast.
_TRY_S = 0.7e-6
_BYTE_S = 2.5e-9
# A ringrelay's default where posting is free.
USUAL_POW_BITS = 16
# Every bit doubles the work: 32 take a Python process an hour or more.
MAX_POW_BITS = 32


def sign_event(
    author: PrivateKey, created_at: int, kind: int, tags: tuple[Tag, ...], content: str, pow_bits: int = 0
) -> Event:
    """Return the event with `pow_bits` bits of proof of work (NIP-13), signed by `author`."""
    pubkey = author.public_key.format()[1:].hex()
    if pow_bits:
        tags += (mine_nonce(pubkey, created_at, kind, tags, content, pow_bits),)
    event_id = compute_id(pubkey, created_at, kind, tags, content)
    # coincurve draws fresh auxiliary randomness (BIP-340) for each signature.
    sig = author.sign_schnorr(bytes.fromhex(event_id)).hex()
    return Event(event_id, pubkey, created_at, kind, tags, content, sig)


def sign_event_again(note: Event, author: PrivateKey, pow_bits: int) -> Event:
    """Return the same note with more proof of work. The ring did not sign the `nonce` tag, so its signature stays valid."""
    tags = tuple(tag for tag in note.tags if tag[0] != "nonce")
    return sign_event(author, note.created_at, note.kind, tags, note.content, pow_bits)


def mine_nonce(pubkey: str, created_at: int, kind: int, tags: tuple[Tag, ...], content: str, bits: int) -> Tag:
    """Return the `nonce` tag which, put last, gives the event an id of `bits` leading zero bits (NIP-13).

    1 <= bits <= 256. The tag's third value commits to the target. Each bit doubles the work; about a second for 19.
    """
    unmined = (0, pubkey, created_at, kind, (*tags, ("nonce", "", str(bits))), content)
    tail = f'","{bits}"]],'.encode() + msgspec.json.encode(content) + b"]"
    # What precedes the nonce is hashed once; each try hashes the nonce and what follows it.
    state = hashlib.sha256(msgspec.json.encode(unmined).removesuffix(tail))
    limit = (1 << (256 - bits)).to_bytes(32, "big")
    nonce = 0
    while True:
        attempt = state.copy()
        attempt.update(b"%d" % nonce + tail)
        if attempt.digest() < limit:
            return ("nonce", str(nonce), str(bits))
        nonce += 1


def estimate_work_s(content: str, bits: int) -> float:
    """Return the average time, in seconds, to mine `bits` bits for a note with this content."""
    return 2.0**bits * (_TRY_S + _BYTE_S * len(content.encode()))


def describe_work(content: str, bits: int) -> str:
    """Return that time in words."""
    seconds = estimate_work_s(content, bits)
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} seconds"
