"""Encodings of a ring signature: Nostringer's `ringA` text and its JSON. Knows no notes and no curve."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from relay.protocol.hex import HEX32
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import MAX_FLAG_BYTES, Scheme

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ORDER_BYTES = ORDER.to_bytes(32, "big")

_MARK = "ringA"
_ZERO = bytes(32)
_KEY_IMAGE_BYTES = 33

# CBOR (RFC 8949): 0x61 is a text of one byte, 0x58 0x20 a byte string of 32, 0x98 0x20 an array of 32.
_V, _C, _S, _I, _L = b"\x61v", b"\x61c\x58\x20", b"\x61s", b"\x61i", b"\x61l"
_SCALAR = b"\x98\x20"
_IMAGE = _I + b"\x98\x21"
_SAG = b"\xa3" + _V + b"\x63sag" + _C
_BLSAG = b"\xa4" + _V + b"\x65blsag" + _C
_BLSAG_FLAGGED = b"\xa5" + _V + b"\x65blsag" + _C
# A CBOR integer up to 23 is one byte; from 24 to 255 it is 0x18 and the byte.
_INTS = tuple(bytes([value]) if value < 0x18 else bytes([0x18, value]) for value in range(256))
_CLASSES = b"s" * 0x18 + b"m" + b"w" * 0xE7  # small values, the mark 0x18, values that need the mark
# Everything around the scalars, at its largest: the head, a key image and a flag.
_FRAME_BYTES = len(_BLSAG) + 32 + 2 + 3 + 4 + 2 * _KEY_IMAGE_BYTES + 4 + 2 * MAX_FLAG_BYTES
_HEAD_CHARS = 96  # 72 bytes: those before the first scalar, and more
_MAX_SCALAR_BYTES = 2 + 2 * 32
_MAX_JSON_CHARS_PER_SCALAR = 128  # 67 with its quotes and comma; the rest is room for indentation

_HEX32 = re.compile(HEX32)
_WS = r"[ \t\r\n]*"
_C0 = rf'"c0"{_WS}:{_WS}"(?P<c0%s>{HEX32})"'
_S_FIELD = rf'"s"{_WS}:{_WS}\[{_WS}(?P<s%s>"{HEX32}"(?:{_WS},{_WS}"{HEX32}")*){_WS}\]'
# Nostringer's JSON: both members once, in either order. Each step has one way to continue, so a search is linear.
JSON_SIGNATURE = rf"\{{{_WS}(?:{_C0 % 1}{_WS},{_WS}{_S_FIELD % 1}|{_S_FIELD % 2}{_WS},{_WS}{_C0 % 2}){_WS}\}}"
_JSON = re.compile(JSON_SIGNATURE)


@dataclass(frozen=True, slots=True)
class RingSignature:
    """A decoded signature.

    `c0` and each response are scalars in 1..n-1, 32 bytes each. Only blsag has a `key_image`, a compressed point of 33
    bytes, and a `flag`, which is 1 to 128 bytes of UTF-8 or None.
    """

    scheme: Scheme
    c0: bytes
    responses: tuple[bytes, ...]
    key_image: bytes | None = None
    flag: str | None = None


def decode_ring_a(text: str, ring_size: int) -> RingSignature:
    """Decode the compact form for a ring of `ring_size` members. Raises Rejected unless it re-encodes to the same text.

    The layout is fixed, so it is compared byte by byte. A general CBOR decoder would accept maps in any order, indefinite
    lengths and shared references: one signature would have many spellings.
    """
    # Check the length first: all work below is a few passes over a text that fits the ring.
    if len(text) > len(_MARK) + -(-(_FRAME_BYTES + ring_size * _MAX_SCALAR_BYTES) * 4 // 3):
        _refuse("the ring signature is longer than its ring allows: sign with the ring that the note lists")
    if not text.startswith(_MARK):
        _refuse("the ring signature must begin with ringA: use Nostringer's compact encoding")
    cbor = _decode_base64url(text[len(_MARK) :])
    start = next((start for start in (_SAG, _BLSAG, _BLSAG_FLAGGED) if cbor.startswith(start)), None)
    if start is None:
        _refuse_layout()
    c0, body = cbor[len(start) : len(start) + 32], cbor[len(start) + 32 :]
    head = _S + _write_array_head(ring_size)
    if not body.startswith(head):
        _refuse("the ring signature must have one response per ring member: sign with the ring that the note lists")
    body = body[len(head) :]
    if start is _SAG:
        return _build(Scheme.SAG, c0, _read_scalars(body, ring_size))
    # These four bytes cannot occur inside an array of integers: after the value 0x61 no integer begins with 0x69.
    scalars, _, tail = body.partition(_IMAGE)
    flag = None
    if start is _BLSAG_FLAGGED:
        tail, _, packed = tail.partition(_L)  # for the same reason
        flag = _read_flag(packed)
    return _build(Scheme.BLSAG, c0, _read_scalars(scalars, ring_size), _read_key_image(tail), flag)


def count_responses(text: str) -> int | None:
    """Return how many members a signature says that its ring has, None where it does not say. The rest of it may be wrong."""
    if not text.startswith(_MARK):
        return len(_HEX32.findall(text)) - 1
    try:
        cbor = base64.urlsafe_b64decode(text[len(_MARK) : len(_MARK) + _HEAD_CHARS])
    except ValueError:
        return None
    start = next((start for start in (_SAG, _BLSAG, _BLSAG_FLAGGED) if cbor.startswith(start)), None)
    body = b"" if start is None else cbor[len(start) + 32 :]
    if not body.startswith(_S):
        return None
    head = body[len(_S) :]
    sizes = (
        {0x98: head[1:2], 0x99: head[1:3]}.get(head[0], bytes([head[0] - 0x80])) if head and head[0] >= 0x80 else b""
    )
    return int.from_bytes(sizes, "big") or None


def encode_ring_a(signature: RingSignature) -> str:
    """Encode to the compact form that decode_ring_a accepts. The order of the map is v, c, s, i, l."""
    scalars = b"".join(_SCALAR + _pack(response) for response in signature.responses)
    body = signature.c0 + _S + _write_array_head(len(signature.responses)) + scalars
    if signature.key_image is None:
        cbor = _SAG + body
    elif signature.flag is None:
        cbor = _BLSAG + body + _IMAGE + _pack(signature.key_image)
    else:
        flag = signature.flag.encode()
        image = _IMAGE + _pack(signature.key_image)
        cbor = _BLSAG_FLAGGED + body + image + _L + _write_array_head(len(flag)) + _pack(flag)
    return _MARK + _encode_base64url(cbor)


def decode_json(raw: str, ring_size: int) -> RingSignature:
    """Decode `{"c0": hex, "s": [hex, ...]}`, a SAG. Raises Rejected for anything that is not JSON_SIGNATURE.

    This is a grammar, not a JSON parser. Parsers accept repeated and escaped names: one signature would have many meanings.
    """
    if len(raw) > (ring_size + 2) * _MAX_JSON_CHARS_PER_SCALAR:
        _refuse("the ring signature is longer than its ring allows: sign with the ring that the note lists")
    match = _JSON.fullmatch(raw.strip(" \t\r\n"))
    if match is None:
        _refuse_json()
    responses = _HEX32.findall(match["s1"] or match["s2"])
    if len(responses) != ring_size:
        _refuse("the ring signature must have one response per ring member: sign with the ring that the note lists")
    return _build(Scheme.SAG, bytes.fromhex(match["c01"] or match["c02"]), map(bytes.fromhex, responses))


def is_scalar(value: bytes) -> bool:
    """Return whether these are 32 bytes of an integer in 1..n-1."""
    # Big-endian bytes of the same length compare like their integers.
    return len(value) == 32 and _ZERO < value < ORDER_BYTES


def is_compressed_point(value: bytes) -> bool:
    """Return whether these are 33 bytes that begin with 02 or 03. This does not check whether x is on the curve."""
    return len(value) == 33 and value[0] in (2, 3)


def _build(
    scheme: Scheme, c0: bytes, responses: Iterable[bytes], key_image: bytes | None = None, flag: str | None = None
) -> RingSignature:
    signature = RingSignature(scheme, c0, tuple(responses), key_image, flag)
    if not is_scalar(c0) or not all(map(is_scalar, signature.responses)):
        _refuse("a scalar of the ring signature is zero or not below the curve's order: sign again")
    return signature


def _read_scalars(body: bytes, ring_size: int) -> list[bytes]:
    """Read `ring_size` arrays of 32 integers, and nothing else."""
    # The two bytes of the array head cannot occur inside one: after the value 0x98 no integer begins with 0x20.
    first, *arrays = body.split(_SCALAR)
    # The zeros that join the arrays are whole integers, so a mark without a value at the end of an array is still found.
    if first or len(arrays) != ring_size or not _is_shortest_form(b"\0".join(arrays)):
        _refuse_layout()
    scalars = [_unpack(array) for array in arrays]
    if any(len(scalar) != 32 for scalar in scalars):
        _refuse_layout()
    return scalars


def _read_key_image(packed: bytes) -> bytes:
    key_image = _unpack(packed)
    if not _is_shortest_form(packed) or not is_compressed_point(key_image):
        _refuse("the key image must be a compressed point of 33 bytes: sign again")
    return key_image


def _read_flag(packed: bytes) -> str:
    head_size = 2 if packed.startswith(b"\x98") else 1
    flag = _unpack(packed[head_size:])
    if not 1 <= len(flag) <= MAX_FLAG_BYTES or not _is_shortest_form(packed[head_size:]):
        _refuse("the linkability flag must be 1 to 128 bytes: choose another scope")
    if packed[:head_size] != _write_array_head(len(flag)):
        _refuse_layout()
    try:
        return flag.decode()
    except UnicodeDecodeError:
        _refuse("the linkability flag must be UTF-8: choose another scope")


def _write_array_head(size: int) -> bytes:
    if size < 0x18:
        return bytes([0x80 + size])
    return bytes([0x98, size]) if size < 0x100 else b"\x99" + size.to_bytes(2, "big")


def _pack(values: bytes) -> bytes:
    return b"".join(map(_INTS.__getitem__, values))


def _is_shortest_form(packed: bytes) -> bool:
    """Return whether these bytes are CBOR integers below 256 and nothing else, each in its shortest form.

    These are whole passes in C instead of a loop over bytes: a ring of 1,024 has 32,768 integers, and the event loop waits.
    `0x18 0x18` is the value 24. A run of 0x18 begins with a mark, so replacing pairs from the left splits it correctly.
    The rest is valid if each mark is followed by a value of 25 or more, and each such value follows a mark.
    """
    classes = packed.replace(b"\x18\x18", b"\0").translate(_CLASSES)
    return classes.count(b"mw") == classes.count(b"m") == classes.count(b"w")


def _unpack(packed: bytes) -> bytes:
    """Drop the marks. Of a pair `0x18 0x18` the value 24 is left. Correct only for what _is_shortest_form accepts."""
    return b"\x18".join([piece.translate(None, b"\x18") for piece in packed.split(b"\x18\x18")])


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode_base64url(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # binascii.Error is a subclass; text that is not ASCII raises ValueError itself
        _refuse_layout()
    # The standard library skips other characters and ignores leftover bits: only encoding again proves the spelling.
    if _encode_base64url(data) != text:
        _refuse_layout()
    return data


def _refuse_layout() -> NoReturn:
    _refuse(
        "the ring signature is cut, changed, or not in Nostringer's compact layout: copy it whole, as it was printed"
    )


def _refuse_json() -> NoReturn:
    _refuse('the ring signature must be a JSON object of "c0" and "s" in lower-case hex: use the ringA encoding')


def _refuse(reason: str) -> NoReturn:
    raise Rejected(Prefix.INVALID, reason)
