"""Ring signatures made the same way each time, over any ring, right or wrong. For vectors: never where keys matter."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from coincurve import PrivateKey, PublicKey

from relay.protocol.ring_terms import Scheme
from relay.verify.curve import Curve
from relay.verify.encoding import ORDER, RingSignature
from relay.verify.ring_equations import (
    Dialect,
    Member,
    hash_to_base,
    hash_to_point,
    lift_x,
    next_challenge,
    parse_member,
    start_blsag,
    start_sag,
    to_flag_bytes,
)

Link = Callable[[int, int, int], bytes]


def secret_of(number: int) -> bytes:
    """Return secret key `number` of tests/vectors/README.md."""
    digest = hashlib.sha256(b"ringsig-test-key-%d" % number).digest()
    return (int.from_bytes(digest, "big") % (ORDER - 1) + 1).to_bytes(32, "big")


# A key that nobody holds the secret of: its x is the group's order, and on the curve. Code that reduces x trips over it.
KEY_AT_ORDER = -1


def key_of(number: int) -> bytes:
    if number == KEY_AT_ORDER:
        return ORDER.to_bytes(32, "big")
    return PrivateKey(secret_of(number)).public_key.format()[1:]


def key_image_of(signer: int, flag: str | None, dialect: Dialect = Dialect.CANONICAL) -> bytes:
    base = hash_to_point(lift_x(key_of(signer)).point, to_flag_bytes(flag, dialect))
    return PublicKey(base).multiply(_scalar_of(signer).to_bytes(32, "big")).format()


def sag(
    text: str,
    ring: Sequence[int],
    signer: int,
    dialect: Dialect = Dialect.CANONICAL,
    zero: bool = False,
    written: Sequence[str] = (),
) -> RingSignature:
    """Sign; with `zero` the response behind the signer's is 0, which closes the ring and is not valid.

    `written` are the members' keys in 64 or 66 digits, where one has 66.
    """
    members = [parse_member(key) for key in written or [key_of(number).hex() for number in ring]]
    state = start_sag(text.encode(), members, dialect)
    curve = Curve()

    def link(place: int, s: int, c: int) -> bytes:
        return _require(curve.add(s, c, members[place].point))

    is_odd = members[ring.index(signer)].point[0] == 3
    c0, responses = _close(state, link, ring, signer, zero, is_odd)
    return RingSignature(Scheme.SAG, c0, responses)


def blsag(
    text: str,
    ring: Sequence[int],
    signer: int,
    flag: str | None,
    dialect: Dialect = Dialect.CANONICAL,
    written: Sequence[str] = (),
) -> RingSignature:
    """Sign; `written` as in `sag`, where no bLSAG is valid. The signer's own key has an even point."""
    key_image = key_image_of(signer, flag, dialect)
    members = [parse_member(key) for key in written or [key_of(number).hex() for number in ring]]
    link = _link_blsag(members, key_image, flag, dialect)
    c0, responses = _close(start_blsag(text.encode()), link, ring, signer)
    return RingSignature(Scheme.BLSAG, c0, responses, key_image, flag)


def list_at_infinity(first: int, others: Sequence[int], flag: str) -> Iterator[tuple[str, RingSignature]]:
    """Yield signatures of a ring whose first link has a sum at infinity. They have no other fault before it."""
    c, s = 5, -5 * _scalar_of(first) % ORDER
    responses = tuple(value.to_bytes(32, "big") for value in (s, *range(1, len(others) + 1)))
    c0 = c.to_bytes(32, "big")
    yield "sag", RingSignature(Scheme.SAG, c0, responses)
    yield "blsag, left", RingSignature(Scheme.BLSAG, c0, responses, key_image_of(others[0], flag), flag)
    base = PublicKey(hash_to_point(lift_x(key_of(first)).point, to_flag_bytes(flag, Dialect.CANONICAL)))
    # s*Hp + c*I with I = -(s/c)*Hp, for a response that leaves the left sum alone.
    response = 7
    image = base.multiply((-response * pow(c, -1, ORDER) % ORDER).to_bytes(32, "big")).format()
    responses = (response.to_bytes(32, "big"), *responses[1:])
    yield "blsag, right", RingSignature(Scheme.BLSAG, c0, responses, image, flag)


def rotate(signature: RingSignature, text: str, ring: Sequence[int]) -> tuple[RingSignature, tuple[int, ...]]:
    """Turn a bLSAG of the canonical dialect and its ring by one place, as anybody can who holds no key of it."""
    assert signature.key_image is not None
    members = [lift_x(key_of(number)) for number in ring]
    link = _link_blsag(members, signature.key_image, signature.flag, Dialect.CANONICAL)
    first, *others = signature.responses
    points = link(0, int.from_bytes(first, "big"), int.from_bytes(signature.c0, "big"))
    c0 = next_challenge(start_blsag(text.encode()), points).to_bytes(32, "big")
    turned = RingSignature(signature.scheme, c0, (*others, first), signature.key_image, signature.flag)
    return turned, (*ring[1:], ring[0])


def _link_blsag(members: Sequence[Member], key_image: bytes, flag: str | None, dialect: Dialect) -> Link:
    curve = Curve()
    image = _require(curve.parse_point(key_image))

    def link(place: int, s: int, c: int) -> bytes:
        left = _require(curve.add(s, c, members[place].point))
        base = hash_to_base(members[place].point, to_flag_bytes(flag, dialect))[1]
        return left + _require(curve.add_pair(s.to_bytes(32, "big"), base, c.to_bytes(32, "big"), image))

    return link


def _close(
    state: "hashlib._Hash", link: Link, ring: Sequence[int], signer: int, zero: bool = False, is_odd: bool = False
) -> tuple[bytes, tuple[bytes, ...]]:
    """Walk the ring from its signer to its signer, and return c0 and the responses.

    The signer's own link is begun with a response and a challenge, too: a*G = (a - t*d)*G + t*P for any t.
    """
    start, size = ring.index(signer), len(ring)
    seed = hashlib.sha256(state.digest() + b"%d" % signer).digest()
    drawn, nonce, t = ([_draw(seed, index) for index in range(size)], _draw(seed, size), _draw(seed, size + 1))
    if zero:
        drawn[(start + 1) % size] = 0
    key = ORDER - _scalar_of(signer) if is_odd else _scalar_of(signer)
    challenges = [0] * size
    challenge = next_challenge(state, link(start, (nonce - t * key) % ORDER, t))
    for place in ((start + step) % size for step in range(1, size + 1)):
        challenges[place] = challenge
        if place != start:
            challenge = next_challenge(state, link(place, drawn[place], challenge))
    drawn[start] = (nonce - challenges[start] * key) % ORDER
    return challenges[0].to_bytes(32, "big"), tuple(s.to_bytes(32, "big") for s in drawn)


def _draw(seed: bytes, index: int) -> int:
    return int.from_bytes(hashlib.sha256(seed + b"/%d" % index).digest(), "big") % (ORDER - 1) + 1


def _scalar_of(number: int) -> int:
    """Return the secret of the lifted key: the lift has an even y, whatever the secret's own point has."""
    secret = int.from_bytes(secret_of(number), "big")
    return secret if PrivateKey(secret_of(number)).public_key.format()[0] == 2 else ORDER - secret


def _require(point: bytes | None) -> bytes:
    assert point is not None
    return point
