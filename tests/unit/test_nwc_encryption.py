"""How requests to a wallet are encrypted and signed: every official vector of NIP-44, and NIP-04 against nostr-sdk."""

import hashlib
import json
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from coincurve import PublicKeyXOnly
from nostr_sdk import (
    Keys,
    Nip44Version,
    PublicKey,
    SecretKey,
    nip04_decrypt,
    nip04_encrypt,
    nip44_decrypt,
    nip44_encrypt,
)

from relay.pricing.lightning.nwc import nip04, nip44
from relay.pricing.lightning.nwc.connection_key import REQUEST, ConnectionKey
from relay.pricing.lightning.nwc.nip44 import BadPayload
from relay.verify.schnorr import verify_signature

FILE = Path(__file__).parents[1] / "vectors" / "nip44.vectors.json"
# Published in NIP-44 itself.
FILE_SHA256 = "269ed0f69e4c192512cc779e78c555090cebc7c785b609e338a62afc3ce25040"
Vector = dict[str, Any]
VALID: dict[str, Any] = json.loads(FILE.read_text())["v2"]["valid"]
INVALID: dict[str, Any] = json.loads(FILE.read_text())["v2"]["invalid"]
TEXTS = ["a", "{}", "zażółć gęślą jaźń \U0001f648", "x" * 15, "x" * 16, "x" * 17, "y" * 60_000]


def agree(secret: str, pubkey: str) -> bytes:
    return ConnectionKey(bytes.fromhex(secret)).agree_with(pubkey)


def test_vectors_are_those_of_the_nip() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == FILE_SHA256


@pytest.mark.parametrize("vector", VALID["get_conversation_key"])
def test_conversation_key(vector: Vector) -> None:
    key = nip44.derive_conversation_key(agree(vector["sec1"], vector["pub2"]))
    assert key.hex() == vector["conversation_key"]


def test_message_keys() -> None:
    conversation_key = bytes.fromhex(VALID["get_message_keys"]["conversation_key"])
    vectors = VALID["get_message_keys"]["keys"]
    assert vectors
    for vector in vectors:
        keys = nip44.derive_message_keys(conversation_key, bytes.fromhex(vector["nonce"]))
        assert [key.hex() for key in keys] == [vector["chacha_key"], vector["chacha_nonce"], vector["hmac_key"]]


def test_padded_lengths() -> None:
    for length, padded in VALID["calc_padded_len"]:
        assert nip44.compute_padded_length(length) == padded


@pytest.mark.parametrize("vector", VALID["encrypt_decrypt"])
def test_text_is_encrypted_and_decrypted(vector: Vector) -> None:
    first, second = (ConnectionKey(bytes.fromhex(vector[name])) for name in ("sec1", "sec2"))
    for own, other in ((first, second), (second, first)):
        key = nip44.derive_conversation_key(own.agree_with(other.pubkey))
        assert key.hex() == vector["conversation_key"]
        assert nip44.encrypt(vector["plaintext"], key, bytes.fromhex(vector["nonce"])) == vector["payload"]
        assert nip44.decrypt(vector["payload"], key) == vector["plaintext"]


@pytest.mark.parametrize("vector", VALID["encrypt_decrypt_long_msg"])
def test_long_text_is_encrypted_and_decrypted(vector: Vector) -> None:
    key, nonce = bytes.fromhex(vector["conversation_key"]), bytes.fromhex(vector["nonce"])
    text = vector["pattern"] * vector["repeat"]
    assert hashlib.sha256(text.encode()).hexdigest() == vector["plaintext_sha256"]
    payload = nip44.encrypt(text, key, nonce)
    assert hashlib.sha256(payload.encode()).hexdigest() == vector["payload_sha256"]
    assert nip44.decrypt(payload, key) == text


@pytest.mark.parametrize("length", INVALID["encrypt_msg_lengths"])
def test_text_of_a_bad_length_is_not_encrypted(length: int) -> None:
    with pytest.raises(BadPayload):
        nip44.encrypt("x" * length, bytes(32))


