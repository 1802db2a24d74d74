"""Every Nostringer vector, and what this relay makes of it. Knows nothing of events: those are test_proof's."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.client.signing.ring_sign import sign_sag
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Scheme
from relay.verify import ring_equations
from relay.verify.encoding import RingSignature, decode_json, decode_ring_a, encode_ring_a
from relay.verify.ring_equations import Dialect, Member, parse_member

Vector = dict[str, Any]
VECTORS: dict[str, Vector] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "nostringer.json").read_text())["vectors"]
}


def name(*numbers: int) -> list[str]:
    return [f"v{number:03}" for number in numbers]


# Over compressed keys both implementations hash the same bytes, so both dialects verify.
IN_BOTH_SAG_DIALECTS = name(1, 2, 5, 6, 11, 12, 17, 18, 23, 24, 43, 74, 75)
# TypeScript hashes keys as they were given, x-only or uncompressed; Rust compresses them first.
IN_TYPESCRIPT_ONLY = name(3, 7, 9, 15, 19, 21, 72, 108)
IN_CANONICAL_ONLY = name(4, 10, 16, 22, 63, 73, 115, 117)
LINKABLE = name(27, 28, 29, 30, 31, 32, 34, 35, 76, 84)
# The same secret under 02 and 03: two key images. test_one_key_spelt_with_two_parities says what we do about it.
LINKABLE_WITH_PARITY = name(87, 88)
LINKABLE_OF_THE_RELEASE = name(109, 110, 111, 113)
# Wrong message, order, flag, key image or scalar; 62 was signed over compressed keys and its ring is x-only.
NOT_VALID = name(44, 45, 46, 47, 53, 62, 77, 78, 79, 81, 83)
RING_OF_ONE_IS_NOT_SIGNED = name(37, 38)
# Both implementations verify a ring of one. It hides nobody, and lets anyone mint fresh key images.
RING_OF_ONE = name(39, 40, 41, 42)
EMPTY_RING = name(68)
# Both accept duplicates. They shrink the anonymity set silently.
DUPLICATE_KEYS = name(69, 70)
OFF_CURVE = name(65)
# Both accept upper case. One key, one spelling: keys are compared, sorted and hashed.
UPPER_CASE_KEYS = name(64)
BAD_KEY_PREFIX = name(66, 67)
# One response a member, no more, no fewer.
WRONG_COUNT = name(49, 50, 51)
# TypeScript reduces s+n, strips 0x and leading zeros, takes upper case; Rust takes 0x and upper case. Each gives one
# signature several spellings, so that a copy with another id could pass for another signature.
OTHER_HEX = name(54, 59, 60, 61)
# Rust takes a response of zero (71 closes the ring); no signer draws one, and c0 = 0 leaves a link without its key.
OUT_OF_RANGE = name(55, 56, 57, 58, 71)
KEY_IMAGE_OF_32_BYTES = name(82)
# Rust takes flag "" for no flag: the same Hp, two spellings.
EMPTY_FLAG = name(86)
# Rust's decoder takes c as an array (92), another order (93), unknown keys (94), a flag on a SAG (99), an endless map
# (102) and a list for the map (105). The layout is fixed here: what is read re-encodes to the same text.
OTHER_COMPACT = name(91, 92, 93, 94, 96, 97, 98, 99, 100, 101, 102, 104, 105)
COMPACT_OUT_OF_RANGE = name(103)

HANDLED = [
    *IN_BOTH_SAG_DIALECTS,
    *IN_TYPESCRIPT_ONLY,
    *IN_CANONICAL_ONLY,
    *LINKABLE,
    *LINKABLE_WITH_PARITY,
    *LINKABLE_OF_THE_RELEASE,
    *NOT_VALID,
    *RING_OF_ONE_IS_NOT_SIGNED,
    *RING_OF_ONE,
    *EMPTY_RING,
    *DUPLICATE_KEYS,
    *OFF_CURVE,
    *UPPER_CASE_KEYS,
    *BAD_KEY_PREFIX,
    *WRONG_COUNT,
    *OTHER_HEX,
    *OUT_OF_RANGE,
    *KEY_IMAGE_OF_32_BYTES,
    *EMPTY_FLAG,
    *OTHER_COMPACT,
    *COMPACT_OUT_OF_RANGE,
]
SAG = {Dialect.CANONICAL, Dialect.TYPESCRIPT}


def test_no_vector_is_passed_over_and_none_is_handled_twice() -> None:
    assert len(HANDLED) == len(set(HANDLED)) == len(VECTORS) == 97
    assert set(HANDLED) == set(VECTORS)


def read_ring(vector: Vector) -> list[Member]:
    return [parse_member(key) for key in vector["ring"]]


def read_signature(vector: Vector) -> RingSignature:
    """Build what the vector's JSON says, without our decoder: that has tests of its own."""
    values = vector["signature"]
    return RingSignature(
        Scheme.BLSAG if "key_image" in values else Scheme.SAG,
        bytes.fromhex(values["c0"]),
        tuple(map(bytes.fromhex, values["s"])),
        bytes.fromhex(values["key_image"]) if "key_image" in values else None,
        values.get("linkability_flag"),
    )


