"""Sealed rows: one of a few lengths, a name that only the key makes, and nothing to be read without it."""

import secrets

import pytest

from relay.storage.sealing import SealingKey, WrongKeyError

_OVERHEAD = 24 + 16
_KIB = 1024


@pytest.mark.parametrize(
    ("length", "shape"),
    [
        (0, 4 * _KIB),
        (4 * _KIB - 4, 4 * _KIB),
        (4 * _KIB - 3, 16 * _KIB),
        (16 * _KIB - 4, 16 * _KIB),
        (64 * _KIB - 4, 64 * _KIB),
        (64 * _KIB - 3, 256 * _KIB),
        (256 * _KIB - 4, 256 * _KIB),
        (256 * _KIB - 3, 512 * _KIB),
    ],
)
def test_what_is_sealed_has_one_of_a_few_lengths(length: int, shape: int) -> None:
    key, plain = SealingKey.make(), secrets.token_bytes(length)
    sealed = key.seal(plain)
    assert len(sealed) == shape + _OVERHEAD
    assert key.open(sealed) == plain


def test_the_same_is_sealed_otherwise_each_time_and_named_alike() -> None:
    key = SealingKey.make()
    assert key.seal(b"note") != key.seal(b"note")
    assert key.name(b"note") == SealingKey(key.secret).name(b"note") != key.name(b"not")
    assert len({key.name(b"note"), key.secret, key.fingerprint, SealingKey.make().name(b"note")}) == 4


def test_another_key_opens_nothing_and_names_otherwise() -> None:
    key, other = SealingKey.make(), SealingKey.make()
    with pytest.raises(WrongKeyError):
        other.open(key.seal(b"note"))
    assert key.name(b"note") != other.name(b"note")
    assert key.fingerprint != other.fingerprint


@pytest.mark.parametrize("place", [0, 23, 24, 2000, -17, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    key = SealingKey.make()
    sealed = bytearray(key.seal(b"note"))
    sealed[place] ^= 1
    with pytest.raises(WrongKeyError):
        key.open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", bytes(24), bytes(40), bytes(4136)])
def test_what_was_never_sealed_is_not_opened(sealed: bytes) -> None:
    with pytest.raises(WrongKeyError):
        SealingKey.make().open(sealed)


def test_the_cipher_is_xchacha20_poly1305() -> None:
    """The example of draft-irtf-cfrg-xchacha-03, A.3.1, through the library that is used here."""
    from Crypto.Cipher import ChaCha20_Poly1305

    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    cipher = ChaCha20_Poly1305.new(key=key, nonce=nonce)
    cipher.update(bytes.fromhex("50515253c0c1c2c3c4c5c6c7"))
    text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    encrypted, tag = cipher.encrypt_and_digest(text)
    assert encrypted[:16].hex() == "bd6d179d3e83d43b9576579493c0e939"
    assert tag.hex() == "c0875924c1c7987947deafd8780acf49"


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_key_has_32_bytes(secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SealingKey(secret)
