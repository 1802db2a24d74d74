"""The ringA and JSON spellings of a ring signature: one signature has one spelling, and all else is refused."""

import base64
import json

import pytest

from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Scheme
from relay.verify.encoding import ORDER, RingSignature, decode_json, decode_ring_a, encode_ring_a
from tests.support.cpu_time import measure_fastest_s
from tests.support.time_factor import scaled

SCALARS = tuple(bytes([0x11] * 30 + [index, 0x18]) for index in (1, 0x17, 0x18))
IMAGE = b"\x02" + bytes(range(32))
SAG = RingSignature(Scheme.SAG, b"\x20" * 32, SCALARS)
BLSAG = RingSignature(Scheme.BLSAG, b"\x20" * 32, SCALARS, IMAGE)
FLAGGED = RingSignature(Scheme.BLSAG, b"\x20" * 32, SCALARS, IMAGE, "poll-1")


def to_cbor(text: str) -> bytes:
    return base64.urlsafe_b64decode(text[5:] + "=" * (-len(text[5:]) % 4))


def to_text(cbor: bytes) -> str:
    return "ringA" + base64.urlsafe_b64encode(cbor).rstrip(b"=").decode()


def pack(values: bytes) -> bytes:
    return b"".join(bytes([value]) if value < 24 else bytes([24, value]) for value in values)


def refuse(text: str, size: int = 3, reason: str = ".") -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        decode_ring_a(text, size)
    assert caught.value.prefix is Prefix.INVALID


@pytest.mark.parametrize("signature", [SAG, BLSAG, FLAGGED])
def test_a_signature_decodes_to_what_was_encoded(signature: RingSignature) -> None:
    assert decode_ring_a(encode_ring_a(signature), 3) == signature


@pytest.mark.parametrize("size", [2, 22, 23, 24, 25, 32, 33, 255, 256, 257])
def test_rings_on_both_sides_of_each_array_head_length_decode(size: int) -> None:
    for signature in (
        RingSignature(Scheme.SAG, b"\x98" * 32, (b"\x98\x20" * 16,) * size),
        RingSignature(Scheme.BLSAG, b"\x98" * 32, (b"\x61\x69" * 16,) * size, IMAGE, "al" * 12),
    ):
        assert decode_ring_a(encode_ring_a(signature), size) == signature


@pytest.mark.parametrize("value", range(256))
def test_every_byte_value_survives_next_to_every_kind_of_neighbour(value: int) -> None:
    rows = [bytes([value]) * 31 + b"\1", bytes([value, 0x18] * 16), bytes([0x18, value, 0x01, 0x98] * 8)]
    responses = tuple(b"\x01" + row[1:] for row in rows)
    signature = RingSignature(Scheme.BLSAG, b"\x01" * 32, responses, b"\x03" + bytes([value]) * 32, "a")
    assert decode_ring_a(encode_ring_a(signature), 3) == signature


@pytest.mark.parametrize("flag", ["a", "a" * 23, "a" * 24, "a" * 128, "ü" * 64, "\U0001f600" * 32])
def test_a_flag_of_1_to_128_bytes_of_utf_8_decodes(flag: str) -> None:
    signature = RingSignature(Scheme.BLSAG, b"\x20" * 32, SCALARS, IMAGE, flag)
    assert decode_ring_a(encode_ring_a(signature), 3) == signature


@pytest.mark.parametrize("flag", ["", "a" * 129, "ü" * 65])
def test_a_flag_of_no_byte_or_more_than_128_is_refused(flag: str) -> None:
    refuse(encode_ring_a(RingSignature(Scheme.BLSAG, b"\x20" * 32, SCALARS, IMAGE, flag)), reason="flag|longer")


