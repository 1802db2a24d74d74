"""Keys and ids for people to read: bech32 (BIP-173) as in NIP-19, both ways. Knows no event and no curve."""

import re

from bech32 import CHARSET, bech32_decode, bech32_encode, convertbits

_KEY_BYTES = 32
# NIP-49: version, cost, salt, nonce, security, and the key with its tag.
_NCRYPTSEC_BYTES = 91
# NIP-19: the prefix, the separator, 52 characters of key and 6 of checksum.
NPUB = r"npub1[02-9ac-hj-np-z]{58}"
# Room for four relays in a profile. Whoever reads strangers' texts has a bound: a longer one would cost more than a link.
MAX_NPROFILE_CHARS = 256
# The prefix, the separator, and as many characters as a key alone takes, or more.
NPROFILE = rf"nprofile1[02-9ac-hj-np-z]{{58,{MAX_NPROFILE_CHARS - len('nprofile1')}}}"
# An nprofile up to the end of its first entry, where that is the key: 34 bytes in 55 characters.
NPROFILE_START = r"nprofile1[02-9ac-hj-np-z]{55}"
# The entries of which an nevent has one at most, by type, with their sizes: the id, the author's key, the kind.
_NEVENT_SIZES = {0: 32, 2: 32, 3: 4}
# NIP-19 asks for shorter ones.
_MAX_NEVENT_CHARS = 5_000
# The look-ahead also finds overlapping ones: the last letters of one may be the "nsec" of the next.
NSEC_CANDIDATE = re.compile(r"(?=(nsec1[02-9ac-hj-np-z]{58}))", re.IGNORECASE)
# 91 bytes in 146 characters, and 6 of checksum.
NCRYPTSEC = re.compile(r"ncryptsec1[02-9ac-hj-np-z]{152}", re.IGNORECASE)
# Of a short npub: nobody can make a key with so many letters of another.
_SHORT_CHARS = 12
# NIP-19, "Shareable identifiers with extra metadata": type, length in one byte, value.
_ID, _RELAY = 0, 1
_MAX_VALUE_BYTES = 255


def encode_npub(key: bytes) -> str:
    """Return the npub of a 32-byte x-only key."""
    return _encode_bech32("npub", key)


def shorten_npub(key: bytes) -> str:
    """Return the first 17 characters of a key's npub, for lists: 60 bits of the key, whose checksum is not computed."""
    values = _to_values(key[:8])
    return "npub1" + "".join(CHARSET[value] for value in values[:_SHORT_CHARS])


def decode_npub(text: str) -> bytes | None:
    """Return the 32 bytes of an npub, None for anything else. They may be off the curve.

    BIP-173: all letters in lower case, or all in upper case.
    """
    return _decode_bytes("npub", text, _KEY_BYTES)


def start_nprofile(key: bytes) -> str:
    """Return the text with which an nprofile begins whose first entry is this 32-byte key."""
    # The three bits behind the entry are zeros: padding, or the first of the next type, as no type is above 31.
    return "nprofile1" + "".join(CHARSET[value] for value in _to_values(bytes([_ID, len(key)]) + key))


def decode_nprofile(text: str) -> bytes | None:
    """Return the 32-byte key of an nprofile, None for anything else. It may be off the curve.

    Lower case only, at most 256 characters, one key. Relays and entries of unknown types are passed over.
    """
    if len(text) > MAX_NPROFILE_CHARS or text != text.lower():
        return None
    found = [value for kind, value in _decode_entries("nprofile", text) or () if kind == _ID]
    return found[0] if len(found) == 1 and len(found[0]) == _KEY_BYTES else None


def list_traces(key: bytes) -> tuple[str, ...]:
    """Return five texts, one of which stands in each bech32 text that holds this 32-byte key among whatever else.

    So a key is found in an npub, nprofile, nevent or naddr, also with a wrong checksum. All are in lower case.
    """
    bits = f"{int.from_bytes(key, 'big'):0256b}"
    # A letter is five bits and a byte eight: the key begins at one of five places in a letter.
    return tuple(
        "".join(CHARSET[int(bits[place : place + 5], 2)] for place in range(start, len(bits) - 4, 5))
        for start in range(5)
    )


