"""What is written for people and read back (NIP-19): its own examples, nostr-sdk, and where it refuses."""

import re

import bech32
import pytest
from nostr_sdk import EventId, Keys, Kind, Nip19Event, Nip19Profile, RelayUrl

from relay.protocol import nip19

NOTE_ID = bytes(range(32))
# The examples of NIP-19.
NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
NPUB_KEY = bytes.fromhex("7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e")
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
NSEC_KEY = bytes.fromhex("67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa")


def write_bech32(prefix: str, data: bytes, unused_bits: int = 0) -> str:
    """Return data as bech32, with the bits set that stand behind its last byte."""
    values = bech32.convertbits(data, 8, 5)
    assert values is not None
    return str(bech32.bech32_encode(prefix, [*values[:-1], values[-1] | unused_bits]))


def test_keys_are_written_and_read_as_in_nip_19() -> None:
    assert nip19.encode_npub(NPUB_KEY) == NPUB
    assert nip19.encode_nsec(NSEC_KEY) == NSEC
    assert nip19.decode_npub(NPUB) == NPUB_KEY
    assert nip19.decode_nsec(NSEC) == NSEC_KEY


def test_keys_are_those_that_another_library_writes() -> None:
    for _ in range(20):
        keys = Keys.generate()
        npub, nsec = keys.public_key().to_bech32(), keys.secret_key().to_bech32()
        assert nip19.decode_npub(npub) == bytes.fromhex(keys.public_key().to_hex())
        assert nip19.decode_nsec(nsec) == bytes.fromhex(keys.secret_key().to_hex())
        assert nip19.encode_npub(bytes.fromhex(keys.public_key().to_hex())) == npub


def test_an_nprofile_begins_with_its_key_as_another_library_writes_it() -> None:
    for relays in ([], [RelayUrl.parse("wss://relay.example.org")]):
        key = Keys.generate().public_key()
        start = nip19.start_nprofile(bytes.fromhex(key.to_hex()))
        assert Nip19Profile(key, relays).to_bech32().startswith(start)
        assert re.fullmatch(nip19.NPROFILE_START, start)


# The example of NIP-19, with two relays.
NPROFILE = (
    "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34"
    "kytnrdaksjlyr9p"
)
NPROFILE_KEY = bytes.fromhex("3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d")
KEY_ENTRY = bytes([0, 32]) + NPUB_KEY


def test_a_profile_is_read_for_its_key() -> None:
    assert nip19.decode_nprofile(NPROFILE) == NPROFILE_KEY
    for relays in ([], [RelayUrl.parse("wss://relay.example.org")] * 3):
        key = Keys.generate().public_key()
        assert nip19.decode_nprofile(Nip19Profile(key, relays).to_bech32()) == bytes.fromhex(key.to_hex())


@pytest.mark.parametrize(
    "data",
    [
        # A relay before the key, an entry of an unknown type, and one without a value.
        bytes([1, 1]) + b"r" + KEY_ENTRY,
        KEY_ENTRY + bytes([255, 2]) + b"??",
        KEY_ENTRY + bytes([1, 0]),
        # 255 characters: none has 256.
        KEY_ENTRY + bytes([1, 114]) + b"r" * 114,
    ],
)
def test_what_stands_beside_the_key_of_a_profile_is_passed_over(data: bytes) -> None:
    assert nip19.decode_nprofile(write_bech32("nprofile", data)) == NPUB_KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        NPUB,
        NPROFILE.upper(),
        NPROFILE.capitalize(),
        NPROFILE[:-1] + "q",
        f"nostr:{NPROFILE}",
        f"{NPROFILE} ",
        str(bech32.bech32_encode("nprofile", [])),
        write_bech32("nprofile", NPUB_KEY),
        write_bech32("nevent", KEY_ENTRY),
        write_bech32("nprofile", KEY_ENTRY, unused_bits=1),
        # Two keys, also if they are one; one too short; one too long; none.
        write_bech32("nprofile", KEY_ENTRY + KEY_ENTRY),
        write_bech32("nprofile", bytes([0, 31]) + NPUB_KEY[:31]),
        write_bech32("nprofile", bytes([0, 33]) + NPUB_KEY + b"\x00"),
        write_bech32("nprofile", bytes([1, 1]) + b"r"),
        # Entries that end before their length says so, or have none.
        write_bech32("nprofile", KEY_ENTRY[:-1]),
        write_bech32("nprofile", KEY_ENTRY + bytes([1])),
        write_bech32("nprofile", KEY_ENTRY + bytes([1, 2]) + b"r"),
        # 257 characters.
        write_bech32("nprofile", KEY_ENTRY + bytes([1, 115]) + b"r" * 115),
    ],
)
def test_what_is_no_profile_of_one_key_is_not_read(text: str) -> None:
    assert nip19.decode_nprofile(text) is None