@pytest.mark.parametrize("flag", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_a_flag_that_is_not_utf_8_or_holds_a_surrogate_is_refused(flag: bytes) -> None:
    head = to_cbor(encode_ring_a(FLAGGED)).partition(b"\x61l")[0]
    refuse(to_text(head + b"\x61l" + bytes([0x80 + len(flag)]) + pack(flag)), reason="UTF-8")


def test_a_flag_with_a_longer_array_head_than_needed_is_refused() -> None:
    head, mark, flag = to_cbor(encode_ring_a(FLAGGED)).partition(b"\x61l")
    assert flag[0] == 0x86
    refuse(to_text(head + mark + b"\x98\x06" + flag[1:]))


@pytest.mark.parametrize("size", [0, 1, 2, 4, 1024])
def test_a_signature_for_another_ring_size_is_refused(size: int) -> None:
    refuse(encode_ring_a(SAG), size)


def test_the_length_is_checked_against_the_ring_before_anything_else() -> None:
    refuse("x" * 1_000_000, 3, "longer than its ring allows")
    refuse("ringA" + "A" * 100_000, 1000, "longer than its ring allows")


def test_the_largest_signature_a_ring_can_have_is_not_too_long() -> None:
    largest = RingSignature(Scheme.BLSAG, b"\xf0" * 32, (b"\xf0" * 32,) * 300, b"\x03" + b"\xff" * 32, "\x7f" * 128)
    assert decode_ring_a(encode_ring_a(largest), 300) == largest


@pytest.mark.parametrize("mark", ["ringB", "RINGA", "", "ringa", " ringA"])
def test_another_mark_is_refused(mark: str) -> None:
    refuse(mark + encode_ring_a(SAG)[5:], reason="begin with ringA")


@pytest.mark.parametrize("addition", ["=", "==", "\n", " ", "A", "AAAA", "%", "é"])
def test_padding_white_space_and_anything_trailing_is_refused(addition: str) -> None:
    for signature in (SAG, BLSAG, FLAGGED):
        refuse(encode_ring_a(signature) + addition)
        refuse("ringA" + addition + encode_ring_a(signature)[5:])


def test_leftover_bits_other_than_zero_are_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    refused = 0
    for signature in (SAG, BLSAG, FLAGGED):
        text = encode_ring_a(signature)
        for last in alphabet:
            # The same bytes to a lenient decoder, in another spelling.
            if text[:-1] + last != text and to_cbor(text[:-1] + last) == to_cbor(text):
                refuse(text[:-1] + last)
                refused += 1
    assert refused


def test_the_standard_alphabet_is_refused() -> None:
    signature = RingSignature(Scheme.SAG, b"\xfb\xff" * 16, SCALARS)
    text = encode_ring_a(signature)
    assert "-" in text
    assert "_" in text
    refuse(text.replace("-", "+"))
    refuse(text.replace("_", "/"))


@pytest.mark.parametrize("place", range(0, 3 * 34, 7))
def test_an_integer_that_is_not_in_its_shortest_form_is_refused(place: int) -> None:
    low = RingSignature(Scheme.SAG, b"\x20" * 32, (b"\x01" * 32,) * 3)
    cbor = to_cbor(encode_ring_a(low))
    start = cbor.index(b"\x61s") + 3
    at = start + place
    if cbor[at] == 1:
        refuse(to_text(cbor[:at] + b"\x18\x01" + cbor[at + 1 :]))
        refuse(to_text(cbor[:at] + b"\x19\x00\x01" + cbor[at + 1 :]))
        refuse(to_text(cbor[:at] + b"\x20" + cbor[at + 1 :]))  # -1
        refuse(to_text(cbor[:at] + b"\x18" + cbor[at + 1 :]))


def test_array_lengths_that_only_add_up_over_two_members_are_refused() -> None:
    head = to_cbor(encode_ring_a(SAG)).partition(b"\x61s")[0] + b"\x61s\x83"
    parts = [b"\x98\x20" + pack(b"\x01" * size) for size in (32, 33, 31)]
    refuse(to_text(head + b"".join(parts)))
    refuse(to_text(head + parts[0] + b"\x98\x21" + parts[1][2:] + b"\x98\x1f" + parts[2][2:]))


def test_a_mark_left_open_at_the_end_of_an_array_is_refused() -> None:
    head = to_cbor(encode_ring_a(SAG)).partition(b"\x61s")[0] + b"\x61s\x83"
    row = b"\x98\x20" + pack(b"\x01" * 32)
    refuse(to_text(head + row + row + b"\x98\x20" + b"\x01" * 32 + b"\x18"))
    # Stripped of its marks this one would read as three whole arrays.
    refuse(to_text(head + row + b"\x98\x20" + b"\x01" * 32 + b"\x18" + b"\x98\x20" + b"\x55" + b"\x01" * 31))


def test_every_single_byte_change_is_refused_or_decodes_to_its_own_text() -> None:
    for signature in (SAG, FLAGGED):
        cbor = to_cbor(encode_ring_a(signature))
        for at in range(len(cbor)):
            for value in (0, 0x17, 0x18, 0x19, 0x61, 0x98, cbor[at] ^ 1, cbor[at] ^ 0x80):
                text = to_text(cbor[:at] + bytes([value]) + cbor[at + 1 :])
                try:
                    decoded = decode_ring_a(text, 3)
                except Rejected:
                    continue
                assert encode_ring_a(decoded) == text


def test_every_truncation_is_refused() -> None:
    for signature in (SAG, BLSAG, FLAGGED):
        text = encode_ring_a(signature)
        for length in range(len(text)):
            refuse(text[:length])


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_a_scalar_of_zero_or_not_below_the_order_is_refused(scalar: int) -> None:
    value = scalar.to_bytes(32, "big")
    refuse(encode_ring_a(RingSignature(Scheme.SAG, value, SCALARS)), reason="zero or not below")
    refuse(encode_ring_a(RingSignature(Scheme.SAG, b"\x20" * 32, (*SCALARS[:2], value))), reason="zero or not below")
    with pytest.raises(Rejected, match="zero or not below"):
        decode_json(json.dumps({"c0": value.hex(), "s": [value.hex()] * 3}), 3)


@pytest.mark.parametrize("scalar", [1, ORDER - 1])
def test_the_smallest_and_the_largest_scalar_decode(scalar: int) -> None:
    signature = RingSignature(Scheme.SAG, scalar.to_bytes(32, "big"), (scalar.to_bytes(32, "big"),) * 3)
    assert decode_ring_a(encode_ring_a(signature), 3) == signature


@pytest.mark.parametrize(
    "image", [bytes(33), b"\x04" + bytes(32), b"\x06" + bytes(32), b"\x02" * 32, b"\x02" * 34, b""]
)
def test_a_key_image_that_is_no_compressed_point_is_refused(image: bytes) -> None:
    refuse(encode_ring_a(RingSignature(Scheme.BLSAG, b"\x20" * 32, SCALARS, image)))


def test_a_map_head_that_miscounts_its_members_is_refused() -> None:
    for signature in (SAG, BLSAG, FLAGGED):
        cbor = to_cbor(encode_ring_a(signature))
        for head in {0xA3, 0xA4, 0xA5, 0xA6, 0xBF} - {cbor[0]}:
            refuse(to_text(bytes([head]) + cbor[1:]))


def test_shared_reference_tags_are_refused() -> None:
    # A general decoder would build each array from the first: 204 bytes become 25 MB on re-encoding.
    head = to_cbor(encode_ring_a(SAG)).partition(b"\x61s")[0]
    refuse(to_text(head + b"\x61s\x83\xd8\x1c\x98\x20" + b"\x01" * 32 + b"\xd8\x1d\x00\xd8\x1d\x00"))


@pytest.mark.serial
def test_a_signature_of_a_thousand_members_decodes_in_milliseconds() -> None:
    scalars = tuple((index + 2**255).to_bytes(32, "big") for index in range(1000))
    text = encode_ring_a(RingSignature(Scheme.SAG, b"\x18" * 32, scalars))
    # About 0.0012; the rest is for slow machines.
    assert measure_fastest_s(lambda: decode_ring_a(text, 1000)) < scaled(0.015)


C0 = "20" * 32
HEX = [scalar.hex() for scalar in SCALARS]


@pytest.mark.parametrize("indent", [None, 2, 8])
def test_json_decodes_in_any_layout_and_order(indent: int | None) -> None:
    assert decode_json(json.dumps({"c0": C0, "s": HEX}, indent=indent), 3) == SAG
    assert decode_json(json.dumps({"s": HEX, "c0": C0}, indent=indent), 3) == SAG


REFUSED_JSON = {
    "a repeated key": f'{{"c0":"{C0}","c0":"{C0}","s":{json.dumps(HEX)}}}',
    "a key repeated through an escape": f'{{"c0":"{C0}","\\u0063\\u0030":"{C0}","s":{json.dumps(HEX)}}}',
    "an unknown key": json.dumps({"c0": C0, "s": HEX, "x": 1}),
    "a key image": json.dumps({"c0": C0, "s": HEX, "key_image": "02" * 33}),
    "no c0": json.dumps({"s": HEX}),
    "no s": json.dumps({"c0": C0}),
    "a list for the object": json.dumps([C0, HEX]),
    "a text for the list": json.dumps({"c0": C0, "s": "abc"}),
    "an object for the list": json.dumps({"c0": C0, "s": {"c0": C0, "s": HEX}}),
    "an object in the list": json.dumps({"c0": C0, "s": [*HEX[:2], {"c0": C0, "s": HEX}]}),
    "a number in the list": json.dumps({"c0": C0, "s": [*HEX[:2], 1]}),
    "null for c0": json.dumps({"c0": None, "s": HEX}),
    "a response too few": json.dumps({"c0": C0, "s": HEX[:2]}),
    "a response too many": json.dumps({"c0": C0, "s": [*HEX, HEX[0]]}),
    "upper case": json.dumps({"c0": "AB" * 32, "s": HEX}),
    "0x": json.dumps({"c0": "0x" + C0[2:], "s": HEX}),
    "a trailing newline in hex": json.dumps({"c0": C0 + "\n", "s": HEX}),
    "spaces in hex": json.dumps({"c0": " " + C0[2:] + " ", "s": HEX}),
    "digits of another script": json.dumps({"c0": "٢" * 64, "s": HEX}, ensure_ascii=False),
    "something after it": json.dumps({"c0": C0, "s": HEX}) + "x",
    "deep nesting": "[" * 600,
    "a number too long for an int": "9" * 600,
    "nothing": "",
    "not a number": "NaN",
    "too much white space": json.dumps({"c0": C0, "s": HEX}) + " " * 1000,
}


@pytest.mark.parametrize("raw", REFUSED_JSON.values(), ids=REFUSED_JSON)
def test_other_json_is_refused(raw: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode_json(raw, 3)
    assert caught.value.prefix is Prefix.INVALID


def test_nesting_deeper_than_the_stack_is_refused() -> None:
    with pytest.raises(Rejected):
        decode_json("[" * 120_000, 1000)
    with pytest.raises(Rejected):
        decode_json('{"c0":' * 20_000, 1000)
