"""What holds for any ring, message and signature: signed is verified, changed is refused, decoded is re-encoded."""

import base64
import json
from dataclasses import replace

import pytest
from coincurve import PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Scheme
from relay.verify import proof, ring_equations
from relay.verify.encoding import ORDER, RingSignature, decode_json, decode_ring_a, encode_ring_a
from relay.verify.ring_equations import Dialect, Member, lift_x

SECRETS = [PrivateKey(bytes(31) + bytes([index])).secret for index in range(1, 8)]
MEMBERS = [lift_x(PrivateKey(secret).public_key.format()[1:]) for secret in SECRETS]
MESSAGE = b"nostr-ring-note:v1:" + b"0" * 64
SAG = sign_sag(MESSAGE, MEMBERS[:3], SECRETS[1])
BLSAG = sign_blsag(MESSAGE, MEMBERS[:3], SECRETS[1], "scope")
CANONICAL = (Dialect.CANONICAL,)

scalars = st.one_of(
    st.integers(1, ORDER - 1),
    st.binary(min_size=32, max_size=32).map(lambda data: int.from_bytes(data) % (ORDER - 1) + 1),
).map(lambda scalar: scalar.to_bytes(32, "big"))
images = st.builds(lambda head, x: bytes([head]) + x, st.sampled_from([2, 3]), st.binary(min_size=32, max_size=32))
flags = st.text(st.characters(codec="utf-8"), min_size=1, max_size=32)
responses = st.lists(scalars, min_size=1, max_size=40).map(tuple)
signatures = st.one_of(
    st.builds(RingSignature, st.just(Scheme.SAG), scalars, responses),
    st.builds(RingSignature, st.just(Scheme.BLSAG), scalars, responses, images, st.none() | flags),
)


def verifies(message: bytes, members: list[Member], signature: RingSignature) -> bool:
    try:
        ring_equations.verify_ring_signature(message, members, signature, CANONICAL)
    except Rejected as rejected:
        assert rejected.prefix is Prefix.INVALID  # noqa: PT017
        return False
    return True


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("signature", [SAG, BLSAG], ids=["sag", "blsag"])
def test_every_flipped_bit_of_a_valid_proof_makes_it_invalid(signature: RingSignature) -> None:
    members = MEMBERS[:3]
    assert verifies(MESSAGE, members, signature)
    for bit in range(256):
        assert not verifies(MESSAGE, members, replace(signature, c0=flip(signature.c0, bit)))
        for place in range(3):
            changed = list(signature.responses)
            changed[place] = flip(changed[place], bit)
            assert not verifies(MESSAGE, members, replace(signature, responses=tuple(changed)))
            other = list(members)
            other[place] = lift_x(flip(members[place].given, bit))
            assert not verifies(MESSAGE, other, signature)
    for bit in range(8 * len(MESSAGE)):
        assert not verifies(flip(MESSAGE, bit), members, signature)
    for place in range(3):
        for bit in range(8):
            other = list(members)
            other[place] = Member(flip(members[place].point, bit), members[place].given)
            assert not verifies(MESSAGE, other, signature)


def test_every_flipped_bit_of_a_key_image_or_flag_makes_the_proof_invalid() -> None:
    assert BLSAG.key_image is not None
    for bit in range(8 * 33):
        assert not verifies(MESSAGE, MEMBERS[:3], replace(BLSAG, key_image=flip(BLSAG.key_image, bit)))
    for bit in range(8 * 5):
        flag = flip(b"scope", bit).decode("latin-1")
        assert not verifies(MESSAGE, MEMBERS[:3], replace(BLSAG, flag=flag))


