"""Rows of which the database's files tell nothing: padded, encrypted, and named by a keyed hash. Knows keys and no table.

When the key is gone, nobody can tell from a row, or from what the write-ahead log kept of it, which note it was.
"""

import hmac
import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property

from Crypto.Cipher import ChaCha20_Poly1305

KEY_BYTES = 32
FINGERPRINT_BYTES = 8
# Of XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): a random nonce never comes twice under one key.
_NONCE_BYTES = 24
_TAG_BYTES = 16
_LENGTH_BYTES = 4
# To so many bytes something is padded.
SHAPES = (4_096, 16_384, 65_536)
# The largest shape; what is longer takes several of it.
_LARGEST = 262_144


# Where a row is found: the fingerprint of its key, and its name.
Place = tuple[bytes, bytes]


class WrongKeyError(ValueError):
    """Bytes that this key has not sealed, or that are damaged."""


class SealingKey:
    """A key of 32 bytes. Its fingerprint of 8 bytes names it and tells nothing of it."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self.secret = secret
        self.fingerprint = self._derive(b"fingerprint")[:FINGERPRINT_BYTES]

    @classmethod
    def make(cls) -> "SealingKey":
        """Return a new random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def name(self, what: bytes) -> bytes:
        """Return 32 bytes by which a row is found, and which only this key can make (HMAC-SHA256)."""
        return hmac.digest(self._naming, what, "sha256")

    def mark(self, what: bytes) -> bytes:
        """Return 32 bytes for the same, which nobody can tell from its name that has not the key."""
        return hmac.digest(self._marking, what, "sha256")

    def seal(self, plain: bytes, shapes: Sequence[int] = SHAPES) -> bytes:
        """Return bytes, encrypted, with a nonce and a tag. Padded: their length is one of a few."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        padded = len(plain).to_bytes(_LENGTH_BYTES, "big") + plain
        padded += bytes(_find_shape(len(padded), shapes) - len(padded))
        encrypted, tag = ChaCha20_Poly1305.new(key=self._sealing, nonce=nonce).encrypt_and_digest(padded)
        return bytes(nonce + encrypted + tag)

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises WrongKeyError."""
        nonce, encrypted, tag = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        try:
            padded = ChaCha20_Poly1305.new(key=self._sealing, nonce=nonce).decrypt_and_verify(encrypted, tag)
        except ValueError:
            raise WrongKeyError("not sealed by this key") from None
        length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
        return bytes(padded[_LENGTH_BYTES : _LENGTH_BYTES + length])

    @cached_property
    def _naming(self) -> bytes:
        return self._derive(b"name")

    @cached_property
    def _marking(self) -> bytes:
        return self._derive(b"mark")

    @cached_property
    def _sealing(self) -> bytes:
        return self._derive(b"seal")

    def _derive(self, purpose: bytes) -> bytes:
        return hmac.digest(self.secret, b"ringrelay " + purpose, "sha256")


def _find_shape(length: int, shapes: Sequence[int]) -> int:
    """Return to how many bytes something is padded."""
    return next((shape for shape in shapes if length <= shape), -(-length // _LARGEST) * _LARGEST)


def measure_sealed(length: int) -> int:
    """Return how many bytes something of so many bytes has once it is sealed."""
    return _NONCE_BYTES + _find_shape(_LENGTH_BYTES + length, SHAPES) + _TAG_BYTES


def list_places(keys: Iterable[SealingKey], whats: Iterable[bytes]) -> dict[Place, tuple[SealingKey, bytes]]:
    """Return under which keys and names these can be found, each with its key and what it stands for."""
    names = list(whats)
    return {(key.fingerprint, key.name(what)): (key, what) for key in keys for what in names}
