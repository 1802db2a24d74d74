"""Encrypted payloads, version 2 (NIP-44). Knows no events: whoever decrypts has checked the event's signature before.

Source: 44.md of the NIPs. Its longer format, for texts of 64 KiB and more, is refused: no answer of a wallet is so long.
"""

import hmac
import os
from base64 import b64decode, b64encode

from Crypto.Cipher import ChaCha20

_VERSION = 2
_KEY_BYTES = 32
_NONCE_BYTES = 32
_MAC_BYTES = 32
_LENGTH_BYTES = 2
_MAX_TEXT_BYTES = 65_535
_MIN_PAYLOAD_CHARACTERS = 132
# The version, the nonce, the longest padded text and the MAC, as base64.
_MAX_PAYLOAD_CHARACTERS = 87_472
_MIN_PAYLOAD_BYTES = 99
_MESSAGE_KEYS_BYTES = 76


class BadPayload(ValueError):
    """What cannot be decrypted, or is too long to be encrypted."""


def derive_conversation_key(shared_x: bytes) -> bytes:
    """Return the key of two parties from the x coordinate that they agreed on: HKDF-Extract (RFC 5869)."""
    return hmac.digest(b"nip44-v2", shared_x, "sha256")


def derive_message_keys(conversation_key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the key and the nonce of ChaCha20, and the key of the MAC: HKDF-Expand (RFC 5869)."""
    if len(conversation_key) != _KEY_BYTES or len(nonce) != _NONCE_BYTES:
        raise BadPayload("a conversation key and a nonce have 32 bytes each")
    keys, block = b"", b""
    for counter in range(1, -(-_MESSAGE_KEYS_BYTES // _KEY_BYTES) + 1):
        block = hmac.digest(conversation_key, block + nonce + bytes([counter]), "sha256")
        keys += block
    return keys[:32], keys[32:44], keys[44:_MESSAGE_KEYS_BYTES]


def encrypt(text: str, conversation_key: bytes, nonce: bytes | None = None) -> str:
    """Encrypt a text. A nonce is given by test vectors only. Raises BadPayload where the text is empty or too long."""
    nonce = os.urandom(_NONCE_BYTES) if nonce is None else nonce
    cipher_key, cipher_nonce, mac_key = derive_message_keys(conversation_key, nonce)
    ciphertext = ChaCha20.new(key=cipher_key, nonce=cipher_nonce).encrypt(_pad(text.encode()))
    mac = hmac.digest(mac_key, nonce + ciphertext, "sha256")
    return b64encode(bytes([_VERSION]) + nonce + ciphertext + mac).decode()


def decrypt(payload: str, conversation_key: bytes) -> str:
    """Decrypt a payload. Raises BadPayload."""
    nonce, ciphertext, mac = _split(payload)
    cipher_key, cipher_nonce, mac_key = derive_message_keys(conversation_key, nonce)
    if not hmac.compare_digest(hmac.digest(mac_key, nonce + ciphertext, "sha256"), mac):
        raise BadPayload("the MAC is wrong")
    padded = ChaCha20.new(key=cipher_key, nonce=cipher_nonce).decrypt(ciphertext)
    try:
        return _unpad(padded).decode()
    except UnicodeDecodeError:
        raise BadPayload("the text is not UTF-8") from None


def compute_padded_length(length: int) -> int:
    """Return the length that a text of so many bytes is padded to."""
    if length <= 32:
        return 32
    next_power = 1 << (length - 1).bit_length()
    chunk = 32 if next_power <= 256 else next_power // 8
    return chunk * ((length - 1) // chunk + 1)


def _pad(text: bytes) -> bytes:
    if not 1 <= len(text) <= _MAX_TEXT_BYTES:
        raise BadPayload("a text has 1 to 65535 bytes")
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text.ljust(compute_padded_length(len(text)), b"\0")


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    text = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if not length or len(text) != length or len(padded) != _LENGTH_BYTES + compute_padded_length(length):
        raise BadPayload("the padding is wrong")
    return text


def _split(payload: str) -> tuple[bytes, bytes, bytes]:
    """Return nonce, ciphertext and MAC of a payload. Raises BadPayload."""
    if payload.startswith("#"):
        raise BadPayload("the version is unknown")
    if not _MIN_PAYLOAD_CHARACTERS <= len(payload) <= _MAX_PAYLOAD_CHARACTERS:
        raise BadPayload("the payload is too short or too long")
    try:
        raw = b64decode(payload, validate=True)
    except ValueError:
        raise BadPayload("the payload is not base64") from None
    if len(raw) < _MIN_PAYLOAD_BYTES:
        raise BadPayload("the payload is too short")
    if raw[0] != _VERSION:
        raise BadPayload("the version is unknown")
    return raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES : -_MAC_BYTES], raw[-_MAC_BYTES:]
