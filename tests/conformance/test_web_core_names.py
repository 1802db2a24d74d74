"""Names of keys and notes (NIP-19) as web/core reads them, against the relay's reading: whole, changed, and made up."""

import random

import pytest
from bech32 import CHARSET, bech32_encode, convertbits

from relay.protocol import nip19
from tests.conformance.web_core import NOT_TESTED, WEB, ask
from tests.support import npm

DRAWS = 2000
LEAST_READ = 150
PREFIXES = (*("npub", "nprofile", "note", "nevent") * 3, "nsec", "naddr")
# What the checksums of bech32 and bech32m differ by (BIP-350).
DIFFERENCE = 1 ^ 0x2BC830A3


@pytest.fixture(scope="module")
def node() -> str:
    return npm.install(WEB, NOT_TESTED)


def draw_bytes(rng: random.Random) -> bytes:
    """Draw a key or an id, or entries of NIP-19 of which some are missing, doubled or cut."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.choice((32, 32, 32, 31, 33, 0)))
    sizes = {0: 32, 1: rng.randrange(60), 2: 32, 3: 4, 9: rng.randrange(5)}
    kinds = [0, *rng.choices(tuple(sizes), k=rng.randrange(4))]
    rng.shuffle(kinds)
    entries = b"".join(bytes([kind, sizes[kind]]) + rng.randbytes(sizes[kind]) for kind in kinds)
    return rng.choice((entries, entries, entries, entries[:-1], entries[1:], entries + b"\0", entries + bytes([1, 0])))


def draw_name(rng: random.Random) -> str:
    values = convertbits(draw_bytes(rng), 8, 5)
    assert values is not None
    if rng.random() < 0.1:
        # Bits left over that are not zeros, or five too many.
        values = [*values[:-1], values[-1] ^ 1] if values and rng.random() < 0.5 else [*values, 0]
    text = bech32_encode(rng.choice(PREFIXES), values)
    place = rng.randrange(len(text))
    changes = (
        lambda: text[:place] + rng.choice(CHARSET + "b1 ") + text[place + 1 :],
        lambda: text[:place] + text[place + 1 :],
        lambda: rng.choice((" ", "nostr:", "x")) + text,
        lambda: text + rng.choice("q \n"),
    )
    return text if rng.random() < 0.8 else rng.choice(changes)()


def read(text: str) -> dict[str, str | None]:
    found = {
        "npub": nip19.decode_npub(text),
        "nprofile": nip19.decode_nprofile(text),
        "note": nip19.decode_note(text),
        "nevent": nip19.decode_nevent(text),
    }
    names = {name: None if value is None else value.hex() for name, value in found.items()}
    return {**names, "again": None if found["npub"] is None else nip19.encode_npub(found["npub"])}


def test_it_reads_the_names_that_the_relay_reads(node: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    texts = [draw_name(rng) for _ in range(DRAWS)]
    expected = list(map(read, texts))
    for text, found, ours in zip(
        texts, ask(node, "web_core.mjs", (["name", text] for text in texts)), expected, strict=True
    ):
        assert {name: found[name] for name in ours} == ours, f"seed {seed}: {text}"
    assert sum(any(ours.values()) for ours in expected) >= LEAST_READ


def test_it_reads_no_upper_case_and_no_checksum_of_bech32m(node: str) -> None:
    npub = nip19.encode_npub(bytes(range(32)))
    digits = [DIFFERENCE >> 5 * (5 - place) & 31 for place in range(6)]
    bech32m = npub[:-6] + "".join(
        CHARSET[CHARSET.index(letter) ^ digit] for letter, digit in zip(npub[-6:], digits, strict=True)
    )
    for text in (npub.upper(), npub[:5] + npub[5:].upper(), bech32m):
        (found,) = ask(node, "web_core.mjs", [["name", text]])
        assert {found[name] for name in ("npub", "nprofile", "note", "nevent")} == {None}
