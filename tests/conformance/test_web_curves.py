"""The two curves of web/core, noble's and the one in WebAssembly, against libsecp256k1: sums, refusals, and Schnorr signatures."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from coincurve import PrivateKey, PublicKey, PublicKeyXOnly

from relay.verify.encoding import ORDER
from tests.conformance.web_core import NOT_TESTED, WEB, ask
from tests.support import npm

PRIME = 2**256 - 2**32 - 977
DRAWS = 400
LEAST_SUMS = 150

Json = dict[str, Any]


@pytest.fixture(scope="module")
def node() -> str:
    return npm.install(WEB, NOT_TESTED)


def write(number: int) -> str:
    return number.to_bytes(32, "big").hex()


def lift(x: int) -> PublicKey | None:
    try:
        return PublicKey(b"\x02" + x.to_bytes(32, "big"))
    except ValueError:
        return None


def find_point_from(x: int) -> str:
    """Return the first point, compressed, whose x is this or above."""
    while (point := lift(x)) is None:
        x += 1
    return point.format().hex()


def point_of(secret: int) -> str:
    return PrivateKey.from_int(secret).public_key.format().hex()


# x in n..p-1 is a point's, and no ECDSA signature's r; x at or above p is another spelling of a point that has one.
HIGH_POINTS = (find_point_from(ORDER), find_point_from(ORDER + 1), find_point_from(ORDER + 2**100))
POINTS = (
    *(point_of(secret) for secret in (1, 2, 3, ORDER - 1, ORDER - 2)),
    *HIGH_POINTS,
    *("03" + point[2:] for point in HIGH_POINTS),
    *(f"02{write(x)}" for x in (0, 5, PRIME - 1, PRIME, PRIME + 1, PRIME + 5, 2**256 - 1)),
    *(f"{head}{point_of(7)[2:]}" for head in ("00", "04", "05", "06", "07")),
    *(point_of(7)[2:], point_of(7)[:-2], point_of(7) + "00", "00", ""),
    *(PrivateKey.from_int(7).public_key.format(compressed=False).hex(), "00" * 33),
)
SCALARS = (0, 1, 2, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1, 2**255)


def draw_operands(rng: random.Random) -> Json:
    """Draw two scalars and two points, some of them at the borders of what there is, and some with a sum at infinity."""
    secret, other = (rng.randrange(1, ORDER) for _ in range(2))
    s, c = ((rng.choice(SCALARS) if rng.random() < 0.2 else rng.randrange(1, ORDER)) for _ in range(2))
    points = [rng.choice(POINTS) if rng.random() < 0.3 else point_of(number) for number in (secret, other)]
    operation = rng.choice(("base", "both"))
    match rng.random(), operation:
        case chance, "base" if chance < 0.1:
            s, points = -c * secret % ORDER, [point_of(secret)] * 2
        case chance, "both" if chance < 0.2 and 0 < c < ORDER:
            # s*B = -c*P, or s*B = c*P.
            sign = rng.choice((1, -1))
            points = [point_of(secret), point_of(sign * s * secret * pow(c, -1, ORDER) % ORDER or 1)]
        case _:
            pass
    return {"operation": operation, "scalars": [write(s), write(c)], "points": points}


def compute(operands: Json) -> str | None:
    """Return the sum as libsecp256k1 computes it."""
    scalars = [bytes.fromhex(scalar) for scalar in operands["scalars"]]
    points = [bytes.fromhex(point) for point in operands["points"]]
    if not all(0 < int.from_bytes(scalar, "big") < ORDER for scalar in scalars) or not all(map(is_compressed, points)):
        return None
    try:
        parsed = list(map(PublicKey, points))
        base = operands["operation"] == "base"
        left = PrivateKey(scalars[0]).public_key if base else parsed[0].multiply(scalars[0])
        return PublicKey.combine_keys([left, parsed[0 if base else 1].multiply(scalars[1])]).format().hex()
    except ValueError:
        return None


def is_compressed(point: bytes) -> bool:
    return len(point) == 33 and point[0] in (2, 3)


def test_both_curves_compute_what_libsecp256k1_does_and_refuse_what_it_refuses(node: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    drawn = [draw_operands(rng) for _ in range(DRAWS)]
    # Each point and each scalar at a border once, beside ordinary ones.
    ordinary = {"operation": "both", "scalars": [write(3), write(4)], "points": [point_of(5), point_of(6)]}
    drawn += [{**ordinary, "operation": name, "points": [point] * 2} for point in POINTS for name in ("base", "both")]
    drawn += [
        {**ordinary, "scalars": pair}
        for scalar in SCALARS
        for pair in ([write(scalar), write(3)], [write(3), write(scalar)])
    ]
    expected = list(map(compute, drawn))
    for operands, found, ours in zip(drawn, ask(node, "web_curves.mjs", drawn), expected, strict=True):
        assert found == [ours, ours], f"seed {seed}: {operands}"
    assert sum(one is not None for one in expected) >= LEAST_SUMS
    assert expected.count(None) >= LEAST_SUMS


def list_signatures() -> Iterator[tuple[Sequence[bytes], bool]]:
    """Yield signature, message and key, and whether it verifies (BIP-340)."""
    key, message = PrivateKey.from_int(12345), bytes(range(32))
    pubkey, signature = key.public_key.format()[1:], key.sign_schnorr(message)
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    yield (signature, message, pubkey), True
    for other in (
        *(r + (s + change).to_bytes(32, "big") for change in (1, ORDER - s, 2**256 - 1 - s, -s)),
        r + (ORDER - s).to_bytes(32, "big"),
        *(
            x.to_bytes(32, "big") + signature[32:]
            for x in (0, 5, PRIME, PRIME + int.from_bytes(r, "big") % 2**32, 2**256 - 1)
        ),
    ):
        yield (other, message, pubkey), False
    yield (signature, message[:-1] + b"\0", pubkey), False
    for other_key in (
        *(x.to_bytes(32, "big") for x in (0, 5, PRIME, PRIME + 1, 2**256 - 1)),
        bytes.fromhex(point_of(7)[2:]),
    ):
        yield (signature, message, other_key), False


def test_both_curves_verify_schnorr_signatures_as_libsecp256k1_does(node: str) -> None:
    cases = list(list_signatures())
    for (signature, message, key), expected in cases:
        try:
            assert PublicKeyXOnly(key).verify(signature, message) is expected
        except ValueError:
            assert not expected
    lines = [{"operation": "schnorr", "bytes": [part.hex() for part in parts]} for parts, _ in cases]
    assert ask(node, "web_curves.mjs", lines) == [[expected, expected] for _, expected in cases]
