"""The ring equations: whether a SAG or bLSAG signature over a ring is valid. Knows no notes, and never signs.

Laws of this file (Nostringer; all on secp256k1, which has cofactor 1, with SHA-256):
    SAG    c' = H(m || ring || C(s*G + c*P))
    bLSAG  c' = H("NostringerBlsagChallenge" || m || C(s*G + c*P) || C(s*Hp(P) + c*I))
Walking the ring once from c0 must lead back to c0. Scalars are in 1..n-1, and a challenge of 0 counts as 1.

A key image is on the curve and not the identity. With cofactor 1 this is enough: there are no points of small order to
add to it. So a member with the key d has exactly one image, d*Hp(P), and 33 bytes spell a point in one way.
Three conditions keep it so:
    Hp sees one spelling of P. A bound note lists x-only keys, because a `03` would give a second image.
    There is no ring of one. Its I could be chosen after its only challenge.
    The message contains the ring. A challenge hashes neither ring nor I, so keys could be chosen after the challenges.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from coincurve import PublicKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from relay.protocol.hex import HEX32, HEX64, HEX_POINT
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Scheme, is_flag
from relay.verify.curve import Curve
from relay.verify.encoding import ORDER, RingSignature, is_compressed_point, is_scalar

NOT_VERIFIED = "the ring signature does not verify: sign exactly this text with a key of this ring"
RELEASE_FLAG = "NostringerHp"
_BLSAG_DOMAIN = b"NostringerBlsagChallenge"
_CACHED_BASES = 4_096  # four of the largest default rings, about 2 MB
_MEMBER = re.compile(rf"{HEX32}|{HEX_POINT}|04{HEX64}")


class Dialect(StrEnum):
    """The implementation whose hashing a signature follows."""

    CANONICAL = "canonical"  # SAG hashes compressed members; bLSAG as on Nostringer's Rust main
    TYPESCRIPT = "typescript"  # SAG hashes members as they were given
    RELEASE = "rust-0.1.8"  # bLSAG without a flag hashes the bytes "NostringerHp" in its place


_DIALECTS = {
    Scheme.SAG: (Dialect.CANONICAL, Dialect.TYPESCRIPT),
    Scheme.BLSAG: (Dialect.CANONICAL, Dialect.RELEASE),
}
_LINKS = {Scheme.SAG: 1, Scheme.BLSAG: 3}


@dataclass(frozen=True, slots=True)
class Member:
    """A ring key: the compressed point (33 bytes), and the bytes in which it was given (32, 33 or 65).

    The point may be off the curve. The equations detect this without an extra square root.
    """

    point: bytes
    given: bytes


def lift_x(x_only: bytes) -> Member:
    """Return the member with this x coordinate (32 bytes) and an even y, as lift_x of BIP-340."""
    return Member(b"\x02" + x_only, x_only)


def to_member(given: bytes) -> Member:
    """Return the member with this key: 32 bytes (x only) or 33 (compressed)."""
    return lift_x(given) if len(given) == 32 else Member(given, given)


def parse_member(key_hex: str) -> Member:
    """Parse a key as Nostringer accepts it: 64 hex (x only), 66 (02, 03) or 130 (04). Raises Rejected for any other.

    Upper case and `0x` are refused. So are the hybrids 06 and 07, which libsecp256k1 would accept as a second spelling.
    """
    if not _MEMBER.fullmatch(key_hex):
        raise Rejected(Prefix.INVALID, "a ring member is not a public key: use 64 lower-case hex digits")
    given = bytes.fromhex(key_hex)
    if len(given) <= 33:
        return to_member(given)
    try:
        return Member(PublicKey(given).format(), given)
    except ValueError:
        raise _build_off_curve_refusal() from None


def to_ring_id(x_only_keys: Iterable[bytes]) -> str:
    """Return the ring id: the hex SHA-256 of the members' 32-byte keys, sorted and concatenated."""
    return hashlib.sha256(b"".join(sorted(x_only_keys))).hexdigest()


def count_links(scheme: Scheme, ring_size: int, dialects: int) -> int:
    """Return the maximum cost of verification in links. A link is one libsecp256k1 recovery; a bLSAG member costs three."""
    return dialects * ring_size * _LINKS[scheme]


def find_signed(
    texts: Sequence[str], ring: Sequence[Member], signature: RingSignature, dialects: Sequence[Dialect]
) -> tuple[int, Dialect]:
    """Return the place of the first text over which the signature verifies, and in which dialect.

    Raises Rejected, as of the last one, if there is none.
    """
    for place, text in enumerate(texts):
        try:
            return place, verify_ring_signature(text.encode(), ring, signature, dialects)
        except Rejected as rejected:
            refusal = rejected
    raise refusal


def verify_ring_signature(
    message: bytes, ring: Sequence[Member], signature: RingSignature, dialects: Sequence[Dialect]
) -> Dialect:
    """Return the first of the dialects in which the signature verifies. Raises Rejected if there is none.

    A dialect of the other scheme is skipped. In a ring of two the TypeScript dialect lets a hostile key move bytes
    between message and ring, so a caller who allows that dialect must require three members.
    """
    _check_shape(ring, signature)
    curve = Curve()
    for dialect in dialects:
        if dialect not in _DIALECTS[signature.scheme]:
            continue
        if signature.key_image is None:
            if _walk_sag(curve, message, ring, signature, dialect):
                return dialect
        # The release had no flags, so it cannot have made a signature with one.
        elif dialect is Dialect.CANONICAL or signature.flag is None:
            flag = to_flag_bytes(signature.flag, dialect)
            if _walk_blsag(curve, message, ring, signature, flag):
                return dialect
    raise Rejected(Prefix.INVALID, NOT_VERIFIED)


