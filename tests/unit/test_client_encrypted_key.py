"""Secret keys under a passphrase (NIP-49): its own test data, another library, and what is refused."""

import unicodedata
from pathlib import Path

import pytest
from nostr_sdk import EncryptedSecretKey, KeySecurity, SecretKey

from relay.client.signing import keys
from relay.client.signing.encrypted_key import decrypt_key, encrypt_key, parse_encrypted_key
from relay.client.terminal.bad_input import BadInput
from relay.protocol import nip19

# The test data of NIP-49.
NCRYPTSEC = (
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7"
    "s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
)
PASSPHRASE = "nostr"
SECRET = bytes.fromhex("3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683")
UNNORMALIZED = "\u212b\u2126\u1e9b\u0323"
NORMALIZED = bytes([0xC3, 0x85, 0xCE, 0xA9, 0xE1, 0xB9, 0xA9])


def encrypt(passphrase: str, secret: bytes = SECRET) -> str:
    """Return an encrypted key that takes little work to open."""
    return encrypt_key(secret, passphrase, log_n=4)


def decrypt(text: str, passphrase: str) -> bytes:
    key = parse_encrypted_key(text)
    assert key is not None
    return decrypt_key(key, passphrase)


def change(**places: int) -> str:
    """Return NIP-49's key with other bytes at these places, under a right checksum."""
    raw = bytearray(nip19.decode_ncryptsec(NCRYPTSEC) or b"")
    for place, value in places.items():
        raw[{"version": 0, "log_n": 1, "security": 42}[place]] = value
    return nip19.encode_ncryptsec(bytes(raw))


@pytest.mark.parametrize("text", [NCRYPTSEC, NCRYPTSEC.upper()])
def test_the_key_of_the_nip_is_read(text: str) -> None:
    assert decrypt(text, PASSPHRASE) == SECRET


def test_a_passphrase_is_the_same_on_every_keyboard() -> None:
    assert unicodedata.normalize("NFKC", UNNORMALIZED).encode() == NORMALIZED
    assert decrypt(encrypt(UNNORMALIZED), NORMALIZED.decode()) == SECRET
    assert decrypt(encrypt(NORMALIZED.decode()), UNNORMALIZED) == SECRET


@pytest.mark.parametrize("passphrase", ["x", "größe ☃", "with a space ", UNNORMALIZED])
def test_keys_go_to_another_library_and_come_from_it(passphrase: str) -> None:
    theirs = EncryptedSecretKey(SecretKey.parse(SECRET.hex()), passphrase, 4, KeySecurity.WEAK).to_bech32()
    assert decrypt(theirs, passphrase) == SECRET
    ours = EncryptedSecretKey.from_bech32(encrypt(passphrase))
    assert ours.decrypt(passphrase).to_hex() == SECRET.hex()
    assert ours.key_security() == KeySecurity.MEDIUM


def test_two_encryptions_share_nothing() -> None:
    one, other = (nip19.decode_ncryptsec(encrypt("x")) or b"" for _ in range(2))
    assert one[2:18] != other[2:18]
    assert one[18:42] != other[18:42]
    assert one[43:] != other[43:]


def test_a_new_key_takes_a_quarter_of_a_gibibyte_for_each_guess() -> None:
    key = parse_encrypted_key(encrypt_key(SECRET, "x"))
    assert key is not None
    assert (key.log_n, key.memory_mib, key.security) == (18, 256, b"\x01")


@pytest.mark.parametrize("passphrase", ["", "Nostr", "nostr ", "wrong"])
def test_a_wrong_passphrase_has_words_of_its_own(passphrase: str) -> None:
    with pytest.raises(
        BadInput, match="the passphrase is not the one of this ncryptsec: check capital letters"
    ) as caught:
        decrypt(NCRYPTSEC, passphrase)
    assert caught.value.__cause__ is None


def test_what_is_said_of_the_key_before_it_was_encrypted_cannot_be_changed() -> None:
    with pytest.raises(BadInput, match="the passphrase is not the one"):
        decrypt(change(security=1), PASSPHRASE)


@pytest.mark.parametrize("log_n", [0, 23, 30, 255])
def test_a_key_that_asks_for_too_much_work_is_refused_without_doing_it(log_n: int) -> None:
    with pytest.raises(BadInput, match=rf"too much work \(a LOG_N of {log_n}\): export the key again with 22 or less"):
        parse_encrypted_key(change(log_n=log_n))


def test_the_most_work_of_the_nips_table_is_accepted_and_its_memory_known() -> None:
    key = parse_encrypted_key(change(log_n=22))
    assert key is not None
    assert key.memory_mib == 4096


def test_another_version_is_refused() -> None:
    with pytest.raises(BadInput, match="version 1"):
        parse_encrypted_key(change(version=1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        NCRYPTSEC[:-1],
        NCRYPTSEC[:-1] + "q",
        NCRYPTSEC.capitalize(),
        "nsec1" + NCRYPTSEC[10:],
        nip19.encode_ncryptsec(bytes(90)),
        nip19.encode_ncryptsec(bytes(92)),
    ],
)
def test_anything_else_is_no_encrypted_key(text: str) -> None:
    assert parse_encrypted_key(text) is None


def test_a_key_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="out of range"):
        decrypt(encrypt("x", bytes(32)), "x")


def test_a_passphrase_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        decrypt(NCRYPTSEC, "\udcff")


def test_the_encrypted_key_comes_from_file_or_environment_and_so_does_its_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "me.key"
    path.touch(mode=0o600)
    path.write_text(f"# mine\n {NCRYPTSEC} \n", encoding="utf-8")
    passphrase = {keys.PASSPHRASE_VARIABLE: PASSPHRASE}
    assert keys.load_secret(path, passphrase) == SECRET
    assert keys.load_secret(None, {keys.SECRET_VARIABLE: NCRYPTSEC, **passphrase}) == SECRET


def test_where_a_wrong_passphrase_came_from_is_said_and_nothing_is_repeated() -> None:
    environment = {keys.SECRET_VARIABLE: NCRYPTSEC, keys.PASSPHRASE_VARIABLE: "hunter2"}
    with pytest.raises(
        BadInput, match=f"^{keys.SECRET_VARIABLE}: {keys.PASSPHRASE_VARIABLE}: the passphrase"
    ) as caught:
        keys.load_secret(None, environment)
    assert "hunter2" not in str(caught.value)
    assert NCRYPTSEC[10:20] not in str(caught.value)


@pytest.mark.parametrize("text", [NCRYPTSEC[:-1], NCRYPTSEC[:-1] + "q", "ncryptsec1", NCRYPTSEC.capitalize()])
def test_a_mistyped_encrypted_key_has_words_of_its_own(text: str) -> None:
    with pytest.raises(BadInput, match="a letter of the ncryptsec is wrong, missing or too many"):
        keys.load_secret(None, {keys.SECRET_VARIABLE: text})


def test_an_encrypted_key_is_hidden_and_found_in_words() -> None:
    assert NCRYPTSEC[10:] not in keys.hide_keys(f"unrecognized arguments: --key={NCRYPTSEC}")
    assert keys.holds_encrypted_key(f"mine: {NCRYPTSEC.upper()}!")
    assert not keys.holds_encrypted_key("an ncryptsec1 is an encrypted key")
