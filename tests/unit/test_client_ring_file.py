"""The ring file: keys, comments, and what a relay knew of each key."""

from pathlib import Path

import pytest

from relay.client.signing import keys
from relay.client.signing.ring_file import NEVER, Entry, format_entry, read_ring
from relay.client.terminal.bad_input import BadInput

# The example of NIP-19.
NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
NPUB_HEX = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"


def make_key(number: int) -> bytes:
    return keys.to_public_key(number.to_bytes(32, "big"))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def read_keys(path: Path) -> tuple[bytes, ...]:
    return tuple(entry.key for entry in read_ring(path))


def test_a_ring_file_may_hold_npubs_hex_comments_and_blank_lines(tmp_path: Path) -> None:
    ring = write(
        tmp_path / "ring.txt",
        "# the committee",
        "",
        f"  {NPUB}   # Ada",
        make_key(2).hex().upper(),
        "   ",
        make_key(3).hex() + "\r",
    )
    assert read_keys(ring) == (bytes.fromhex(NPUB_HEX), make_key(2), make_key(3))


def test_a_ring_file_may_hold_keys_as_people_copy_them(tmp_path: Path) -> None:
    profile = "nprofile1qqs8ul5ug253hlh3n75jne0a5xmjur4urfxpzst88cnegg6ds6ka7nspzdmhxue69uhhyetvv9ujuetcv9khqmr955cruz"
    for spelling in (profile, f"nostr:{profile}", f"@{NPUB}", f"nostr:{NPUB}", f"02{NPUB_HEX}", f"\ufeff{NPUB}"):
        assert read_keys(write(tmp_path / "ring.txt", f"{spelling}  # Ada")) == (bytes.fromhex(NPUB_HEX),)


def test_seed_words_in_a_ring_file_are_named_and_not_repeated(tmp_path: Path) -> None:
    seed = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    with pytest.raises(BadInput, match="line 1: seed words are not a key") as caught:
        read_ring(write(tmp_path / "ring.txt", seed))
    assert "sausage" not in str(caught.value)


def test_a_bad_line_of_a_ring_file_is_named_by_its_number(tmp_path: Path) -> None:
    ring = write(tmp_path / "ring.txt", "# one", NPUB, "", "alice")
    with pytest.raises(BadInput, match="line 4: not a public key"):
        read_ring(ring)


@pytest.mark.parametrize(
    "line", [f"{NPUB}, {NPUB_HEX}", f"{NPUB} {NPUB_HEX}", f'["{NPUB}", "{NPUB_HEX}"]', f"{NPUB},", f"{NPUB} (Ada)"]
)
def test_what_stands_beside_a_key_in_a_ring_file_is_to_be_put_elsewhere(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadInput, match="line 1: more than one key: write one a line"):
        read_ring(write(tmp_path / "ring.txt", line))


def test_a_secret_key_in_a_ring_file_is_named_by_its_line_and_not_repeated(tmp_path: Path) -> None:
    ring = write(tmp_path / "ring.txt", NPUB, NSEC)
    with pytest.raises(BadInput, match=r"line 2: .*secret key") as caught:
        read_ring(ring)
    assert NSEC[5:] not in str(caught.value)


def test_a_key_that_stands_twice_in_a_ring_file_names_both_lines(tmp_path: Path) -> None:
    ring = write(tmp_path / "ring.txt", NPUB, make_key(2).hex(), "# again", NPUB_HEX)
    with pytest.raises(BadInput, match="line 4: the same key as on line 1"):
        read_ring(ring)


def test_a_missing_or_binary_ring_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", tmp_path, binary):
        with pytest.raises(BadInput, match=path.name):
            read_ring(path)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(make_key(1)),
        Entry(make_key(1), "ann@example.org"),
        Entry(make_key(1), "", "2023-Q2"),
        Entry(make_key(1), "ann@example.org", "2023-Q2"),
        Entry(make_key(1), "ann, of the board", NEVER),
    ],
)
def test_what_is_known_of_a_member_is_read_back_as_it_was_written(tmp_path: Path, entry: Entry) -> None:
    assert read_ring(write(tmp_path / "ring.txt", format_entry(entry))) == (entry,)


def test_a_strangers_name_can_neither_steer_a_terminal_nor_end_the_line() -> None:
    line = format_entry(Entry(make_key(1), "x\x1b[31m\n" + NPUB))
    assert "\x1b" not in line
    assert "\n" not in line