@pytest.mark.parametrize("vector", INVALID["get_conversation_key"], ids=lambda vector: vector["note"])
def test_bad_keys_agree_on_nothing(vector: Vector) -> None:
    with pytest.raises(ValueError, match=r"."):
        agree(vector["sec1"], vector["pub2"])


@pytest.mark.parametrize("vector", INVALID["decrypt"], ids=lambda vector: vector["note"])
def test_bad_payload_is_not_decrypted(vector: Vector) -> None:
    with pytest.raises(BadPayload):
        nip44.decrypt(vector["payload"], bytes.fromhex(vector["conversation_key"]))


def test_every_changed_byte_is_noticed() -> None:
    key = secrets.token_bytes(32)
    raw = bytearray(b64decode(nip44.encrypt("hello", key)))
    for place in range(len(raw)):
        raw[place] ^= 1
        with pytest.raises(BadPayload):
            nip44.decrypt(b64encode(raw).decode(), key)
        raw[place] ^= 1
    assert nip44.decrypt(b64encode(raw).decode(), key) == "hello"


def test_same_text_is_never_encrypted_to_the_same_payload() -> None:
    key = secrets.token_bytes(32)
    assert len({nip44.encrypt("hello", key) for _ in range(50)}) == 50
    assert len({nip04.encrypt("hello", key) for _ in range(50)}) == 50


@pytest.mark.parametrize("text", TEXTS)
def test_nostr_sdk_agrees_on_both_formats(text: str) -> None:
    secret, theirs = secrets.token_bytes(32), Keys.generate()
    ours = ConnectionKey(secret)
    shared_x = ours.agree_with(theirs.public_key().to_hex())
    key = nip44.derive_conversation_key(shared_x)
    us, them = PublicKey.parse(ours.pubkey), theirs.public_key()
    assert nip44_decrypt(theirs.secret_key(), us, nip44.encrypt(text, key)) == text
    assert nip04_decrypt(theirs.secret_key(), us, nip04.encrypt(text, shared_x)) == text
    our_secret = SecretKey.parse(secret.hex())
    assert nip44.decrypt(nip44_encrypt(our_secret, them, text, Nip44Version.V2), key) == text
    assert nip04.decrypt(nip04_encrypt(our_secret, them, text), shared_x) == text


def test_formats_are_told_apart() -> None:
    key = secrets.token_bytes(32)
    assert nip04.is_nip04(nip04.encrypt("x", key))
    assert not nip04.is_nip04(nip44.encrypt("x", key))


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "?iv=",
        "AAAA?iv=AAAA",
        f"{b64encode(bytes(16)).decode()}?iv=",
        f"{b64encode(bytes(16)).decode()}",
        f"{b64encode(bytes(15)).decode()}?iv={b64encode(bytes(16)).decode()}",
        f"{b64encode(bytes(16)).decode()}?iv={b64encode(bytes(16)).decode()}",
        f"!{b64encode(bytes(16)).decode()}?iv={b64encode(bytes(16)).decode()}",
    ],
)
def test_bad_payload_of_the_older_format_is_not_decrypted(payload: str) -> None:
    with pytest.raises(BadPayload):
        nip04.decrypt(payload, bytes(32))


def test_request_is_signed_with_the_key_of_the_connection_and_is_nothing_but_a_request() -> None:
    key = ConnectionKey(secrets.token_bytes(32))
    event = key.sign_request((("p", "ab" * 32),), "text", 1_700_000_000)
    verify_signature(event)
    assert (event.kind, event.pubkey) == (REQUEST, key.pubkey) == (23194, key.pubkey)
    assert PublicKeyXOnly(bytes.fromhex(event.pubkey)).verify(bytes.fromhex(event.sig), bytes.fromhex(event.id))


def test_key_does_not_show_its_secret() -> None:
    secret = secrets.token_bytes(32)
    key = ConnectionKey(secret)
    assert secret.hex() not in repr(key)
    assert repr(key) == f"ConnectionKey({key.pubkey})"