def test_letters_are_all_small_or_all_large() -> None:
    assert nip19.decode_npub(NPUB.upper()) == NPUB_KEY
    assert nip19.decode_npub(NPUB.capitalize()) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "npub",
        NPUB[:-1],
        NPUB[:-1] + "q",
        f" {NPUB}",
        f"nostr:{NPUB}",
        NSEC,
        write_bech32("npub", NPUB_KEY[:31]),
        write_bech32("npub", NPUB_KEY + b"\x00"),
        write_bech32("npub", NPUB_KEY, unused_bits=1),
    ],
)
def test_what_is_no_npub_is_not_read(text: str) -> None:
    assert nip19.decode_npub(text) is None


def test_an_npub_is_no_nsec() -> None:
    assert nip19.decode_nsec(NPUB) is None


@pytest.mark.parametrize("text", [NSEC, NSEC.upper(), NSEC.title(), write_bech32("nsec", NSEC_KEY, unused_bits=1)])
def test_a_secret_key_that_a_person_could_restore_counts_as_one(text: str) -> None:
    (found,) = nip19.NSEC_CANDIDATE.findall(text)
    assert nip19.has_nsec_checksum(found)


def test_a_text_with_another_checksum_is_no_secret_key() -> None:
    assert not nip19.has_nsec_checksum(NSEC[:-1] + "q")
    assert not nip19.has_nsec_checksum(NPUB)


@pytest.mark.parametrize("relay_url", ["wss://relay.example", "ws://127.0.0.1:7447", "wss://" + "r" * 241 + ".example"])
def test_an_nevent_names_the_note_and_the_relay(relay_url: str) -> None:
    event = Nip19Event.from_bech32(nip19.encode_nevent(NOTE_ID, relay_url))
    assert event.event_id().to_hex() == NOTE_ID.hex()
    assert [str(relay) for relay in event.relays()] == [relay_url]
    assert event.author() is None
    assert event.kind() is None


def test_a_url_that_no_nevent_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        nip19.encode_nevent(NOTE_ID, "wss://" + "r" * 242 + ".example")
    with pytest.raises(ValueError, match="ascii"):
        nip19.encode_nevent(NOTE_ID, "wss://r\u00e9lay.example")


def write_entries(*entries: tuple[int, bytes]) -> bytes:
    return b"".join(bytes([kind, len(value)]) + value for kind, value in entries)


ID_ENTRY, RELAY_ENTRY = (0, NOTE_ID), (1, b"wss://relay.example.com")


def test_a_notes_id_is_read_as_another_library_writes_it() -> None:
    event_id = EventId.parse(NOTE_ID.hex())
    assert nip19.decode_note(event_id.to_bech32()) == NOTE_ID
    author = Keys.generate().public_key()
    for nevent in [
        Nip19Event(event_id),
        Nip19Event(
            event_id, author, Kind(30023), [RelayUrl.parse("wss://a.example"), RelayUrl.parse("wss://b.example")]
        ),
    ]:
        assert nip19.decode_nevent(nevent.to_bech32()) == NOTE_ID
        assert nip19.decode_nevent(nevent.to_bech32().upper()) == NOTE_ID


@pytest.mark.parametrize(
    "entries",
    [
        (ID_ENTRY,),
        (RELAY_ENTRY, RELAY_ENTRY, ID_ENTRY),
        (ID_ENTRY, (2, bytes(32)), (3, bytes(4))),
        (ID_ENTRY, (9, b""), (255, b"to come")),
        (ID_ENTRY, (1, b"\xff not ascii")),
    ],
)
def test_of_an_nevent_only_the_id_is_read(entries: tuple[tuple[int, bytes], ...]) -> None:
    assert nip19.decode_nevent(write_bech32("nevent", write_entries(*entries))) == NOTE_ID


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        NOTE_ID,
        write_entries(RELAY_ENTRY),
        write_entries(ID_ENTRY, ID_ENTRY),
        write_entries(ID_ENTRY, (0, bytes(32))),
        write_entries((0, bytes(31))),
        write_entries((0, bytes(33))),
        write_entries(ID_ENTRY, (2, bytes(31))),
        write_entries(ID_ENTRY, (3, bytes(2))),
        write_entries(ID_ENTRY, (3, bytes(4)), (3, bytes(4))),
        write_entries(ID_ENTRY) + b"\x01",
        write_entries(ID_ENTRY, RELAY_ENTRY)[:-1],
        write_entries(ID_ENTRY, *[(1, b"a" * 255)] * 13),
    ],
)
def test_what_is_no_nevent_is_not_read(data: bytes) -> None:
    assert nip19.decode_nevent(write_bech32("nevent", data) if data else "nevent1") is None


def test_an_nevent_with_another_prefix_checksum_or_unused_bits_is_not_read() -> None:
    data = write_entries(ID_ENTRY)
    nevent = write_bech32("nevent", data)
    assert nip19.decode_nevent(write_bech32("nprofile", data)) is None
    assert nip19.decode_note(write_bech32("nevent", NOTE_ID)) is None
    assert nip19.decode_nevent(nevent[:-1] + ("q" if nevent[-1] != "q" else "p")) is None
    assert nip19.decode_nevent("N" + nevent[1:]) is None
    assert nip19.decode_nevent(write_bech32("nevent", data, unused_bits=1)) is None
