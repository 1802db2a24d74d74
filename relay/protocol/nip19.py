"""Keys and ids for people to read: bech32 (BIP-173) as in NIP-19. Encodes only, and knows no note."""

from bech32 import bech32_encode, convertbits

# NIP-19, "Shareable identifiers with extra metadata": type, length in one byte, value.
_ID, _RELAY = 0, 1
_MAX_VALUE_BYTES = 255


def encode_bech32(prefix: str, data: bytes) -> str:
    """Encode bytes of any length as bech32. NIP-19 drops the limit of 90 characters."""
    values = convertbits(data, 8, 5)
    assert values is not None  # noqa: S101 (bytes always convert)
    return bech32_encode(prefix, values)


def encode_nevent(note_id: bytes, relay_url: str) -> str:
    """Encode a note's id (32 bytes) as `nevent`, with one relay to find it on.

    Raises ValueError for a URL that is not ASCII, or longer than 255 bytes.
    """
    relay = relay_url.encode("ascii")
    if len(relay) > _MAX_VALUE_BYTES:
        raise ValueError(f"a relay's URL in an nevent has at most {_MAX_VALUE_BYTES} bytes: use a shorter one")
    return encode_bech32("nevent", bytes([_ID, len(note_id)]) + note_id + bytes([_RELAY, len(relay)]) + relay)
