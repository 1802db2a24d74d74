"""A Nostr event (NIP-01): shape, canonical bytes and id, class of its kind, tags. Knows no policy."""

import hashlib
from enum import Enum
from functools import cached_property
from typing import Annotated

import msgspec
from msgspec import Meta

from relay.protocol.hex import HEX32, HEX64

# `\Z`, not `$`: in Python's re, `$` lets a trailing newline through.
Hex32 = Annotated[str, Meta(pattern=rf"\A{HEX32}\Z")]
Hex64 = Annotated[str, Meta(pattern=rf"\A{HEX64}\Z")]
Kind = Annotated[int, Meta(ge=0, le=65535)]
# JavaScript's Number.MAX_SAFE_INTEGER: above it, two clients could read two different times.
MAX_TIMESTAMP = 2**53 - 1
Timestamp = Annotated[int, Meta(ge=0, le=MAX_TIMESTAMP)]
Tag = Annotated[tuple[str, ...], Meta(min_length=1)]

_TIMESTAMP_DIGITS = len(str(MAX_TIMESTAMP))
DELETION_REQUEST = 5


class Event(msgspec.Struct, frozen=True, dict=True):
    """One event. Its members are in the order they are sent: `id` comes first because nostr-tools scans for it."""

    id: Hex32
    pubkey: Hex32
    created_at: Timestamp
    kind: Kind
    tags: tuple[Tag, ...]
    content: str
    sig: Hex64

    @cached_property
    def indexed_tags(self) -> frozenset[tuple[str, str]]:
        """Return the distinct (letter, value) pairs that filters match: first values of single-letter tags (NIP-01)."""
        return frozenset((tag[0], tag[1]) for tag in self.tags if len(tag) > 1 and is_tag_letter(tag[0]))


class KindClass(Enum):
    """The storage class of a kind (NIP-01)."""

    REGULAR = "regular"
    REPLACEABLE = "replaceable"
    EPHEMERAL = "ephemeral"
    ADDRESSABLE = "addressable"


_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def decode_event(raw: bytes | str) -> Event:
    """Decode one event's JSON.

    Raises msgspec.DecodeError (its subclass ValidationError too), UnicodeError or RecursionError.
    """
    return _decoder.decode(raw)


def encode_event(event: Event) -> bytes:
    """Encode to the compact JSON that is stored and sent, UTF-8."""
    return _encoder.encode(event)


def compute_id(pubkey: str, created_at: int, kind: int, tags: tuple[Tag, ...], content: str) -> str:
    """Return the 64-hex id: SHA-256 of `[0,pubkey,created_at,kind,tags,content]` (NIP-01).

    msgspec escapes strings as JSON.stringify and serde_json do, which is what every client signs.
    """
    return hashlib.sha256(_encoder.encode((0, pubkey, created_at, kind, tags, content))).hexdigest()


def classify(kind: int) -> KindClass:
    """Return the storage class of a kind (NIP-01)."""
    if kind in (0, 3) or 10000 <= kind < 20000:
        return KindClass.REPLACEABLE
    if 20000 <= kind < 30000:
        return KindClass.EPHEMERAL
    if 30000 <= kind < 40000:
        return KindClass.ADDRESSABLE
    return KindClass.REGULAR


def find_tag(event: Event, name: str) -> str | None:
    """Return the second element of the first tag with that name, "" if it has none, None if there is no such tag."""
    for tag in event.tags:
        if tag[0] == name:
            return tag[1] if len(tag) > 1 else ""
    return None


def to_address(event: Event) -> str | None:
    """Return the address `kind:pubkey:d` of a replaceable or addressable event, as in `a` tags, or None (NIP-01)."""
    match classify(event.kind):
        case KindClass.REPLACEABLE:
            return f"{event.kind}:{event.pubkey}:"
        case KindClass.ADDRESSABLE:
            return f"{event.kind}:{event.pubkey}:{find_tag(event, 'd') or ''}"
        case _:
            return None


def is_tag_letter(name: str) -> bool:
    """Return whether a tag name is a single letter a-z or A-Z."""
    return len(name) == 1 and name.isascii() and name.isalpha()


def find_expiration(event: Event) -> int | None:
    """Return the Unix time in seconds at which the event expires (NIP-40), or None.

    A value that is not a decimal number counts as none. A value above MAX_TIMESTAMP counts as MAX_TIMESTAMP.
    """
    value = find_tag(event, "expiration")
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    digits = value.lstrip("0")
    return min(int(digits or "0"), MAX_TIMESTAMP) if len(digits) <= _TIMESTAMP_DIGITS else MAX_TIMESTAMP


def is_expired(event: Event, now: int) -> bool:
    """Return whether an event has expired at Unix time `now` (NIP-40)."""
    expires_at = find_expiration(event)
    return expires_at is not None and expires_at <= now


def count_leading_zero_bits(event_id: str) -> int:
    """Count the leading zero bits of a 64-hex id (NIP-13)."""
    return 256 - int(event_id, 16).bit_length()