def test_every_changed_character_of_a_ringsig_is_refused() -> None:
    keys = [member.given for member in MEMBERS[:3]]
    note = make_bound_note(Draft(ring=keys, secret=SECRETS[0], content="", created_at=0))
    found = proof.detect_claim(note)
    assert found is not None
    text = note.tags[-1][1]
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(Rejected):
            ring_equations.verify_ring_signature(
                found.candidates[0].text.encode(), MEMBERS[:3], decode_ring_a(changed, 3), CANONICAL
            )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.permutations(range(7)), st.integers(2, 7), st.data())
def test_what_any_member_signs_verifies_for_that_message_and_ring_only(
    message: bytes, order: list[int], size: int, data: st.DataObject
) -> None:
    members = [MEMBERS[index] for index in order[:size]]
    secret = SECRETS[order[data.draw(st.integers(0, size - 1))]]
    flag = data.draw(st.none() | flags)
    for signature in (sign_sag(message, members, secret), sign_blsag(message, members, secret, flag)):
        assert verifies(message, members, signature)
        assert not verifies(message + b"\0", members, signature)
        assert not verifies(message, members[:-1], signature)
        assert not verifies(message, [members[1], members[0], *members[2:]], signature)
        assert decode_ring_a(encode_ring_a(signature), size) == signature


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), scalars, st.lists(scalars, min_size=3, max_size=3), images, flags)
def test_a_signature_nobody_made_does_not_verify(
    message: bytes, c0: bytes, drawn: list[bytes], image: bytes, flag: str
) -> None:
    assert not verifies(message, MEMBERS[:3], RingSignature(Scheme.SAG, c0, tuple(drawn)))
    assert not verifies(message, MEMBERS[:3], RingSignature(Scheme.BLSAG, c0, tuple(drawn), image, flag))


@settings(max_examples=200, deadline=None)
@given(signatures)
def test_what_is_encoded_decodes_to_the_same_signature(signature: RingSignature) -> None:
    assert decode_ring_a(encode_ring_a(signature), len(signature.responses)) == signature


@settings(max_examples=200, deadline=None)
@given(signatures, st.data())
def test_bytes_changed_inserted_or_deleted_are_refused_or_are_the_spelling_of_what_they_decode_to(
    signature: RingSignature, data: st.DataObject
) -> None:
    text = encode_ring_a(signature)
    cbor = bytearray(base64.urlsafe_b64decode(text[5:] + "=" * (-len(text[5:]) % 4)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(cbor) - 1))
        match data.draw(st.sampled_from(["change", "insert", "delete"])):
            case "change":
                cbor[at] = data.draw(st.sampled_from([0, 0x17, 0x18, 0x19, 0x20, 0x61, 0x69, 0x6C, 0x98, 0xFF]))
            case "insert":
                cbor.insert(at, data.draw(st.sampled_from([0, 0x17, 0x18, 0x19, 0x20, 0x98])))
            case _:
                del cbor[at]
    changed = "ringA" + base64.urlsafe_b64encode(bytes(cbor)).rstrip(b"=").decode()
    try:
        decoded = decode_ring_a(changed, len(signature.responses))
    except Rejected:
        return
    assert encode_ring_a(decoded) == changed


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.text("ringAo2F_-=", max_size=300).map("ringA".__add__)), st.integers(0, 50))
@example("ringA", 2)
@example("ringA=", 2)
@example("ringAo2F2Y3NhZ2FjWCA", 2)
def test_arbitrary_text_is_a_signature_or_refused(text: str, size: int) -> None:
    for decode in (decode_ring_a, decode_json):
        try:
            assert isinstance(decode(text, size), RingSignature)
        except Rejected as rejected:
            assert rejected.prefix is Prefix.INVALID  # noqa: PT017


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | scalars.map(bytes.hex),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["c0", "s", "x"]), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(json_values, st.integers(0, 4))
def test_arbitrary_json_is_a_signature_or_refused(value: object, size: int) -> None:
    try:
        assert len(decode_json(json.dumps(value), size).responses) == size
    except Rejected as rejected:
        assert rejected.prefix is Prefix.INVALID  # noqa: PT017
