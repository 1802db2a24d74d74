"""What anyone can do to a linkable signature without a secret key: turn it, so that it begins at the next member."""

from coincurve import PrivateKey, PublicKey

from relay.protocol.ring_terms import Scheme
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect, hash_to_point, lift_x, next_challenge, start_blsag, to_flag_bytes


def rotate(message: bytes, ring: list[bytes] | tuple[bytes, ...], signature: RingSignature) -> RingSignature:
    """Return the signature turned by one: valid over the same message and the ring turned by one, in other bytes."""
    assert signature.key_image is not None
    member, response, challenge = lift_x(ring[0]).point, signature.responses[0], signature.c0
    left = PublicKey.combine_keys([PrivateKey(response).public_key, PublicKey(member).multiply(challenge)])
    base = PublicKey(hash_to_point(member, to_flag_bytes(signature.flag, Dialect.CANONICAL)))
    right = PublicKey.combine_keys([base.multiply(response), PublicKey(signature.key_image).multiply(challenge)])
    following = next_challenge(start_blsag(message), left.format() + right.format()).to_bytes(32, "big")
    responses = (*signature.responses[1:], response)
    return RingSignature(Scheme.BLSAG, following, responses, signature.key_image, signature.flag)
