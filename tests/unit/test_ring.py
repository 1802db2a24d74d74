"""The ring equations at their edges, against a slow model of the curve that shares no code with them."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from coincurve import PrivateKey

from relay.client.signing.ring_sign import compute_key_image, sign_blsag, sign_sag
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Scheme
from relay.verify import curve, ring_equations
from relay.verify.curve import Curve
from relay.verify.encoding import ORDER as N
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect, Member, lift_x, parse_member

P = 2**256 - 2**32 - 977
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None  # None is the identity
CANONICAL = (Dialect.CANONICAL,)
MESSAGE = b"a message"


def add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % P == 0:
            return None
        slope = 3 * one[0] * one[0] * pow(2 * one[1], -1, P) % P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def multiply(scalar: int, point: Point) -> Point:
    result: Point = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def find_point(x: int, *, odd: bool = False) -> Point:
    """Return the point with this x, None where there is none."""
    square = (x**3 + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if x >= P or y * y % P != square:
        return None
    return x, (P - y if (y & 1) != odd else y)


def compress(point: Point) -> bytes:
    assert point is not None
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")


def parse(compressed: bytes) -> Point:
    return find_point(int.from_bytes(compressed[1:], "big"), odd=compressed[0] == 3)


def hash_to_scalar(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big") % N or 1


def to_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(32, "big")


def draw(label: str) -> int:
    return hash_to_scalar(label.encode())


KEYS = [draw(f"key {index}") for index in range(6)]
POINTS = [PrivateKey(to_bytes(key)).public_key.format() for key in KEYS]
MEMBERS = [lift_x(point[1:]) for point in POINTS]
SECRETS = [to_bytes(key) for key in KEYS]
# x between the order and the prime: recovery names them as r = x - n with bit 1 of the recovery id.
HOSTILE_X = [x for x in range(N + 2, N + 40) if find_point(x)]
# x = n itself is on the curve, and r would be 0.
ORDER_X = N
OFF_CURVE = next(to_bytes(x) for x in range(1, 20) if find_point(x) is None)
SAG = sign_sag(MESSAGE, MEMBERS, SECRETS[2])
BLSAG = sign_blsag(MESSAGE, MEMBERS, SECRETS[2], "scope")


def model_sign_sag(points: Sequence[bytes], place: int, key: int) -> RingSignature:
    """Sign over any ring, hostile keys included, in plain integers."""
    shared = MESSAGE + b"".join(points)
    size = len(points)
    responses = [draw(f"response {index}") for index in range(size)]
    challenges = [0] * size
    challenge = hash_to_scalar(shared + compress(multiply(draw("nonce"), G)))
    for step in range(1, size + 1):
        index = (place + step) % size
        challenges[index] = challenge
        if index != place:
            total = add(multiply(responses[index], G), multiply(challenge, parse(points[index])))
            challenge = hash_to_scalar(shared + compress(total))
    responses[place] = (draw("nonce") - challenges[place] * key) % N
    return RingSignature(Scheme.SAG, to_bytes(challenges[0]), tuple(map(to_bytes, responses)))


def refuse(
    message: bytes, members: Sequence[Member], signature: RingSignature, reason: str = "does not verify"
) -> None:
    for dialects in (CANONICAL, tuple(Dialect)):
        with pytest.raises(Rejected, match=reason) as caught:
            ring_equations.verify_ring_signature(message, members, signature, dialects)
        assert caught.value.prefix is Prefix.INVALID


SCALAR_EDGES = [1, 2, N - 1, N - 2, N // 2, N // 2 + 1, draw("any")]


@pytest.mark.parametrize("s", [0, *SCALAR_EDGES])
@pytest.mark.parametrize("c", SCALAR_EDGES)
def test_one_link_is_s_g_plus_c_p_for_edge_scalars_and_both_parities(s: int, c: int) -> None:
    for point in (POINTS[0], b"\x02" + POINTS[1][1:], b"\x03" + POINTS[1][1:]):
        expected = add(multiply(s, G), multiply(c, parse(point)))
        assert Curve().add(s, c, point) == (compress(expected) if expected else None)


@pytest.mark.parametrize("c", [1, N - 1, draw("c")])
def test_one_link_doubles_where_both_sides_are_one_point_and_is_none_where_they_cancel(c: int) -> None:
    key, point = KEYS[0], POINTS[0]
    assert Curve().add(c * key % N, c, point) == compress(multiply(2 * c * key % N, G))
    assert Curve().add(-c * key % N, c, point) is None


@pytest.mark.parametrize("parity", [b"\x02", b"\x03"])
@pytest.mark.parametrize("x", [ORDER_X, *HOSTILE_X])
def test_one_link_is_right_for_every_x_from_the_order_up(x: int, parity: bytes) -> None:
    point = parity + to_bytes(x)
    curve = Curve()
    for s in (0, 1, N - 1, draw("s")):
        for c in (1, N - 1, draw("c")):
            assert curve.add(s, c, point) == compress(add(multiply(s, G), multiply(c, parse(point))))


@pytest.mark.parametrize("x", [*(x for x in range(N + 1, N + 40) if x not in HOSTILE_X), P, P + 1, 2**256 - 1, 0])
def test_an_x_off_the_curve_or_past_the_prime_has_no_link(x: int) -> None:
    assert Curve().add(1, 1, b"\x02" + to_bytes(x)) is None
    members = [MEMBERS[0], lift_x(to_bytes(x)), MEMBERS[1]]
    for signature in (SAG, BLSAG):
        refuse(MESSAGE, members, replace(signature, responses=SAG.responses[:3]), "not a point on the curve")


def test_the_slow_link_of_the_point_whose_x_is_the_order_is_the_fast_one_also_where_it_is_infinite() -> None:
    # Nobody knows that point's logarithm, so nobody can make its own link infinite. Those of other points show it.
    key, point = KEYS[0], POINTS[0]
    for c in SCALAR_EDGES:
        for s in (0, *SCALAR_EDGES, -c * key % N):
            assert curve._add_slowly(s, c, point) == Curve().add(s, c, point)
        assert curve._add_slowly(-c * key % N, c, point) is None


def test_there_are_points_with_x_from_the_order_up() -> None:
    assert find_point(ORDER_X) is not None
    assert len(HOSTILE_X) > 10
    assert find_point(N + 1) is None


def test_a_valid_signature_over_a_ring_of_hostile_keys_verifies_and_its_neighbours_do_not() -> None:
    points = [b"\x02" + to_bytes(x) for x in (ORDER_X, *HOSTILE_X[:4])]
    points.insert(2, b"\x02" + POINTS[0][1:])
    key = KEYS[0] if POINTS[0][0] == 2 else N - KEYS[0]
    signature = model_sign_sag(points, 2, key)
    members = [Member(point, point) for point in points]
    assert ring_equations.verify_ring_signature(MESSAGE, members, signature, CANONICAL) is Dialect.CANONICAL
    refuse(MESSAGE + b"!", members, signature)
    negated = [Member(b"\x03" + points[0][1:], points[0]), *members[1:]]
    refuse(MESSAGE, negated, signature)


def test_a_hostile_ring_is_signed_and_verified_with_a_linkable_signature_too() -> None:
    members = [lift_x(to_bytes(x)) for x in (ORDER_X, *HOSTILE_X)] + [MEMBERS[3]]
    signature = sign_blsag(MESSAGE, members, SECRETS[3], "scope")
    assert ring_equations.verify_ring_signature(MESSAGE, members, signature, CANONICAL) is Dialect.CANONICAL
    refuse(MESSAGE + b"!", members, signature)


@pytest.mark.parametrize("place", range(6))
def test_the_model_and_the_relay_agree_on_a_signature_from_every_place(place: int) -> None:
    points = [member.point for member in MEMBERS]
    key = KEYS[place] if POINTS[place][0] == 2 else N - KEYS[place]
    assert (
        ring_equations.verify_ring_signature(MESSAGE, MEMBERS, model_sign_sag(points, place, key), CANONICAL)
        is Dialect.CANONICAL
    )


def test_a_link_at_infinity_makes_the_signature_invalid() -> None:
    even = KEYS[0] if POINTS[0][0] == 2 else N - KEYS[0]
    challenge = int.from_bytes(SAG.c0, "big")
    responses = (to_bytes(-challenge * even % N), *SAG.responses[1:])
    refuse(MESSAGE, MEMBERS, replace(SAG, responses=responses))
    refuse(MESSAGE, MEMBERS, replace(BLSAG, c0=SAG.c0, responses=responses))


def test_a_second_leg_at_infinity_makes_the_signature_invalid() -> None:
    # I = x*Hp(P0) with a known x: s = -c*x cancels in the second leg while the first does not.
    base = parse(ring_equations.hash_to_point(MEMBERS[0].point, b"scope"))
    challenge = int.from_bytes(BLSAG.c0, "big")
    responses = (to_bytes(-challenge * 5 % N), *BLSAG.responses[1:])
    refuse(MESSAGE, MEMBERS, replace(BLSAG, responses=responses, key_image=compress(multiply(5, base))))


@pytest.mark.parametrize(("digest", "challenge"), [(0, 1), (N, 1), (1, 1), (N - 1, N - 1), (N + 5, 5)])
def test_a_challenge_is_the_hash_modulo_the_order_and_zero_is_one(digest: int, challenge: int) -> None:
    assert ring_equations.to_challenge(to_bytes(digest)) == challenge


def test_hp_is_on_the_curve_even_and_found_by_rehashing() -> None:
    rehashed = 0
    for index in range(40):
        flag = b"flag %d" % index
        x = hashlib.sha256(MEMBERS[0].point + flag).digest()
        counter = 0
        while find_point(int.from_bytes(x, "big")) is None:
            x = hashlib.sha256(x + counter.to_bytes(4, "big")).digest()
            counter += 1
            rehashed += 1
        assert ring_equations.hash_to_point(MEMBERS[0].point, flag) == b"\x02" + x
    assert rehashed


@pytest.mark.parametrize("size", [2, 3, 24])
@pytest.mark.parametrize("dialect", [Dialect.CANONICAL, Dialect.TYPESCRIPT])
def test_a_sag_verifies_in_the_dialect_it_was_made_in(size: int, dialect: Dialect) -> None:
    secrets = [to_bytes(draw(f"sag {index}")) for index in range(size)]
    members = [lift_x(PrivateKey(secret).public_key.format()[1:]) for secret in secrets]
    for place in range(0, size, 5):
        signature = sign_sag(MESSAGE, members, secrets[place], dialect)
        assert ring_equations.verify_ring_signature(MESSAGE, members, signature, tuple(Dialect)) is dialect


@pytest.mark.parametrize(
    ("flag", "dialect"), [(None, Dialect.CANONICAL), ("scope", Dialect.CANONICAL), (None, Dialect.RELEASE)]
)
def test_a_blsag_verifies_in_the_dialect_it_was_made_in(flag: str | None, dialect: Dialect) -> None:
    for secret in SECRETS:
        signature = sign_blsag(MESSAGE, MEMBERS, secret, flag, dialect)
        assert ring_equations.verify_ring_signature(MESSAGE, MEMBERS, signature, tuple(Dialect)) is dialect
        for other in set(Dialect) - {dialect}:
            with pytest.raises(Rejected):
                ring_equations.verify_ring_signature(MESSAGE, MEMBERS, signature, [other])


def test_a_signature_verifies_in_no_dialect_when_none_is_asked_for() -> None:
    with pytest.raises(Rejected, match="does not verify"):
        ring_equations.verify_ring_signature(MESSAGE, MEMBERS, SAG, ())


def test_in_a_ring_of_two_the_typescript_dialect_lets_bytes_move_between_message_and_ring() -> None:
    # Why callers ask for three members: the shared hash is of m || x0 || x1 and does not say where m ends. A note that
    # ends in the bytes of a key reads as another note, if its signer finds a ring that is written alike.
    first, second = MEMBERS[:2]
    assert (
        ring_equations.start_sag(b"m" + first.given, [second], Dialect.TYPESCRIPT).digest()
        == ring_equations.start_sag(b"m", [first, second], Dialect.TYPESCRIPT).digest()
    )


def test_a_ring_of_one_is_refused_because_its_key_image_can_be_minted() -> None:
    # Fix both points of the only link, learn the challenge, and solve s*Hp + c*I = R for I: the equation closes.
    even = KEYS[0] if POINTS[0][0] == 2 else N - KEYS[0]
    base = parse(ring_equations.hash_to_point(MEMBERS[0].point, b"scope"))
    for minted in (b"one", b"two"):
        left, right = multiply(7, G), multiply(draw(minted.decode()), G)
        challenge = hash_to_scalar(b"NostringerBlsagChallenge" + MESSAGE + compress(left) + compress(right))
        response = (7 - challenge * even) % N
        image = multiply(pow(challenge, -1, N), add(right, multiply(N - response, base)))
        assert add(multiply(response, base), multiply(challenge, image)) == right
        forged = RingSignature(Scheme.BLSAG, to_bytes(challenge), (to_bytes(response),), compress(image), "scope")
        refuse(MESSAGE, MEMBERS[:1], forged, "at least two members")


def test_duplicates_are_refused_also_as_a_key_and_its_negative() -> None:
    refuse(MESSAGE, [*MEMBERS[:5], MEMBERS[0]], SAG, "listed twice")
    refuse(MESSAGE, [*MEMBERS[:5], Member(b"\x03" + MEMBERS[0].point[1:], b"")], SAG, "listed twice")


def test_members_of_other_lengths_and_prefixes_are_refused() -> None:
    for point in (b"", MEMBERS[0].given, b"\x04" + MEMBERS[0].given, b"\x02" * 65, b"\x06" + b"\x02" * 64):
        refuse(MESSAGE, [Member(point, point), *MEMBERS[1:]], SAG, "not a public key")


@pytest.mark.parametrize("scalar", [bytes(32), to_bytes(N), to_bytes(N + 1), b"\xff" * 32, b"\1" * 31, b"\1" * 33, b""])
def test_scalars_of_zero_past_the_order_or_of_another_length_are_refused(scalar: bytes) -> None:
    for signature in (SAG, BLSAG):
        refuse(MESSAGE, MEMBERS, replace(signature, c0=scalar), "out of range")
        refuse(MESSAGE, MEMBERS, replace(signature, responses=(*SAG.responses[:5], scalar)), "out of range")


def test_a_response_plus_the_order_is_refused() -> None:
    # TypeScript reduces it and verifies: one signature, two spellings. Only responses below 2^256 - n have a second one
    # of 32 bytes, so the decoy's is drawn small.
    shared = MESSAGE + MEMBERS[0].point + MEMBERS[1].point
    even = KEYS[1] if POINTS[1][0] == 2 else N - KEYS[1]
    c0 = hash_to_scalar(shared + compress(multiply(9, G)))
    c1 = hash_to_scalar(shared + compress(add(multiply(5, G), multiply(c0, parse(MEMBERS[0].point)))))
    last = to_bytes((9 - c1 * even) % N)
    signature = RingSignature(Scheme.SAG, to_bytes(c0), (to_bytes(5), last))
    assert ring_equations.verify_ring_signature(MESSAGE, MEMBERS[:2], signature, CANONICAL) is Dialect.CANONICAL
    refuse(MESSAGE, MEMBERS[:2], replace(signature, responses=(to_bytes(5 + N), last)), "out of range")


def test_a_response_too_many_or_too_few_is_refused() -> None:
    refuse(MESSAGE, MEMBERS, replace(SAG, responses=SAG.responses[:5]), "one response per ring member")
    refuse(MESSAGE, MEMBERS, replace(SAG, responses=(*SAG.responses, SAG.c0)), "one response per ring member")


def test_a_key_image_or_a_flag_on_the_wrong_scheme_is_refused() -> None:
    refuse(MESSAGE, MEMBERS, replace(SAG, key_image=BLSAG.key_image), "belong to blsag")
    refuse(MESSAGE, MEMBERS, replace(SAG, flag="scope"), "belong to blsag")
    refuse(MESSAGE, MEMBERS, replace(BLSAG, key_image=None), "belong to blsag")
    refuse(MESSAGE, MEMBERS, replace(BLSAG, scheme=Scheme.SAG), "belong to blsag")


@pytest.mark.parametrize(
    "image",
    [b"", b"\0", bytes(33), bytes(65), b"\x06" + b"\1" * 64, b"\x04" + b"\1" * 32, POINTS[0][1:], POINTS[0] + b"\0"],
)
def test_the_identity_hybrids_and_other_lengths_are_no_key_image(image: bytes) -> None:
    refuse(MESSAGE, MEMBERS, replace(BLSAG, key_image=image), "compressed point of 33 bytes")


def test_a_key_image_off_the_curve_or_past_the_prime_is_refused() -> None:
    # The x past the prime would be a second spelling of a small x.
    small = next(x for x in range(1, 20) if find_point(x))
    for x in (OFF_CURVE, to_bytes(P + small)):
        refuse(MESSAGE, MEMBERS, replace(BLSAG, key_image=b"\x02" + x), "not a point on the curve")


def test_another_key_image_is_refused_be_it_the_negative_a_multiple_or_another_members() -> None:
    image = BLSAG.key_image
    assert image is not None
    others = [
        bytes([image[0] ^ 1]) + image[1:],
        compress(multiply(2, parse(image))),
        compress(add(parse(image), G)),
        compute_key_image(MEMBERS[1], SECRETS[1], "scope"),
        compute_key_image(MEMBERS[2], SECRETS[2], "another scope"),
        compute_key_image(MEMBERS[2], SECRETS[2], None),
    ]
    for other in others:
        refuse(MESSAGE, MEMBERS, replace(BLSAG, key_image=other))


def test_one_member_has_one_key_image_a_scope_whatever_the_ring_and_the_message() -> None:
    images = {
        sign_blsag(message, members, SECRETS[2], "scope").key_image
        for message in (b"one", b"two")
        for members in (MEMBERS, MEMBERS[::-1], MEMBERS[1:4])
    }
    assert images == {compute_key_image(MEMBERS[2], SECRETS[2], "scope")}
    # -d lifts to the same member.
    assert images == {compute_key_image(MEMBERS[2], to_bytes(N - KEYS[2]), "scope")}
    assert images != {compute_key_image(MEMBERS[2], SECRETS[2], "scope 2")}


def test_a_blsag_can_be_rotated_by_anyone_so_its_bytes_name_nothing() -> None:
    # The challenge hashes neither ring nor key image: only the message can bind the order.
    curve = Curve()
    image = curve.parse_point(BLSAG.key_image or b"")
    base = ring_equations.hash_to_base(MEMBERS[0].point, b"scope")[1]
    assert image is not None
    left = curve.add(int.from_bytes(BLSAG.responses[0], "big"), int.from_bytes(BLSAG.c0, "big"), MEMBERS[0].point)
    right = curve.add_pair(BLSAG.responses[0], base, BLSAG.c0, image)
    assert left is not None
    assert right is not None
    c1 = to_bytes(ring_equations.next_challenge(ring_equations.start_blsag(MESSAGE), left + right))
    rotated = replace(BLSAG, c0=c1, responses=(*BLSAG.responses[1:], BLSAG.responses[0]))
    assert (
        ring_equations.verify_ring_signature(MESSAGE, [*MEMBERS[1:], MEMBERS[0]], rotated, CANONICAL)
        is Dialect.CANONICAL
    )
    refuse(MESSAGE, MEMBERS, rotated)


def test_a_sag_cannot_be_rotated() -> None:
    state = ring_equations.start_sag(MESSAGE, MEMBERS, Dialect.CANONICAL)
    first = Curve().add(int.from_bytes(SAG.responses[0], "big"), int.from_bytes(SAG.c0, "big"), MEMBERS[0].point)
    c1 = to_bytes(ring_equations.next_challenge(state, first or b""))
    rotated = replace(SAG, c0=c1, responses=(*SAG.responses[1:], SAG.responses[0]))
    refuse(MESSAGE, [*MEMBERS[1:], MEMBERS[0]], rotated)


def test_many_threads_verify_at_once_without_mixing_their_numbers_up() -> None:
    wrong = replace(SAG, c0=SAG.responses[0])

    def verify(number: int) -> bool:
        signature = (SAG, wrong, BLSAG)[number % 3]
        try:
            ring_equations.verify_ring_signature(MESSAGE, MEMBERS, signature, CANONICAL)
        except Rejected:
            return False
        return True

    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(verify, range(300))) == [number % 3 != 1 for number in range(300)]


def test_a_key_parses_in_each_spelling_nostringer_takes() -> None:
    point = PrivateKey(SECRETS[0]).public_key
    compressed, uncompressed = point.format(), point.format(compressed=False)
    assert parse_member(compressed[1:].hex()) == lift_x(compressed[1:])
    assert parse_member(compressed.hex()) == Member(compressed, compressed)
    assert parse_member(uncompressed.hex()) == Member(compressed, uncompressed)


HEX = MEMBERS[0].given.hex()
Y = PrivateKey(SECRETS[0]).public_key.format(compressed=False)[33:].hex()


@pytest.mark.parametrize(
    "key",
    [
        "",
        HEX[:-1],
        HEX + "0",
        HEX.upper(),
        "0x" + HEX,
        HEX + "\n",
        " " + HEX[1:],
        "04" + HEX,
        "00" + HEX,
        "06" + HEX + Y,
        "07" + HEX + Y,
        "02" + HEX + Y,
        "z" * 64,
        "٢" * 64,
    ],
)
def test_another_spelling_of_a_key_is_refused(key: str) -> None:
    with pytest.raises(Rejected, match="not a public key"):
        parse_member(key)


def test_an_uncompressed_key_off_the_curve_is_refused() -> None:
    with pytest.raises(Rejected, match="not a point on the curve"):
        parse_member("04" + HEX + "00" * 32)


def test_a_ring_id_is_the_hash_of_the_sorted_keys() -> None:
    keys = [member.given for member in MEMBERS]
    assert ring_equations.to_ring_id(keys) == ring_equations.to_ring_id(keys[::-1])
    assert ring_equations.to_ring_id(keys) == hashlib.sha256(b"".join(sorted(keys))).hexdigest()


def test_links_are_counted_per_member_three_for_a_blsag() -> None:
    assert ring_equations.count_links(Scheme.SAG, 10, 1) == 10
    assert ring_equations.count_links(Scheme.BLSAG, 10, 2) == 60


def test_signing_refuses_strangers_bad_keys_small_rings_and_dialects_of_the_other_scheme() -> None:
    with pytest.raises(ValueError, match="not in the ring"):
        sign_sag(MESSAGE, MEMBERS[:3], SECRETS[5])
    for secret in (bytes(32), to_bytes(N), b"\1" * 31):
        with pytest.raises(ValueError, match="secret key must be"):
            sign_sag(MESSAGE, MEMBERS, secret)
    with pytest.raises(ValueError, match="two or more"):
        sign_blsag(MESSAGE, MEMBERS[:1], SECRETS[0], "scope")
    with pytest.raises(ValueError, match="two or more"):
        sign_sag(MESSAGE, [*MEMBERS, MEMBERS[0]], SECRETS[0])
    with pytest.raises(ValueError, match="not a point on the curve"):
        sign_sag(MESSAGE, [*MEMBERS, lift_x(OFF_CURVE)], SECRETS[0])
    with pytest.raises(ValueError, match="other scheme"):
        sign_sag(MESSAGE, MEMBERS, SECRETS[0], Dialect.RELEASE)
    with pytest.raises(ValueError, match="cannot make"):
        sign_blsag(MESSAGE, MEMBERS, SECRETS[0], None, Dialect.TYPESCRIPT)
    with pytest.raises(ValueError, match="1 to 128 bytes"):
        sign_blsag(MESSAGE, MEMBERS, SECRETS[0], "")


def test_two_signatures_of_one_message_share_no_number() -> None:
    again = sign_sag(MESSAGE, MEMBERS, SECRETS[2])
    assert {SAG.c0, *SAG.responses}.isdisjoint({again.c0, *again.responses})