def to_flag_bytes(flag: str | None, dialect: Dialect) -> bytes:
    """Return the bytes that Hp hashes for a flag in a dialect."""
    if flag is None:
        return RELEASE_FLAG.encode() if dialect is Dialect.RELEASE else b""
    return flag.encode()


def start_sag(message: bytes, ring: Iterable[Member], dialect: Dialect) -> "hashlib._Hash":
    """Hash what all links of a SAG share. Copying this state for each link keeps the cost linear in the ring."""
    written = (member.given if dialect is Dialect.TYPESCRIPT else member.point for member in ring)
    return hashlib.sha256(message + b"".join(written))


def start_blsag(message: bytes) -> "hashlib._Hash":
    """Hash what all links of a bLSAG share."""
    return hashlib.sha256(_BLSAG_DOMAIN + message)


def next_challenge(state: "hashlib._Hash", points: bytes) -> int:
    """Return the next challenge, from a link's compressed points."""
    state = state.copy()
    state.update(points)
    return to_challenge(state.digest())


def to_challenge(digest: bytes) -> int:
    """Return a hash as a scalar. 0 becomes 1, as in Nostringer, so that no link loses its key."""
    return int.from_bytes(digest, "big") % ORDER or 1


def hash_to_point(point: bytes, flag: bytes) -> bytes:
    """Return Hp(P, flag) of a compressed point, compressed (33 bytes)."""
    return hash_to_base(point, flag)[0]


@lru_cache(maxsize=_CACHED_BASES)
def hash_to_base(point: bytes, flag: bytes) -> tuple[bytes, bytes]:
    """Return Hp(P, flag), compressed and in libsecp256k1's own form (64 opaque bytes, valid within this process)."""
    parsed = ffi.new("secp256k1_pubkey *")
    x = hashlib.sha256(point + flag).digest()
    counter = 0
    # Half of all x are on the curve, so 128 misses in a row are as likely as a forged signature.
    while not lib.secp256k1_ec_pubkey_parse(GLOBAL_CONTEXT.ctx, parsed, b"\x02" + x, 33):
        x = hashlib.sha256(x + counter.to_bytes(4, "big")).digest()
        counter += 1
    return b"\x02" + x, bytes(ffi.buffer(parsed))


def _walk_sag(curve: Curve, message: bytes, ring: Sequence[Member], signature: RingSignature, dialect: Dialect) -> bool:
    """Return whether walking the ring once leads back to c0."""
    state = start_sag(message, ring, dialect)
    first = c = int.from_bytes(signature.c0, "big")
    for member, response in zip(ring, signature.responses, strict=True):
        point = curve.add(int.from_bytes(response, "big"), c, member.point)
        if point is None:
            _refuse_off_curve(curve, member)
            return False
        c = next_challenge(state, point)
    return c == first


def _walk_blsag(curve: Curve, message: bytes, ring: Sequence[Member], signature: RingSignature, flag: bytes) -> bool:
    """Return whether walking the ring once leads back to c0. Raises Rejected for a key image that is no point."""
    image = curve.parse_point(signature.key_image or b"")
    if image is None:
        raise Rejected(Prefix.INVALID, "the key image is not a point on the curve: sign again")
    state = start_blsag(message)
    first = c = int.from_bytes(signature.c0, "big")
    for member, response in zip(ring, signature.responses, strict=True):
        left = curve.add(int.from_bytes(response, "big"), c, member.point)
        if left is None:
            _refuse_off_curve(curve, member)
            return False
        base = hash_to_base(member.point, flag)[1]
        right = curve.add_pair(response, base, c.to_bytes(32, "big"), image)
        if right is None:
            return False
        c = next_challenge(state, left + right)
    return c == first


def _check_shape(ring: Sequence[Member], signature: RingSignature) -> None:
    """Refuse everything that can be refused without a curve operation."""
    # In a ring of one the key image can be chosen after the only challenge: anyone could make new ones.
    if len(ring) < 2:
        raise Rejected(Prefix.INVALID, "a ring must have at least two members: add keys to it")
    if not all(is_compressed_point(member.point) for member in ring):
        raise Rejected(Prefix.INVALID, "a ring member is not a public key: use 64 lower-case hex digits")
    # A key and its negative have the same x and the same owner. Listing both would silently shrink the anonymity set.
    if len({member.point[1:] for member in ring}) != len(ring):
        raise Rejected(Prefix.INVALID, "a ring member is listed twice: list each key once")
    if len(signature.responses) != len(ring):
        raise Rejected(Prefix.INVALID, "the ring signature must have one response per ring member: sign again")
    if not is_scalar(signature.c0) or not all(map(is_scalar, signature.responses)):
        raise Rejected(Prefix.INVALID, "a scalar of the ring signature is out of range: sign again")
    linkable = signature.scheme is Scheme.BLSAG
    if linkable != (signature.key_image is not None) or (signature.flag is not None and not linkable):
        raise Rejected(Prefix.INVALID, "a key image and a flag belong to blsag, and only to it: sign again")
    if signature.key_image is not None and not is_compressed_point(signature.key_image):
        raise Rejected(Prefix.INVALID, "the key image must be a compressed point of 33 bytes: sign again")
    if signature.flag is not None and not is_flag(signature.flag):
        raise Rejected(Prefix.INVALID, "the linkability flag must be 1 to 128 bytes: choose another scope")


def _refuse_off_curve(curve: Curve, member: Member) -> None:
    """Raise Rejected if Curve.add failed because of a bad key. Otherwise the sum was infinite: the signature's fault."""
    if curve.parse_point(member.point) is None:
        raise _build_off_curve_refusal()


def _build_off_curve_refusal() -> Rejected:
    return Rejected(Prefix.INVALID, "a ring member is not a point on the curve: use real public keys")
