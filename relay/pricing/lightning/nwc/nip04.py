"""The older encryption (NIP-04), for wallets that know no other. It has no MAC: only the event's signature protects it."""

import os
from base64 import b64decode, b64encode

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad

from relay.pricing.lightning.nwc.nip44 import BadPayload

_SEPARATOR = "?iv="


def encrypt(text: str, shared_x: bytes) -> str:
    """Encrypt a text with the x coordinate that both sides agreed on: AES-256-CBC, PKCS #7."""
    vector = os.urandom(AES.block_size)
    ciphertext = AES.new(shared_x, AES.MODE_CBC, vector).encrypt(pad(text.encode(), AES.block_size))
    return f"{b64encode(ciphertext).decode()}{_SEPARATOR}{b64encode(vector).decode()}"


def decrypt(payload: str, shared_x: bytes) -> str:
    """Decrypt a payload. Raises BadPayload."""
    ciphertext, _, vector = payload.partition(_SEPARATOR)
    try:
        cipher = AES.new(shared_x, AES.MODE_CBC, b64decode(vector, validate=True))
        return unpad(cipher.decrypt(b64decode(ciphertext, validate=True)), AES.block_size).decode()
    except ValueError:
        # Of base64, of a length, of the padding or of UTF-8.
        raise BadPayload("the payload cannot be decrypted") from None


def is_nip04(payload: str) -> bool:
    """Return whether a payload is of this format: no base64 contains its separator."""
    return _SEPARATOR in payload
