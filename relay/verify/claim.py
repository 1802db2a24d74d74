"""Claims: what a note claims by its ring signature, and the proof of it. Knows neither tags nor curve operations."""

import hashlib
from typing import Literal

import msgspec

from relay.protocol.ring_terms import Form, Scheme
from relay.verify import ring_equations
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import RELEASE_FLAG, Dialect

# The largest array that the head of a ringA text can count.
MAX_RING = 65_535
_MIN_RING_OF_DIALECTS = 3


class Candidate(msgspec.Struct, frozen=True):
    """A text that the ring may have signed. Where it signed this one, the note is refused for the `reason`, if there is one.

    The note may have text outside it, which `found` quotes, or tags that say something else.
    """

    text: str
    reason: str | None = None
    found: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a note claims by its ring signature. It is known before any curve operation, and not yet proved.

    `ring` has 32-byte x-only keys in the order signed, `ring_id` is 64 hex. The claim is that the ring
    signed one of the `candidates`. `signed_id` is 64 hex, for bound notes only. `odd` are the keys of the ring that were
    written `03 || x`, whose points have an odd y. `is_x_only` says that every key was written as its x alone.
    """

    form: Form
    ring: tuple[bytes, ...]
    ring_id: str
    signature: RingSignature
    candidates: tuple[Candidate, ...]
    signed_id: str | None = None
    odd: frozenset[bytes] = frozenset()
    is_x_only: bool = True

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Return the ring's keys in the order signed: 32 bytes (x only), or 33 where the y is odd."""
        return tuple(b"\x03" + key if key in self.odd else key for key in self.ring) if self.odd else self.ring

    @property
    def scheme(self) -> Scheme:
        """Return the scheme of the signature."""
        return self.signature.scheme

    @property
    def binding(self) -> Literal["event", "message"]:
        """Return whether the ring signs the whole event or the message only."""
        return "event" if self.form is Form.BOUND else "message"

    @property
    def key_image(self) -> str | None:
        """Return the key image of a linkable signature, 66 hex, or None."""
        return None if self.signature.key_image is None else self.signature.key_image.hex()

    @property
    def scope(self) -> str | None:
        """Return the scope in which notes of one signer can be linked; None if nowhere or everywhere."""
        # Nostringer 0.1.8 put the same flag into every linkable signature, so it limits nothing.
        return None if self.signature.flag == RELEASE_FLAG else self.signature.flag

    @property
    def links(self) -> int:
        """Return the maximum cost of verification in links. A link is one libsecp256k1 recovery."""
        return len(self.candidates) * ring_equations.count_links(self.scheme, len(self.ring), len(self.dialects))

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """Return the dialects to try in turn. A bound note has only one, so that one note has one meaning.

        In the TypeScript dialect the message is followed by keys of a length that the signer chose. In a ring of two, and in
        one with keys of two lengths, a hostile key can then move bytes between message and ring.
        """
        if self.form is Form.BOUND or len(self.ring) < _MIN_RING_OF_DIALECTS:
            return (Dialect.CANONICAL,)
        if self.scheme is Scheme.SAG:
            return (Dialect.CANONICAL, Dialect.TYPESCRIPT) if self.is_x_only else (Dialect.CANONICAL,)
        # The release had no flags, so it cannot have made a signature with one.
        return (Dialect.CANONICAL, Dialect.RELEASE) if self.signature.flag is None else (Dialect.CANONICAL,)


class RingProof(Claim, frozen=True, kw_only=True):
    """A claim whose ring signature verified, with the dialect and the text that verified."""

    dialect: Dialect
    signed_text: str

    @property
    def content_key(self) -> bytes | None:
        """Return the 32-byte hash of message, ring and key image. Of notes with the same key only the first is stored.

        None for a bound note. Signature bytes are not hashed, because anyone can rotate a bLSAG signature.
        """
        if self.form is Form.BOUND:
            return None
        return compute_content_key(self.signed_text, bytes.fromhex(self.ring_id), self.signature.key_image)


def compute_content_key(words: str, ring_id: bytes, key_image: bytes | None) -> bytes:
    """Return the 32-byte hash of words, ring (32 bytes) and key image (33 bytes, None for the unlinkable scheme)."""
    return hashlib.sha256(hashlib.sha256(words.encode()).digest() + ring_id + (key_image or b"")).digest()