def encode_nsec(secret: bytes) -> str:
    """Return the nsec of a 32-byte secret key."""
    return _encode_bech32("nsec", secret)


def decode_nsec(text: str) -> bytes | None:
    """Return the 32 bytes of an nsec, None for anything else. They may be out of range."""
    return _decode_bytes("nsec", text, _KEY_BYTES)


def encode_ncryptsec(data: bytes) -> str:
    """Return the ncryptsec (NIP-49) of these 91 bytes."""
    return _encode_bech32("ncryptsec", data)


def decode_ncryptsec(text: str) -> bytes | None:
    """Return the 91 bytes of an ncryptsec, None for anything else."""
    return _decode_bytes("ncryptsec", text, _NCRYPTSEC_BYTES)


def has_nsec_checksum(text: str) -> bool:
    """Return whether a match of NSEC_CANDIDATE has a correct checksum.

    It accepts more than decode_nsec, because a finder may restore the key by hand: letters of both cases, any unused bits.
    """
    prefix, _ = bech32_decode(text.lower())
    return prefix == "nsec"


def encode_nevent(note_id: bytes, relay_url: str) -> str:
    """Return the nevent of a note's id (32 bytes), with one relay to find it on.

    Raises ValueError for a URL that is not ASCII, or longer than 255 bytes.
    """
    relay = relay_url.encode("ascii")
    if len(relay) > _MAX_VALUE_BYTES:
        raise ValueError(f"a relay's URL in an nevent has at most {_MAX_VALUE_BYTES} bytes: use a shorter one")
    return _encode_bech32("nevent", bytes([_ID, len(note_id)]) + note_id + bytes([_RELAY, len(relay)]) + relay)


def encode_note(note_id: bytes) -> str:
    """Return the note1... of a note's id (32 bytes)."""
    return _encode_bech32("note", note_id)


def decode_note(text: str) -> bytes | None:
    """Return the 32-byte id of a note1..., None for anything else."""
    return _decode_bytes("note", text, _KEY_BYTES)


def decode_nevent(text: str) -> bytes | None:
    """Return the 32-byte id of an nevent, None for anything else.

    An id stands there once, author and kind at most once. Relays and entries of unknown types are passed over (NIP-19).
    """
    entries = _decode_entries("nevent", text) if len(text) <= _MAX_NEVENT_CHARS else None
    known = [(kind, value) for kind, value in entries or () if kind in _NEVENT_SIZES]
    by_kind = dict(known)
    if len(by_kind) < len(known) or any(len(value) != _NEVENT_SIZES[kind] for kind, value in known):
        return None
    return by_kind.get(_ID)


def _encode_bech32(prefix: str, data: bytes) -> str:
    # Of any length: NIP-19 drops BIP-173's limit of 90 characters.
    return bech32_encode(prefix, _to_values(data))


def _to_values(data: bytes) -> list[int]:
    values: list[int] | None = convertbits(data, 8, 5)
    assert values is not None  # noqa: S101 (bytes always convert)
    return values


def _decode_entries(prefix: str, text: str) -> list[tuple[int, bytes]] | None:
    """Return type and value of each entry, None for another prefix or where the entries do not fill the text."""
    found, values = bech32_decode(text)
    octets = convertbits(values, 5, 8, False) if found == prefix and values is not None else None
    if octets is None:
        return None
    data = bytes(octets)
    entries: list[tuple[int, bytes]] = []
    while data:
        value = data[2 : 2 + data[1]] if len(data) > 1 else b""
        if len(data) < 2 or len(value) < data[1]:
            return None
        entries.append((data[0], value))
        data = data[2 + len(value) :]
    return entries


def _decode_bytes(prefix: str, text: str, size: int) -> bytes | None:
    found, values = bech32_decode(text)
    if found != prefix or values is None:
        return None
    data = convertbits(values, 5, 8, False)
    return bytes(data) if data is not None and len(data) == size else None
