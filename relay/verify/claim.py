"""What a note claims by its ring signature, and the same once it is proved. Knows neither tags nor curve operations."""

import hashlib
from typing import Literal

import msgspec

from relay.protocol.ring_terms import Form, Scheme
from relay.verify import ring_equations
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import RELEASE_FLAG, Dialect

# What the array head of a ringA text can count.
MAX_RING = 65_535


class Candidate(msgspec.Struct, frozen=True):
    """A text that the ring may have signed; it is whole if the note holds no words beside it."""

    text: str
    is_whole: bool = True


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a note claims by its ring signature. All of it is known before any curve operation, and none is proved.

    `ring` is 32-byte x-only keys in the order signed, `ring_id` is 64 hex. The ring is said to
    have signed the text of one of the `candidates`. `signed_id` is 64 hex, of a bound note only.
    """

    form: Form
    ring: tuple[bytes, ...]
    ring_id: str
    signature: RingSignature
    candidates: tuple[Candidate, ...]
    signed_id: str | None = None

    @property
    def scheme(self) -> Scheme:
        """Return the scheme of the signature."""
        return self.signature.scheme

    @property
    def binding(self) -> Literal["event", "message"]:
        """Tell whether the ring signs the whole event, or its words only."""
        return "event" if self.form is Form.BOUND else "message"

    @property
    def key_image(self) -> str | None:
        """Return the key image, 66 hex, of a linkable signature."""
        return None if self.signature.key_image is None else self.signature.key_image.hex()

    @property
    def scope(self) -> str | None:
        """Return within what notes of one signer link; None if nowhere, or everywhere."""
        # Nostringer 0.1.8 put its flag into every linkable signature: it scopes nothing.
        return None if self.signature.flag == RELEASE_FLAG else self.signature.flag

    @property
    def links(self) -> int:
        """Return what a check costs at most; a link is one libsecp256k1 recovery."""
        return len(self.candidates) * ring_equations.count_links(self.scheme, len(self.ring), len(self.dialects))

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """Return the dialects to try in turn. A bound note has one: one note has one meaning."""
        if self.form is Form.BOUND:
            return (Dialect.CANONICAL,)
        if self.scheme is Scheme.SAG:
            return (Dialect.CANONICAL, Dialect.TYPESCRIPT)
        # The release had no flags, so a signature with one cannot be its work.
        return (Dialect.CANONICAL, Dialect.RELEASE) if self.signature.flag is None else (Dialect.CANONICAL,)


class RingProof(Claim, frozen=True, kw_only=True):
    """A claim whose ring signature verified: in which dialect, and over which text."""

    dialect: Dialect
    signed_text: str

    @property
    def content_key(self) -> bytes | None:
        """Return what a note takes that is the first with these words, this ring and this key image; 32 bytes.

        None for a bound note. Signature bytes are no part of it: bLSAG signatures can be rotated by anyone.
        """
        if self.form is Form.BOUND:
            return None
        digest = hashlib.sha256(hashlib.sha256(self.signed_text.encode()).digest() + bytes.fromhex(self.ring_id))
        digest.update(self.signature.key_image or b"")
        return digest.digest()
