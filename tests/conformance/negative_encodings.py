"""Ring signatures that are misspelt or out of range. Each stands in a note of form nip97 whose message it signs."""

import base64
import json
from collections.abc import Iterator

from coincurve import PublicKey

from relay.protocol.event import Event
from relay.protocol.ring_terms import Scheme
from relay.verify.encoding import ORDER, RingSignature
from relay.verify.ring_equations import Dialect
from tests.conformance.negative_texts import OFF_CURVE, RING, SIGNER, TEXT, Named
from tests.conformance.notes import as_json, compact, hex_of, make_event
from tests.conformance.signing import blsag, list_at_infinity, sag


def list_encodings() -> Iterator[Named]:
    first = _sign_unevenly()
    text = compact(first)
    cbor = _to_cbor(text)
    for name, value in (("0", bytes(32)), ("n", ORDER.to_bytes(32, "big")), ("2^256-1", b"\xff" * 32)):
        yield f"compact: c0 is {name}", _nip97(compact(RingSignature(Scheme.SAG, value, first.responses)))
        responses = (value, *first.responses[1:])
        yield f"compact: a response is {name}", _nip97(compact(RingSignature(Scheme.SAG, first.c0, responses)))
        yield f"JSON: a response is {name}", _nip97(as_json(RingSignature(Scheme.SAG, first.c0, responses)))
    closing = sag(TEXT, RING, SIGNER, zero=True)
    modulo = tuple(ORDER.to_bytes(32, "big") if s == bytes(32) else s for s in closing.responses)
    yield "compact: a response is 0 and the ring closes", _nip97(compact(closing))
    yield "compact: a response is n and the ring closes", _nip97(compact(RingSignature(Scheme.SAG, closing.c0, modulo)))
    yield "JSON: a response is 0 and the ring closes", _nip97(as_json(closing))
    for name, written in (
        ("padded", text + "=" * (-len(text[5:]) % 4)),
        ("standard base64", _ring_a(cbor, urlsafe=False)),
        ("bits left over in the last character", _with_leftover_bits(cbor)),
        ("a byte after the map", _ring_a(cbor + b"\0")),
        ("cut short", _ring_a(cbor[:-1])),
        ("an endless map", _ring_a(b"\xbf" + cbor[1:] + b"\xff")),
        ("v after c", _ring_a(_with_v_after_c(cbor))),
        ("c as an array", _ring_a(cbor.replace(b"\x61c\x58\x20" + first.c0, b"\x61c" + _array(first.c0), 1))),
        ("an array's length in two bytes", _ring_a(cbor.replace(b"\x61s\x83", b"\x61s\x98\x03", 1))),
        ("an integer in two bytes", _ring_a(_with_long_integer(cbor))),
        ("a response of 31 bytes", _ring_a(_with_short_response(cbor))),
        ("ringB", "ringB" + text[5:]),
        ("one response too many", compact(sag(TEXT, (*RING, 3), SIGNER))),
    ):
        yield f"compact: {name}", _nip97(written)
    scoped = blsag(TEXT, RING, SIGNER, "poll")
    image = scoped.key_image or b""
    for name, key_image, flag in (
        ("a key image of another", blsag(TEXT, RING, 1, "poll").key_image, "poll"),
        ("a key image that begins with 04", b"\x04" + image[1:], "poll"),
        ("a key image that is no point", b"\x02" + bytes.fromhex(OFF_CURVE), "poll"),
        ("another flag", image, "vote"),
        ("no flag where one was signed", image, None),
    ):
        written = compact(RingSignature(Scheme.BLSAG, scoped.c0, scoped.responses, key_image, flag))
        yield f"compact, blsag: {name}", _nip97(written)
    for name, signature in list_at_infinity(RING[0], RING[1:], "poll"):
        yield f"compact: a sum at infinity, {name}", _nip97(compact(signature))
    for name, written in _list_flags():
        yield f"compact, blsag: {name}", _nip97(written)
    good = json.loads(as_json(first))
    for name, written in (
        ("a third member", json.dumps({**good, "v": "sag"})),
        ("c0 twice", as_json(first).replace("{", f'{{"c0": "{good["c0"]}", ', 1)),
        ("upper case", as_json(first).upper().replace("C0", "c0").replace('"S"', '"s"')),
        ("0x", as_json(first).replace(good["c0"], "0x" + good["c0"])),
        ("an escape in a name", as_json(first).replace('"s"', '"\\u0073"')),
        ("one response too few", json.dumps({**good, "s": good["s"][:-1]})),
        ("a comma too many", as_json(first).replace("]}", ",]}")),
        ("more white space than 128 characters a scalar", as_json(first) + " " * 640),
    ):
        yield f"JSON: {name}", _nip97(written)


def _list_flags() -> Iterator[tuple[str, str]]:
    """Each verifies for whoever is lenient in one thing."""
    bare = blsag(TEXT, RING, SIGNER, None)
    yield "an empty flag", compact(RingSignature(bare.scheme, bare.c0, bare.responses, bare.key_image, ""))
    yield "a flag of 129 bytes", compact(blsag(TEXT, RING, SIGNER, "x" * 129))
    replaced = _to_cbor(compact(blsag(TEXT, RING, SIGNER, "\ufffd")))
    assert replaced.endswith(b"\x83\x18\xef\x18\xbf\x18\xbd")
    yield "a flag that is not UTF-8", _ring_a(replaced[:-7] + b"\x81\x18\xff")
    image = bare.key_image or b""
    cbor, uncompressed = _to_cbor(compact(bare)), PublicKey(image).format(compressed=False)
    assert cbor.endswith(b"\x61i" + _array(image))
    yield "a key image of 65 bytes", _ring_a(cbor.removesuffix(_array(image)) + _array(uncompressed))


def _nip97(written: str) -> Event:
    return make_event(TEXT, [["ring-members", *hex_of(*RING)], ["ring-signature", written]])


def _ring_a(cbor: bytes, urlsafe: bool = True) -> str:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return "ringA" + encode(cbor).rstrip(b"=").decode()


def _to_cbor(text: str) -> bytes:
    return base64.urlsafe_b64decode(text[5:] + "=" * (-len(text[5:]) % 4))


def _sign_unevenly() -> RingSignature:
    """Return a signature of TEXT whose CBOR's length is not divisible by 3: only then base64 has padding and bits left over."""
    signatures = (sag(TEXT, RING, SIGNER, dialect) for dialect in (Dialect.CANONICAL, Dialect.TYPESCRIPT))
    return next(signature for signature in signatures if len(_to_cbor(compact(signature))) % 3)


def _with_leftover_bits(cbor: bytes) -> str:
    """Return a spelling whose last character has bits that no byte takes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = _ring_a(cbor)
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def _with_v_after_c(cbor: bytes) -> bytes:
    return cbor[:1] + cbor[7 : 7 + 36] + cbor[1:7] + cbor[7 + 36 :]


def _array(values: bytes) -> bytes:
    return bytes([0x98, len(values)]) + b"".join(bytes([v]) if v < 24 else bytes([0x18, v]) for v in values)


def _with_long_integer(cbor: bytes) -> bytes:
    """Write the first integer below 24 of the responses in two bytes."""
    at = cbor.index(b"\x61s\x83") + 5
    while cbor[at] >= 0x18:
        at += 2 if cbor[at] == 0x18 else 1
    return cbor[:at] + b"\x18" + cbor[at:]


def _with_short_response(cbor: bytes) -> bytes:
    at = cbor.index(b"\x98\x20")
    first = at + 2
    return cbor[:at] + b"\x98\x1f" + cbor[first + (2 if cbor[first] == 0x18 else 1) :]
