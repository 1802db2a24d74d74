"""The curve points that one link of a ring needs, computed in libsecp256k1. Knows no ring, hash or scheme."""

from coincurve import PublicKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from relay.verify.encoding import ORDER, ORDER_BYTES


class Curve:
    """The buffers in which libsecp256k1 computes the points of a link.

    Make one per verification: the calls release the GIL, so two threads must not share one.
    """

    __slots__ = ("_compressed", "_context", "_left", "_pair", "_right", "_signature", "_size", "_sum", "_view")

    def __init__(self) -> None:
        # No call made here changes the context, so threads may share it (secp256k1.h).
        self._context = GLOBAL_CONTEXT.ctx
        self._signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
        self._sum = ffi.new("secp256k1_pubkey *")
        self._left = ffi.new("secp256k1_pubkey *")
        self._right = ffi.new("secp256k1_pubkey *")
        self._pair = ffi.new("secp256k1_pubkey *[2]", [self._left, self._right])
        self._compressed = ffi.new("unsigned char[33]")
        self._size = ffi.new("size_t *", 33)
        self._view = ffi.buffer(self._compressed)

    def add(self, s: int, c: int, point: bytes) -> bytes | None:
        """Return C(s*G + c*P), None if P is not on the curve or the sum is infinite. 0 <= s < n, 0 < c < n.

        ECDSA public key recovery (SEC 1, 4.1.6) returns (s'*R - m'*G) / r, where R is the point that r and the recovery
        id name. With R = P, r = x(P), s' = c*r and m' = -s*r that is s*G + c*P, in one call.
        """
        r = x = point[1:]
        recovery_id = point[0] & 1  # bit 0: the y of R is odd
        if x >= ORDER_BYTES:
            if x == ORDER_BYTES:
                return _add_slowly(s, c, point)  # x = n is on the curve, but r = 0 is not valid in ECDSA
            recovery_id |= 2  # bit 1: the x of R is r + n
            r = (int.from_bytes(x, "big") - ORDER).to_bytes(32, "big")
        factor = int.from_bytes(r, "big")
        compact = r + (c * factor % ORDER).to_bytes(32, "big")
        digest = (-s * factor % ORDER).to_bytes(32, "big")
        # Parsing cannot fail: r and s' are below n. Recovery fails if x is not on the curve, if x is not below p, and at
        # infinity.
        if not lib.secp256k1_ecdsa_recoverable_signature_parse_compact(
            self._context, self._signature, compact, recovery_id
        ) or not lib.secp256k1_ecdsa_recover(self._context, self._sum, self._signature, digest):
            return None
        return self._compress(self._sum)

    def add_pair(self, s: bytes, base: bytes, c: bytes, image: bytes) -> bytes | None:
        """Return C(s*B + c*I), None if it is infinite. B and I are in libsecp256k1's own form, s and c are not 0."""
        ffi.memmove(self._left, base, 64)
        ffi.memmove(self._right, image, 64)
        if (
            not lib.secp256k1_ec_pubkey_tweak_mul(self._context, self._left, s)
            or not lib.secp256k1_ec_pubkey_tweak_mul(self._context, self._right, c)
            or not lib.secp256k1_ec_pubkey_combine(self._context, self._sum, self._pair, 2)
        ):
            return None
        return self._compress(self._sum)

    def parse_point(self, point: bytes) -> bytes | None:
        """Return a compressed point in libsecp256k1's own form (64 opaque bytes), None if it is not on the curve."""
        # Check the length: libsecp256k1 would also accept the 65 bytes of a hybrid.
        if len(point) != 33 or not lib.secp256k1_ec_pubkey_parse(self._context, self._sum, point, 33):
            return None
        return bytes(ffi.buffer(self._sum))

    def _compress(self, point: object) -> bytes:
        # It cannot fail: the point comes from libsecp256k1 and the buffer is large enough.
        lib.secp256k1_ec_pubkey_serialize(
            self._context, self._compressed, self._size, point, lib.SECP256K1_EC_COMPRESSED
        )
        return bytes(self._view)


def _add_slowly(s: int, c: int, point: bytes) -> bytes | None:
    """Return C(s*G + c*P) by two multiplications and a sum, None if it is infinite."""
    product = PublicKey(point).multiply(c.to_bytes(32, "big"))
    if s == 0:
        return product.format()
    try:
        return PublicKey.combine_keys([PublicKey.from_secret(s.to_bytes(32, "big")), product]).format()
    except ValueError:
        return None
