"""An entry of the window of recent notes: what is kept of a note, and its place. No I/O, and it knows no index.

An entry is a plain tuple, which the garbage collector forgets: to look at 40,000 objects took it 3 ms.
"""

from typing import Final

from relay.protocol.event import find_expiration
from relay.storage.conditions import encode_tag
from relay.storage.note import Note
from relay.verify.claim import Claim

# Form, scheme, ring size, ring id, key image and scope, as the columns of notes.
Ring = tuple[str, str, int, bytes, bytes | None, bytes | None]
FORM: Final = 0
SCHEME: Final = 1
RING_SIZE: Final = 2
RING_ID: Final = 3
KEY_IMAGE: Final = 4
SCOPE: Final = 5
# Key, id, JSON, created_at, kind, pubkey, expires_at, price paid (msat), tags as encode_tag makes them, and the ring.
Entry = tuple[bytes, bytes, bytes, int, int, bytes, int, int, tuple[bytes, ...], Ring | None]
KEY: Final = 0
ID: Final = 1
ENCODED: Final = 2
CREATED_AT: Final = 3
KIND: Final = 4
PUBKEY: Final = 5
EXPIRES_AT: Final = 6
PRICE: Final = 7
TAGS: Final = 8
RING: Final = 9

_NEVER = 2**63
_COMPLEMENT = bytes(255 - byte for byte in range(256))
# What is measured to be kept of a note beside its JSON, of a tag, and of a member of a ring that no other note has.
_NOTE_BYTES, _TAG_BYTES, MEMBER_BYTES = 500, 150, 150


def encode_time(created_at: int) -> bytes:
    """Return what sorts before the keys of all notes of a second and after those of all older notes."""
    return created_at.to_bytes(8, "big")


def encode_key(created_at: int, note_id: bytes) -> bytes:
    """Return a note's place: the larger, the newer; ties with the lowest id last (NIP-01). A comparison of bytes is cheap."""
    return created_at.to_bytes(8, "big") + note_id.translate(_COMPLEMENT)


def decode_key(key: bytes) -> tuple[int, bytes, bool]:
    """Return the place of a floor: created_at, id, and whether the note with this id lies below it."""
    return min(int.from_bytes(key[:8], "big"), _NEVER - 1), key[8:40].translate(_COMPLEMENT), len(key) > 40


def make_entry(note: Note, note_id: bytes) -> Entry:
    """Return the entry of a note with this id (32 bytes)."""
    event = note.event
    expires_at = find_expiration(event)
    return (
        encode_key(event.created_at, note_id),
        note_id,
        note.encoded,
        event.created_at,
        event.kind,
        bytes.fromhex(event.pubkey),
        _NEVER if expires_at is None else expires_at,
        note.price_paid_msat,
        tuple(encode_tag(letter, value) for letter, value in event.indexed_tags),
        None if note.claim is None else _describe_ring(note.claim),
    )


def _describe_ring(claim: Claim) -> Ring:
    return (
        str(claim.form),
        str(claim.scheme),
        len(claim.ring),
        bytes.fromhex(claim.ring_id),
        None if claim.key_image is None else bytes.fromhex(claim.key_image),
        None if claim.scope is None else claim.scope.encode(),
    )


def count_bytes(entry: Entry) -> int:
    """Return about how many bytes an entry takes with its places in the indexes, its ring apart."""
    return _NOTE_BYTES + len(entry[ENCODED]) + _TAG_BYTES * len(entry[TAGS])