def list_dialects(vector: Vector, signature: RingSignature) -> set[Dialect]:
    found = set()
    for dialect in Dialect:
        try:
            found.add(
                ring_equations.verify_ring_signature(
                    bytes.fromhex(vector["message_hex"]), read_ring(vector), signature, [dialect]
                )
            )
        except Rejected as rejected:
            assert rejected.prefix is Prefix.INVALID  # noqa: PT017
    return found


def refuse_check(vector: Vector, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        ring_equations.verify_ring_signature(
            bytes.fromhex(vector["message_hex"]), read_ring(vector), read_signature(vector), [Dialect.CANONICAL]
        )


VERIFYING = [
    *((vector, SAG) for vector in IN_BOTH_SAG_DIALECTS),
    *((vector, {Dialect.TYPESCRIPT}) for vector in IN_TYPESCRIPT_ONLY),
    *((vector, {Dialect.CANONICAL}) for vector in IN_CANONICAL_ONLY + LINKABLE + LINKABLE_WITH_PARITY),
    *((vector, {Dialect.RELEASE}) for vector in LINKABLE_OF_THE_RELEASE),
]


@pytest.mark.parametrize(("vector", "dialects"), VERIFYING)
def test_a_valid_signature_verifies_in_its_own_dialects_and_in_no_other(vector: str, dialects: set[Dialect]) -> None:
    assert list_dialects(VECTORS[vector], read_signature(VECTORS[vector])) == dialects


@pytest.mark.parametrize("vector", [vector for vector, _ in VERIFYING if VECTORS[vector]["compact"]])
def test_the_compact_text_of_a_valid_signature_decodes_to_it_and_encodes_back(vector: str) -> None:
    text = VECTORS[vector]["compact"]
    decoded = decode_ring_a(text, len(VECTORS[vector]["ring"]))
    assert decoded == read_signature(VECTORS[vector])
    assert encode_ring_a(decoded) == text


@pytest.mark.parametrize("vector", IN_BOTH_SAG_DIALECTS + IN_TYPESCRIPT_ONLY + IN_CANONICAL_ONLY)
def test_the_json_of_a_valid_sag_decodes_to_it(vector: str) -> None:
    raw = json.dumps(VECTORS[vector]["signature"], indent=2)
    assert decode_json(raw, len(VECTORS[vector]["ring"])) == read_signature(VECTORS[vector])


@pytest.mark.parametrize("vector", NOT_VALID)
def test_a_signature_of_something_else_verifies_in_no_dialect(vector: str) -> None:
    assert not list_dialects(VECTORS[vector], read_signature(VECTORS[vector]))


@pytest.mark.parametrize("vector", RING_OF_ONE_IS_NOT_SIGNED)
def test_a_ring_of_one_is_not_signed_here_either(vector: str) -> None:
    assert "error" in VECTORS[vector]["observed"]["sign"]
    members = read_ring(VECTORS[vector])
    with pytest.raises(ValueError, match="two or more"):
        sign_sag(b"", members, bytes.fromhex(VECTORS[vector]["signer_secret_hex"]))


@pytest.mark.parametrize("vector", RING_OF_ONE + EMPTY_RING)
def test_a_ring_of_one_or_none_is_refused_though_others_verify_it(vector: str) -> None:
    refuse_check(VECTORS[vector], "at least two members")


@pytest.mark.parametrize("vector", DUPLICATE_KEYS)
def test_duplicate_keys_are_refused_though_others_verify_them(vector: str) -> None:
    assert VECTORS[vector]["observed"] == {"ts": True, "rust": True}
    refuse_check(VECTORS[vector], "listed twice")


@pytest.mark.parametrize("vector", OFF_CURVE)
def test_a_key_off_the_curve_is_refused_by_name(vector: str) -> None:
    refuse_check(VECTORS[vector], "not a point on the curve")


@pytest.mark.parametrize("vector", UPPER_CASE_KEYS + BAD_KEY_PREFIX)
def test_upper_case_unknown_prefixes_and_hybrid_keys_are_refused(vector: str) -> None:
    with pytest.raises(Rejected, match="not a public key"):
        read_ring(VECTORS[vector])


@pytest.mark.parametrize("vector", UPPER_CASE_KEYS)
def test_upper_case_is_all_that_is_wrong_with_those_keys(vector: str) -> None:
    lowered = VECTORS[vector] | {"ring": [key.lower() for key in VECTORS[vector]["ring"]]}
    assert list_dialects(lowered, read_signature(lowered)) == SAG


@pytest.mark.parametrize("vector", WRONG_COUNT)
def test_a_response_too_many_or_too_few_is_refused_everywhere(vector: str) -> None:
    values = VECTORS[vector]
    refuse_check(values, "one response per ring member")
    with pytest.raises(Rejected):
        decode_json(json.dumps(values["signature"]), len(values["ring"]))
    with pytest.raises(Rejected):
        decode_ring_a(values["compact"], len(values["ring"]))


@pytest.mark.parametrize("vector", OTHER_HEX)
def test_hex_with_a_prefix_in_upper_case_or_of_another_length_is_refused_though_others_take_it(vector: str) -> None:
    assert VECTORS[vector]["observed"]["ts"]
    with pytest.raises(Rejected, match="lower-case hex"):
        decode_json(json.dumps(VECTORS[vector]["signature"]), len(VECTORS[vector]["ring"]))


@pytest.mark.parametrize("vector", ["v059", "v060"])
def test_the_compact_text_beside_such_hex_is_the_plain_signature_and_verifies(vector: str) -> None:
    decoded = decode_ring_a(VECTORS[vector]["compact"], len(VECTORS[vector]["ring"]))
    assert list_dialects(VECTORS[vector], decoded) == SAG


@pytest.mark.parametrize("vector", OUT_OF_RANGE)
def test_a_scalar_of_zero_or_not_below_the_order_is_refused_by_decoder_and_check(vector: str) -> None:
    values = VECTORS[vector]
    with pytest.raises(Rejected, match="zero or not below"):
        decode_json(json.dumps(values["signature"]), len(values["ring"]))
    if values["compact"]:
        with pytest.raises(Rejected, match="zero or not below"):
            decode_ring_a(values["compact"], len(values["ring"]))
    refuse_check(values, "out of range")


@pytest.mark.parametrize("vector", KEY_IMAGE_OF_32_BYTES)
def test_an_x_only_key_image_is_refused(vector: str) -> None:
    refuse_check(VECTORS[vector], "compressed point of 33 bytes")


@pytest.mark.parametrize("vector", EMPTY_FLAG)
def test_an_empty_flag_is_refused_though_it_hashes_as_no_flag(vector: str) -> None:
    values = VECTORS[vector]
    refuse_check(values, "1 to 128 bytes")
    unflagged = values | {"signature": values["signature"] | {"linkability_flag": None}}
    assert list_dialects(unflagged, read_signature(unflagged)) == {Dialect.CANONICAL}


@pytest.mark.parametrize("vector", OTHER_COMPACT)
def test_another_cbor_spelling_is_refused(vector: str) -> None:
    with pytest.raises(Rejected, match=r"compact layout|begin with ringA"):
        decode_ring_a(VECTORS[vector]["compact"], len(VECTORS[vector]["ring"]))


@pytest.mark.parametrize("vector", COMPACT_OUT_OF_RANGE)
def test_a_compact_scalar_not_below_the_order_is_refused(vector: str) -> None:
    with pytest.raises(Rejected, match="not below the curve's order"):
        decode_ring_a(VECTORS[vector]["compact"], len(VECTORS[vector]["ring"]))


def test_one_key_spelt_with_two_parities_has_two_key_images_and_lifting_leaves_one() -> None:
    # Raw checks verify both spellings as Nostringer does. Bound notes list x-only keys, which lift to 02 only; and the
    # two spellings are duplicates within a ring.
    first, second = (VECTORS[vector] for vector in LINKABLE_WITH_PARITY)
    assert first["signature"]["key_image"] != second["signature"]["key_image"]
    lifted = [[ring_equations.lift_x(member.point[1:]) for member in read_ring(vector)] for vector in (first, second)]
    assert lifted[0] == lifted[1]
