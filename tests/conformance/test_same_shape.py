"""Whether a note shows which of the two programs made it: `ringrelay sign`, or the file that signs.

Both are given what the same authors want. Classifiers see everything of the notes that is not the authors', and must guess.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.cli import main
from relay.protocol.event import Event, decode_event, encode_event
from relay.protocol.nip19 import encode_nsec
from relay.verify.encoding import RingSignature, decode_ring_a, encode_ring_a
from tests.conformance.shape import cross_validate, list_features
from tests.support.sign_page import Author, make_author
from tests.support.web_sign import WebSign, start_web_sign

pytestmark = pytest.mark.more("takes half a minute: it signs and classifies 400 notes")
NOTES = 200
BITS = 10
MOST_ACCURATE = 0.60
LEAST_WHERE_PLANTED = 0.90
SPLITS = 3
WORDS = (
    "The report was changed.",
    'It says "shorter".\nNot why.',
    "gr\u00fc\u00dfe \U0001f600 \u2028\t\\ </b>",
    "\u05d3\u05d5\u05d7\x7f",
)


@pytest.fixture(scope="module")
def rng() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def authors() -> list[Author]:
    return [make_author(size) for size in (5, 7, 10)]


def draw_wish(rng: random.Random) -> dict[str, str]:
    """Return what an author wants to sign, as fields."""
    what = rng.choice(("note", "note", "article", "reaction", "vote"))
    scheme = rng.choice(("sag", "blsag"))
    target = rng.randbytes(32).hex()
    return {"what": what, "scheme": scheme, "scope": "a series", "target": target, "words": rng.choice(WORDS)}


def sign_by_command(author: Author, wish: dict[str, str], folder: Path, capture: Any) -> str:
    """Return what `ringrelay sign` prints."""
    (folder / "ring.txt").write_text(author.ring_text)
    key_file = folder / "key"
    key_file.write_text(encode_nsec(author.secret))
    key_file.chmod(0o600)
    options = {
        "note": [],
        "article": ["--kind", "30023", "--tag", "d=a-title", "--tag", "title=A title"],
        "reaction": ["--kind", "7", "--tag", f"e={wish['target']}"],
        "vote": ["--kind", "1018", "--tag", f"e={wish['target']}", "--tag", "response=y"],
    }[wish["what"]]
    kind = {"reaction": 7, "vote": 1018}.get(wish["what"])
    if kind:
        options += ["--scheme", "blsag", "--scope", f"{kind}:{wish['target']}"]
    elif wish["scheme"] == "blsag":
        options += ["--scheme", "blsag", "--scope", wish["scope"]]
    words = "" if wish["what"] == "vote" else wish["words"]
    command = [
        "sign",
        "--ring",
        str(folder / "ring.txt"),
        "--key-file",
        str(key_file),
        "--pow",
        str(BITS),
        "--message",
        words,
    ]
    assert main([*command, *options]) == 0
    printed: bytes = capture.readouterr().out
    return printed.decode().removesuffix("\n")


def sign_by_file(web: WebSign, author: Author, wish: dict[str, str]) -> str:
    fields = {
        **wish,
        "ringText": author.ring_text,
        "title": "A title",
        "options": "y",
        "names": "",
        "form": "bound",
        "isOpen": False,
        "bits": str(BITS),
        "isForced": False,
    }
    json: str = web.ask("page", key=encode_nsec(author.secret), fields=fields)
    return json


@pytest.fixture(scope="module")
def web() -> Iterator[WebSign]:
    with start_web_sign() as started:
        yield started


@pytest.fixture
def pairs(
    web: WebSign, rng: random.Random, authors: list[Author], tmp_path: Path, capsysbinary: Any
) -> tuple[list[str], list[str]]:
    """Sign with both programs what authors want, each wish drawn for itself."""
    by_command = [sign_by_command(rng.choice(authors), draw_wish(rng), tmp_path, capsysbinary) for _ in range(NOTES)]
    return by_command, [sign_by_file(web, rng.choice(authors), draw_wish(rng)) for _ in range(NOTES)]


def guess(rng: random.Random, ones: list[str], others: list[str], splits: int = 1) -> float:
    """Return how often the program is guessed, over so many ways to split the notes."""
    rows = [list_features(note) for note in ones + others]
    labels = [0] * len(ones) + [1] * len(others)
    return sum(cross_validate(rows, labels, rng) for _ in range(splits)) / splits


def change(note: str, **fields: Any) -> str:
    return encode_event(msgspec.structs.replace(decode_event(note), **fields)).decode()


def plant_nonce(note: str, rng: random.Random) -> str:
    event = decode_event(note)
    return change(note, tags=(*event.tags[:-1], ("nonce", str(10**6 + rng.randrange(10**6)), str(BITS))))


def plant_time(note: str, rng: random.Random) -> str:
    return change(note, created_at=decode_event(note).created_at + rng.randrange(1, 3600))


def plant_order(note: str, rng: random.Random) -> str:
    del rng
    tags = list(decode_event(note).tags)
    place = next(place for place, tag in enumerate(tags) if tag[0] == "R")
    return change(note, tags=(tags.pop(place), *tags))


def plant_spaces(note: str, rng: random.Random) -> str:
    del rng
    return note.replace('","', '", "')


def plant_bias(note: str, rng: random.Random) -> str:
    """Return the note with responses of one bit less, as a careless draw makes them."""
    del rng
    event: Event = decode_event(note)
    place = next(place for place, tag in enumerate(event.tags) if tag[0] == "ringsig")
    ring = next(tag for tag in event.tags if tag[0] == "ring")
    signature = decode_ring_a(event.tags[place][1], len(ring) - 1)
    low = tuple(bytes([response[0] & 0x7F]) + response[1:] for response in signature.responses)
    biased = RingSignature(signature.scheme, signature.c0, low, signature.key_image, signature.flag)
    return change(note, tags=(*event.tags[:place], ("ringsig", encode_ring_a(biased)), *event.tags[place + 1 :]))


PLANTS: tuple[Callable[[str, random.Random], str], ...] = (
    plant_nonce,
    plant_time,
    plant_order,
    plant_spaces,
    plant_bias,
)


def test_a_note_does_not_show_which_program_signed_it(pairs: tuple[list[str], list[str]], rng: random.Random) -> None:
    by_command, by_file = pairs
    assert guess(rng, by_command, by_file, SPLITS) <= MOST_ACCURATE
    # The control: the same classifiers find what a careless program would leave.
    for plant in PLANTS:
        found = guess(rng, by_command, [plant(note, rng) for note in by_file])
        assert found > LEAST_WHERE_PLANTED, plant.__name__
