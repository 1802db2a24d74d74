"""Ring signatures as authors and tests make them. No server signs: it would have to hold keys.

The time of Python's integers depends on their values: sign on a machine whose timing no one else can measure.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence

from coincurve import PrivateKey, PublicKey

from relay.protocol.ring_terms import Scheme, is_flag
from relay.verify.curve import Curve
from relay.verify.encoding import ORDER, RingSignature, is_scalar
from relay.verify.ring_equations import (
    Dialect,
    Member,
    hash_to_point,
    next_challenge,
    start_blsag,
    start_sag,
    to_flag_bytes,
)


def _draw_scalar() -> int:
    return 1 + secrets.randbelow(ORDER - 1)


def sign_sag(
    message: bytes,
    ring: Sequence[Member],
    secret: bytes,
    dialect: Dialect = Dialect.CANONICAL,
    draw: Callable[[], int] = _draw_scalar,
) -> RingSignature:
    """Sign so that no one can tell which member did, nor whether two signatures have one signer.

    Raises ValueError when the key (32 bytes) is not in the ring, or a member is not on the curve.
    """
    if dialect is Dialect.RELEASE:
        raise ValueError("this dialect is of the other scheme")
    _require_two_members(ring)
    place, key = find_signer(ring, secret)
    state = start_sag(message, ring, dialect)
    curve = Curve()
    nonce = draw()
    responses = [draw() for _ in ring]
    challenges = [0] * len(ring)
    challenge = next_challenge(state, _multiply_base(nonce))
    for index in _list_places(place, len(ring)):
        challenges[index] = challenge
        if index != place:
            challenge = next_challenge(state, _compute_link(curve, responses[index], challenge, ring[index]))
    responses[place] = _close_ring(nonce, challenges[place], key)
    return RingSignature(Scheme.SAG, _to_bytes(challenges[0]), tuple(map(_to_bytes, responses)))


def sign_blsag(
    message: bytes,
    ring: Sequence[Member],
    secret: bytes,
    flag: str | None,
    dialect: Dialect = Dialect.CANONICAL,
    draw: Callable[[], int] = _draw_scalar,
) -> RingSignature:
    """Sign so that two signatures with one flag show whether they have one signer, but not which member.

    Without a flag all signatures of a key link, across rings. Raises ValueError as sign_sag does, and for a bad flag.
    """
    if dialect is Dialect.TYPESCRIPT or (dialect is Dialect.RELEASE and flag is not None):
        raise ValueError("this dialect cannot make such a signature")
    if flag is not None and not is_flag(flag):
        raise ValueError("the flag must be 1 to 128 bytes of UTF-8")
    _require_two_members(ring)
    place, key = find_signer(ring, secret)
    flag_bytes = to_flag_bytes(flag, dialect)
    bases = [hash_to_point(member.point, flag_bytes) for member in ring]
    key_image = _multiply_point(bases[place], key)
    state = start_blsag(message)
    curve = Curve()
    image = _parse_point(curve, key_image)
    nonce = draw()
    responses = [draw() for _ in ring]
    challenges = [0] * len(ring)
    challenge = next_challenge(state, _multiply_base(nonce) + _multiply_point(bases[place], nonce))
    for index in _list_places(place, len(ring)):
        challenges[index] = challenge
        if index != place:
            left = _compute_link(curve, responses[index], challenge, ring[index])
            base = _parse_point(curve, bases[index])
            right = curve.add_pair(_to_bytes(responses[index]), base, _to_bytes(challenge), image)
            challenge = next_challenge(state, left + _require_point(right))
    responses[place] = _close_ring(nonce, challenges[place], key)
    return RingSignature(Scheme.BLSAG, _to_bytes(challenges[0]), tuple(map(_to_bytes, responses)), key_image, flag)


def compute_key_image(member: Member, secret: bytes, flag: str | None, dialect: Dialect = Dialect.CANONICAL) -> bytes:
    """Return the key image (33 bytes) that a member's signatures with this flag all have. Raises ValueError."""
    _, key = find_signer([member], secret)
    return _multiply_point(hash_to_point(member.point, to_flag_bytes(flag, dialect)), key)


def find_signer(ring: Sequence[Member], secret: bytes) -> tuple[int, int]:
    """Return the signer's place in the ring and the key of the point listed there: negated where that is -dG."""
    if not is_scalar(secret):
        raise ValueError("the secret key must be 32 bytes that hold a number in 1..n-1")
    public = PrivateKey(secret).public_key.format()
    for place, member in enumerate(ring):
        if member.point[1:] == public[1:]:
            key = int.from_bytes(secret, "big")
            return place, key if member.point == public else ORDER - key
    raise ValueError("the secret key's public key is not in the ring")


def _require_two_members(ring: Sequence[Member]) -> None:
    if len({member.point[1:] for member in ring}) < max(2, len(ring)):
        raise ValueError("the ring must hold two or more distinct keys")


def _list_places(place: int, size: int) -> Iterator[int]:
    """Return all places once around the ring, from behind the signer to the signer."""
    return ((place + step) % size for step in range(1, size + 1))


def _close_ring(nonce: int, challenge: int, key: int) -> int:
    """Return the signer's response: with it s*G + c*P is the nonce's point."""
    response = (nonce - challenge * key) % ORDER
    if response == 0:
        # As likely as guessing the key. A relay refuses a zero, which would reveal the key.
        raise ValueError("an unlucky draw: sign again")
    return response


def _to_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(32, "big")


def _multiply_base(scalar: int) -> bytes:
    return PrivateKey(_to_bytes(scalar)).public_key.format()


def _multiply_point(point: bytes, scalar: int) -> bytes:
    return PublicKey(point).multiply(_to_bytes(scalar)).format()


def _compute_link(curve: Curve, response: int, challenge: int, member: Member) -> bytes:
    return _require_point(curve.add(response, challenge, member.point))


def _parse_point(curve: Curve, point: bytes) -> bytes:
    return _require_point(curve.parse_point(point))


def _require_point(point: bytes | None) -> bytes:
    if point is None:
        raise ValueError("a ring member is not a point on the curve")
    return point
