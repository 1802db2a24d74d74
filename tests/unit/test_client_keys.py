"""Keys as people write them: NIP-19 text, hex, ring files and secret files."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import bech32
import pytest

from relay.client.signing import keys
from relay.client.terminal.bad_input import BadInput
from relay.policy.rules import check_holds_no_secret_key
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from relay.verify.encoding import ORDER

# The examples of NIP-19.
NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
NPUB_HEX = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
NSEC_HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
ORDER_HEX = f"{ORDER:064x}"

# The same key, with a relay.
NPROFILE = "nprofile1qqs8ul5ug253hlh3n75jne0a5xmjur4urfxpzst88cnegg6ds6ka7nspzdmhxue69uhhyetvv9ujuetcv9khqmr955cruz"
SEED = "legal winner thank year wave sausage worth useful legal winner thank yellow"

HOLDING_A_SECRET = [
    NSEC,
    f"x{NSEC.title()}",
    f"my key:{NSEC}!",
    f"nsec1{NSEC}",
    NSEC.upper(),
    f"EMBEDDED{NSEC.upper()}0",
    f"x{NSEC}qqq",
    f"nsec1qqqq {NSEC}",
    # The last four letters of one that is none are the first of one that is.
    "nsec1" + 54 * "q" + NSEC,
]
HOLDING_NONE = ["", NPUB, "nsec1", NSEC[:-1], NSEC[:-1] + "q", NSEC.replace("nsec1", "nsec")]


def make_event(content: str) -> Event:
    return Event("0" * 64, "0" * 64, 0, 1, (), content, "0" * 128)


def make_key(number: int) -> bytes:
    return keys.to_public_key(number.to_bytes(32, "big"))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def write_secret(path: Path, *lines: str) -> Path:
    write(path, *lines).chmod(0o600)
    return path


@pytest.mark.parametrize(
    "text",
    [
        NPUB,
        NPUB.upper(),
        f"nostr:{NPUB}",
        f"NOSTR:{NPUB.upper()}",
        f"@{NPUB}",
        f"@nostr:{NPUB}",
        f" {NPUB}\r\n",
        f"\ufeff{NPUB}\u200b",
        NPUB_HEX,
        NPUB_HEX.upper(),
        "02" + NPUB_HEX,
        "03" + NPUB_HEX.upper(),
        NPROFILE,
        NPROFILE.upper(),
        f"nostr:{NPROFILE}",
        f"@{NPROFILE}",
    ],
)
def test_a_public_key_is_read_as_people_spell_it(text: str) -> None:
    assert keys.parse_public_key(text).hex() == NPUB_HEX
    assert keys.could_be_key(text)


@pytest.mark.parametrize(
    "text", [NSEC, NSEC.upper(), NSEC_HEX, NSEC_HEX.upper(), f" {NSEC}\t\r\n", f"\ufeff{NSEC}", f"{NSEC_HEX}\u00a0"]
)
def test_a_secret_key_is_read_from_nsec_and_hex_of_either_case(text: str) -> None:
    assert keys.parse_secret_key(text).hex() == NSEC_HEX


@pytest.mark.parametrize(
    "text",
    [
        "",
        NPUB[:-1],
        NPUB[:-1] + "q",
        NPUB[:20] + NPUB[20:].upper(),
        "note1" + NPUB[5:],
        NPUB_HEX[:-1],
        "0x" + NPUB_HEX,
        "04" + NPUB_HEX,
        NPROFILE[:-1] + "q",
        NPROFILE.capitalize(),
        "00" * 32,
        "ff" * 32,
    ],
)
def test_what_is_not_a_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        keys.parse_public_key(text)


def test_an_npub_with_the_checksum_of_bech32m_is_refused() -> None:
    # The checksum constants 1 and 0x2bc830a3 differ: the same data with a bech32m checksum (BIP-350).
    data = bech32.convertbits(bytes.fromhex(NPUB_HEX), 8, 5)
    assert data is not None
    expanded = bech32.bech32_hrp_expand("npub") + data
    polymod = bech32.bech32_polymod([*expanded, 0, 0, 0, 0, 0, 0]) ^ 0x2BC830A3
    checksum = [(polymod >> 5 * (5 - i)) & 31 for i in range(6)]
    text = "npub1" + "".join(bech32.CHARSET[value] for value in [*data, *checksum])
    with pytest.raises(BadInput):
        keys.parse_public_key(text)


@pytest.mark.parametrize("text", ["", "00" * 32, ORDER_HEX, "ff" * 32, NSEC[:-1], NSEC[:-1] + "q", NSEC_HEX[:-2], NPUB])
def test_what_is_not_a_secret_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        keys.parse_secret_key(text)
    assert not text or text not in str(caught.value)
    assert caught.value.__cause__ is None


MISTYPED = {
    "nothing": ("", "no key"),
    "seed words": (SEED, "seed words are not a key"),
    "15 seed words": (" ".join(SEED.split()[:3] * 5), "seed words"),
    "24 seed words": (f"{SEED}  {SEED}".title(), "seed words"),
    "numbered seed words": (
        " ".join(f"{number}. {word}" for number, word in enumerate(SEED.split(), 1)),
        "seed words",
    ),
    "seed words with commas": (SEED.replace(" ", ", "), "seed words"),
    "seed words of another language": (" ".join(["ábaco"] * 12), "seed words"),
    "a wrong letter": (NSEC[:-1] + "q", "a letter of the nsec is wrong"),
    "two letters swapped": (NSEC[:20] + NSEC[21] + NSEC[20] + NSEC[22:], "two are swapped"),
    "a letter missing": (NSEC[:-1], "has 62 letters"),
    "half of it": (NSEC[:31], "has 31 letters"),
    "a letter too many": (NSEC + "q", "has 64 letters"),
    "a letter that none has": (NSEC[:30] + "o" + NSEC[31:], "a letter or sign that no nsec has"),
    "a line end inside": (NSEC[:30] + "\n" + NSEC[30:], "white space inside"),
    "some capitals": (NSEC[:30] + NSEC[30:].upper(), "in capitals: write all of them small"),
    "straight quotes": (f"'{NSEC}'", "quotes round the key"),
    "double quotes": (f'"{NSEC}"', "quotes round the key"),
    "curly quotes": (f"“{NSEC}”", "quotes round the key"),
    "one quote": (f"{NSEC}’", "quotes round the key"),
    "quoted hex": (f'"{NSEC_HEX}"', "quotes round the key"),
    "a uri": (f"nostr:{NSEC}", "leave nostr: out"),
    "a name before it": (f"key: {NSEC}", "more than the key"),
    "a setting": (f"{keys.SECRET_VARIABLE}={NSEC}", "more than the key"),
    "an npub": (NPUB, "this is a public key"),
    "an nprofile": (NPROFILE, "this is a public key"),
    "66 digits": ("02" + NSEC_HEX, "this is a public key"),
    "130 digits": ("04" + NSEC_HEX * 2, "this is a public key"),
    "0x": ("0x" + NSEC_HEX, "leave 0x out"),
    "63 digits": (NSEC_HEX[:-1], "64 hex digits, and here are 63"),
    "a note": ("note1" + NSEC[5:], "the address of a note"),
    "JSON": (json.dumps({"nsec": NSEC}), "this is JSON"),
    "an array": (json.dumps([NSEC]), "this is JSON"),
    "PEM": ("-----BEGIN OPENSSH PRIVATE KEY-----", "a key of another kind"),
    "something else": ("hello", "not a secret key"),
    "13 words": (f"{SEED} abandon", "not a secret key"),
}


@pytest.mark.parametrize(("text", "words"), MISTYPED.values(), ids=MISTYPED)
def test_what_stands_in_place_of_a_secret_key_is_named_and_not_repeated(text: str, words: str, tmp_path: Path) -> None:
    in_file = write_secret(tmp_path / "me.key", *text.split("\n"))
    ways: list[Callable[[], bytes]] = [
        lambda: keys.parse_secret_key(text),
        lambda: keys.load_secret(None, {keys.SECRET_VARIABLE: text or " "}),
        lambda: keys.read_secret_file(in_file),
    ]
    for read in ways:
        with pytest.raises(BadInput) as caught:
            read()
        said = str(caught.value).replace(str(in_file), "")
        assert caught.value.__cause__ is None
        assert not [piece for piece in list_pieces(text) if piece in said.lower()]
    with pytest.raises(BadInput, match=re.escape(words)):
        keys.parse_secret_key(text)


def list_pieces(text: str) -> list[str]:
    """Return all that a text has in eight letters or more: what an error that repeats some of it would show."""
    runs = re.findall(r"[0-9a-z]{8,}", text.lower().replace(keys.SECRET_VARIABLE.lower(), ""))
    return ["sausage", *(run[start : start + 8] for run in runs for start in range(len(run) - 7))]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "holds no key"),
        (("# only a comment",), "holds no key"),
        (SEED.split(), "seed words are not a key"),
        (("{", f'"nsec": "{NSEC}"', "}"), "this is JSON"),
        ((NPUB, NSEC), "holds 2 lines: put # before the others"),
        ((NSEC, NSEC_HEX, NSEC), "holds 3 lines"),
    ],
)
def test_a_file_of_several_lines_is_told_what_it_looks_like(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)) as caught:
        keys.read_secret_file(write_secret(tmp_path / "me.key", *lines))
    assert not [piece for line in lines for piece in list_pieces(line) if piece in str(caught.value)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no key"),
        (NSEC, "this is a secret key"),
        (f"@{NSEC.upper()}", "this is a secret key"),
        ("ncryptsec1qgg", "this is a secret key"),
        (SEED, "seed words are not a key"),
        (f'"{NPUB}"', "quotes round the key"),
        ("0x" + NPUB_HEX, "leave 0x out"),
        ("04" + NPUB_HEX * 2, "64 hex digits, and here are 130"),
        (NPROFILE[:-1], "the nprofile has a wrong checksum"),
        (NPUB[:-1], "the npub has a wrong checksum"),
        ("nevent1qqs", "the address of a note"),
        ("ann@example.org", "`ringrelay ring NAME@DOMAIN`"),
        (f'["{NPUB}"]', "this is JSON"),
        ("ann", "not a public key"),
    ],
)
def test_what_stands_in_place_of_a_public_key_is_named(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        keys.parse_public_key(text)


def test_the_largest_and_the_smallest_secret_key_are_read() -> None:
    for number in (1, ORDER - 1):
        assert keys.parse_secret_key(f"{number:064x}") == number.to_bytes(32, "big")


def test_a_secret_key_behind_nostr_is_named_as_one() -> None:
    with pytest.raises(BadInput, match="this is a secret key"):
        keys.parse_public_key(f"nostr:{NSEC}")
    assert keys.could_be_key(f"nostr:{NSEC}")


def test_a_secret_key_in_place_of_a_public_one_is_named_but_not_repeated() -> None:
    with pytest.raises(BadInput, match="secret key") as caught:
        keys.parse_public_key(NSEC)
    assert NSEC[5:] not in str(caught.value)


def test_a_new_secret_key_is_a_fresh_one_in_range() -> None:
    made = {keys.make_secret_key() for _ in range(20)}
    assert len(made) == 20
    assert all(keys.parse_secret_key(secret.hex()) == secret for secret in made)


@pytest.mark.parametrize("text", HOLDING_A_SECRET)
def test_a_secret_key_is_found_anywhere_in_a_text(text: str) -> None:
    assert keys.holds_secret_key(text)


@pytest.mark.parametrize("text", HOLDING_A_SECRET)
def test_the_relay_refuses_what_is_found_here(text: str) -> None:
    with pytest.raises(Rejected, match="nsec"):
        check_holds_no_secret_key(make_event(text))


@pytest.mark.parametrize("text", HOLDING_NONE)
def test_the_relay_takes_what_is_left_alone_here(text: str) -> None:
    check_holds_no_secret_key(make_event(text))


@pytest.mark.parametrize("text", HOLDING_NONE)
def test_a_text_without_a_secret_key_is_left_alone(text: str) -> None:
    assert not keys.holds_secret_key(text)


@pytest.mark.parametrize("lines", [(NSEC,), (NSEC_HEX,), ("# my key", "", f"{NSEC} # old")])
def test_a_secret_file_holds_one_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...]
) -> None:
    assert keys.read_secret_file(write_secret(tmp_path / "me.key", *lines)).hex() == NSEC_HEX
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_file_others_can_read_is_warned_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    path = write(tmp_path / "me.key", NSEC)
    path.chmod(mode)
    assert keys.read_secret_file(path).hex() == NSEC_HEX
    assert "chmod 600" in capsys.readouterr().err


def test_a_secret_may_come_through_a_pipe_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, NSEC.encode())
        os.close(writer)
        assert keys.read_secret_file(Path(f"/dev/fd/{reader}")).hex() == NSEC_HEX
    finally:
        os.close(reader)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("lines", [(), (NSEC, NSEC_HEX), (NSEC[:-1],), (f"key: {NSEC}",)])
def test_a_secret_file_with_anything_else_is_refused_without_repeating_it(
    tmp_path: Path, lines: tuple[str, ...]
) -> None:
    path = write_secret(tmp_path / "me.key", *lines)
    with pytest.raises(BadInput, match=r"me\.key") as caught:
        keys.read_secret_file(path)
    assert NSEC[5:20] not in str(caught.value)
    assert NSEC_HEX not in str(caught.value)


@pytest.mark.parametrize("typed", [NSEC, NSEC_HEX, NSEC[:-3], "ncryptsec1qgg", SEED])
def test_a_key_typed_where_its_file_belongs_is_not_repeated(typed: str) -> None:
    with pytest.raises(BadInput, match="not a key") as caught:
        keys.read_secret_file(Path(typed))
    assert typed not in str(caught.value)


def test_the_secret_comes_from_the_environment_when_no_file_is_named(tmp_path: Path) -> None:
    environment = {keys.SECRET_VARIABLE: f" {NSEC}\n"}
    assert keys.load_secret(None, environment).hex() == NSEC_HEX
    other = write_secret(tmp_path / "other.key", f"{5:064x}")
    assert keys.load_secret(other, environment) == (5).to_bytes(32, "big")


def test_without_file_and_environment_the_message_names_both_ways() -> None:
    with pytest.raises(BadInput, match=f"--key-file FILE, or set {keys.SECRET_VARIABLE}"):
        keys.load_secret(None, {})


def test_hidden_texts_hold_no_key() -> None:
    assert NSEC[5:] not in keys.hide_keys(f"unrecognized arguments: --key={NSEC}")
    assert NSEC_HEX not in keys.hide_keys(f"unrecognized arguments: {NSEC_HEX}")
    assert keys.hide_keys("--config relay.toml") == "--config relay.toml"
