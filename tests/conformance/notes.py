"""Ring notes of every form, made the same way each time: fixed keys, a fixed time, no randomness."""

import json
from collections.abc import Sequence

from bech32 import bech32_encode, convertbits
from coincurve import PrivateKey

from relay.protocol.event import Event, compute_id
from relay.protocol.nip19 import encode_npub
from relay.verify.encoding import RingSignature, encode_ring_a
from relay.verify.ring_equations import Dialect, to_ring_id
from tests.conformance.signing import blsag, key_image_of, key_of, sag, secret_of

CREATED_AT = 1_700_000_000
Tags = Sequence[Sequence[str]]


def hex_of(*numbers: int) -> list[str]:
    return [key_of(number).hex() for number in numbers]


def npub_of(*numbers: int) -> list[str]:
    return [encode_npub(key_of(number)) for number in numbers]


def points_of(*numbers: int) -> list[str]:
    """Return the keys as 66 hex digits, 02 or 03 before x, as the key generators of Nostringer print them."""
    return [PrivateKey(secret_of(number)).public_key.format().hex() for number in numbers]


def to_entry(kind: int, value: bytes) -> bytes:
    """Return one entry of an nprofile (NIP-19): 0 is the key, 1 a relay."""
    return bytes([kind, len(value)]) + value


def to_nprofile(entries: bytes) -> str:
    values = convertbits(entries, 8, 5)
    assert values is not None
    return str(bech32_encode("nprofile", values))


def nprofile_of(number: int, relays: Sequence[str] = ("wss://relay.example.org",), *, key_last: bool = False) -> str:
    """Return an nprofile of a key and its relays. The entries of one may stand in any order."""
    key = to_entry(0, key_of(number))
    others = b"".join(to_entry(1, relay.encode()) for relay in relays)
    return to_nprofile(others + key if key_last else key + others)


# The author's key is in no ring: no vector uses key 1000 as a member but those that are about it.
AUTHOR = 1000
OTHER_AUTHOR = 1001


def compact(signature: RingSignature) -> str:
    return encode_ring_a(signature)


def as_json(signature: RingSignature, indent: int | None = None) -> str:
    return json.dumps({"c0": signature.c0.hex(), "s": [s.hex() for s in signature.responses]}, indent=indent)


def make_event(
    content: str = "", tags: Tags = (), kind: int = 1, author: int = AUTHOR, created_at: int = CREATED_AT
) -> Event:
    """Make an event with a right id and a right signature of its author, whatever its tags and content say."""
    key = PrivateKey(secret_of(author))
    pubkey = key.public_key.format()[1:].hex()
    all_tags = tuple(map(tuple, tags))
    event_id = compute_id(pubkey, created_at, kind, all_tags, content)
    sig = key.sign_schnorr(bytes.fromhex(event_id), bytes(32)).hex()
    return Event(event_id, pubkey, created_at, kind, all_tags, content, sig)


def list_bound_tags(ring: Sequence[int], scope: str | None = None, signer: int | None = None) -> list[list[str]]:
    """Return the tags of a bound note that come before its `ringsig`; `R` and `J` only where a signer is given."""
    tags = [["ring", *sorted(hex_of(*ring))]]
    if scope is not None:
        tags.append(["scope", scope])
    if signer is not None:
        tags.append(["R", to_ring_id(map(key_of, ring))])
        if scope is not None:
            tags.append(["J", key_image_of(signer, scope).hex()])
    return tags


def sign_bound(
    tags: Tags,
    ring: Sequence[int],
    signer: int,
    *,
    content: str = "Said by one of us.",
    kind: int = 1,
    flag: str | None = None,
    dialect: Dialect = Dialect.CANONICAL,
    author: int = AUTHOR,
    after: Tags = (),
) -> Event:
    """Sign tags as they are, right or wrong, as a bound note's ring does; with a flag it is a bLSAG."""
    pubkey = key_of(author).hex()
    message = f"nostr-ring-note:v1:{compute_id(pubkey, CREATED_AT, kind, tuple(map(tuple, tags)), content)}"
    how = (message, ring, signer)
    signature = sag(*how, dialect) if flag is None else blsag(*how, flag, dialect)
    return make_event(content, [*tags, ["ringsig", compact(signature)], *after], kind, author)
