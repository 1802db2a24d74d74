"""A secret key under a passphrase: ncryptsec (NIP-49). Knows neither files nor terminals.

What encrypts is imported where it is used: other keys are read without it.
"""

import secrets
import unicodedata
from dataclasses import dataclass, field

from relay.client.terminal.bad_input import BadInput
from relay.protocol.nip19 import decode_ncryptsec, encode_ncryptsec
from relay.verify.encoding import is_scalar

# The highest in NIP-49's table: 4 GiB. A key that asks for more would stop the machine.
MAX_LOG_N = 22
# 256 MiB and about a second for each passphrase that somebody tries.
LOG_N = 18
_SCRYPT_R, _SCRYPT_P, _KEY_BYTES = 8, 1, 32
_VERSION = 2
_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 24, 16
# NIP-49: the key was never handled unencrypted.
_NEVER_PLAIN = b"\x01"


@dataclass(frozen=True, slots=True)
class EncryptedKey:
    """A secret key under a passphrase. `security` is authenticated with it, and says how it was handled before."""

    log_n: int
    salt: bytes
    nonce: bytes
    security: bytes
    sealed: bytes = field(repr=False)

    @property
    def memory_mib(self) -> int:
        """Return how much memory it takes to derive the key of the passphrase."""
        return (128 * _SCRYPT_R << self.log_n) >> 20


def parse_encrypted_key(text: str) -> EncryptedKey | None:
    """Return the encrypted key of an ncryptsec, None for anything else. Raises BadInput for one that is not read here."""
    raw = decode_ncryptsec(text)
    if raw is None:
        return None
    version, log_n, rest = raw[0], raw[1], raw[2:]
    if version != _VERSION:
        raise BadInput(
            f"the ncryptsec is of version {version}, and this program knows {_VERSION}: export the key again"
        )
    if not 1 <= log_n <= MAX_LOG_N:
        raise BadInput(
            f"the ncryptsec asks for too much work (a LOG_N of {log_n}): export the key again with {MAX_LOG_N} or less"
        )
    salt, nonce = rest[:_SALT_BYTES], rest[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
    rest = rest[_SALT_BYTES + _NONCE_BYTES :]
    return EncryptedKey(log_n, salt, nonce, rest[:1], rest[1:])


def decrypt_key(key: EncryptedKey, passphrase: str) -> bytes:
    """Return the 32-byte secret key. Raises BadInput, for a wrong passphrase too."""
    from Crypto.Cipher import ChaCha20_Poly1305

    cipher = ChaCha20_Poly1305.new(key=_derive_key(passphrase, key.salt, key.log_n), nonce=key.nonce)
    cipher.update(key.security)
    try:
        secret = cipher.decrypt_and_verify(key.sealed[:-_TAG_BYTES], key.sealed[-_TAG_BYTES:])
    except ValueError:
        raise BadInput(
            "the passphrase is not the one of this ncryptsec: check capital letters and the keyboard's language"
        ) from None
    if not is_scalar(secret):
        raise BadInput("the secret key in the ncryptsec is out of range: export the key again")
    return secret


def encrypt_key(secret: bytes, passphrase: str, log_n: int = LOG_N) -> str:
    """Return the ncryptsec of a secret key that was never stored unencrypted. Raises BadInput."""
    from Crypto.Cipher import ChaCha20_Poly1305

    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    cipher = ChaCha20_Poly1305.new(key=_derive_key(passphrase, salt, log_n), nonce=nonce)
    cipher.update(_NEVER_PLAIN)
    sealed, tag = cipher.encrypt_and_digest(secret)
    return encode_ncryptsec(bytes([_VERSION, log_n]) + salt + nonce + _NEVER_PLAIN + sealed + tag)


def _derive_key(passphrase: str, salt: bytes, log_n: int) -> bytes:
    # hashlib.scrypt takes no more than 2 GiB, and a LOG_N of 21 needs more.
    from Crypto.Protocol.KDF import scrypt

    try:
        # NIP-49: so that it can be typed on any keyboard. As bytes: a text would be read as Latin-1.
        typed = unicodedata.normalize("NFKC", passphrase).encode()
        key: bytes = scrypt(typed, salt, _KEY_BYTES, 1 << log_n, _SCRYPT_R, _SCRYPT_P)  # type: ignore[arg-type,assignment]
    except UnicodeEncodeError:
        raise BadInput("the passphrase is not UTF-8 text: type it again") from None
    except (MemoryError, ValueError):
        # The library's word for no memory is a ValueError.
        raise BadInput(f"there is no memory to open the ncryptsec (LOG_N {log_n}): close other programs") from None
    return key
