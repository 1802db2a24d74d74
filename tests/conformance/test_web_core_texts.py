"""Parts of pasted texts as web/core reads them, against the relay's reading: random labels, quotes and fences, lists and names.

Whole notes reach few of these places, since one fault refuses a note.
"""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from relay.verify.text_members import Block, list_blocks
from relay.verify.text_words import list_readings
from tests.conformance.notes import hex_of, nprofile_of, npub_of, points_of
from tests.conformance.web_core import NOT_TESTED, WEB, ask
from tests.support import npm

PIECES, LISTS = 6000, 6000
LEAST_READ, LEAST_LISTS = 300, 300


def split(tokens: str) -> list[str]:
    return tokens.split("~")


AROUND_WORDS = (
    *split(' ~\n~\t~\r\n~\r~\n\n~\xa0~\u200b~\ufeff~\u202f~\u2028~\x0b~\x85~\U0001f600~"~"~\'~``~\u201c'),
    *split("\u201d~\u201e~\xab~\xbb~\u300c~\u300d~\u2018~\u2019~(~)~**~__~*~_~#~>~> ~```~```json~```text"),
    *split("---~\u2014~- - -~===~x~We know.~Message:~Message~message :~**Message:**~## Message~# Text:"),
    *split("_Note_:~**note**: x~Message: hi~Ring:~**Ring**~Signature:~Sig:~De\u0301claration:~\u0130:"),
    *split("TEXT\uff1a~membres de l\u2019anneau:~\u2713 Signature is valid!~\u6d88\u606f:"),
    *split("wiadomo\u015b\u0107:~\u03a3\u0391\u03a3:~STATEMENT:~\xe9"),
)
AROUND_KEYS = (
    *split("nostr:~@~ ~\t~\r\n~\n~\n\n~, ~,~;~|~\u3001~.~\xa0~\u200b~x~a~9~ and ~\nand ~und ~und"),
    *split(" \u0438\u043b\u0438 ~(Ann)~ (Ann)~ (Ann B)~Ann: ~Ann ~ Bob~ - Ann~- ~* ~1. ~2. ~3. ~(1) ~12) "),
    *split('> ~\u2022 ~\n- ~\n1. ~\n2. ~= ~# ~: ~**~__~"~\u201c~[~]~(~)~{~}~<~>~[Ann](~**Ann**: ~@Ann '),
    *split("Ring ~not ~No.~Ring:~Ring:\n~\nKeys:\n~Members: ~\u7530\u4e2d"),
    *split("\u7530\u4e2d\u592a\u90ce\u3055\u3093\u3042\u308a\u304c~Zoe Z. ~Eve 2~Eve 2 3: ~Jean-Luc.~o'"),
    *split("\xe9~\xfc: ~\xc4B~B~Ann~\xdf"),
    " " * 130,
)
KEYS = (*npub_of(0, 1, 2), *hex_of(3, 4), *points_of(5), nprofile_of(6))


def describe(text: str, block: Block) -> dict[str, Any]:
    return {
        "rest": [text[: block.start], text[block.end :]],
        "keys": list(block.keys),
        "places": list(block.places),
        "isLabelled": block.is_labelled,
        "hasNamesOnBothSides": block.has_names_on_both_sides,
    }


def compare(seed: int, drawn: Sequence[object], found: Sequence[object], expected: Sequence[object]) -> None:
    for given, theirs, ours in zip(drawn, found, expected, strict=True):
        assert theirs == ours, f"seed {seed}: {given!r}"


@pytest.fixture(scope="module")
def node() -> str:
    return npm.install(WEB, NOT_TESTED)


@pytest.fixture
def seed() -> int:
    return random.SystemRandom().randrange(2**32)


def test_it_finds_the_readings_that_the_relay_finds(node: str, seed: int) -> None:
    rng = random.Random(seed)

    def draw() -> str:
        tokens = rng.choices(AROUND_WORDS, k=rng.choice((0, 1, 2, 3, 5, 8)))
        return "".join(token + rng.choice(("", "", "\n")) for token in tokens)

    drawn = [(draw(), draw(), draw()) for _ in range(PIECES)]
    expected = [[[words, outside is None] for words, outside in list_readings(pieces)] for pieces in drawn]
    compare(seed, drawn, ask(node, "web_texts.mjs", ({"pieces": pieces} for pieces in drawn)), expected)
    assert sum(any(is_whole for _, is_whole in readings) for readings in expected) >= LEAST_READ


def test_it_finds_the_lists_of_keys_that_the_relay_finds(node: str, seed: int) -> None:
    rng = random.Random(seed)

    def fill(*sizes: int) -> str:
        return "".join(rng.choices(AROUND_KEYS, k=rng.choice(sizes)))

    drawn = [
        fill(0, 1, 2, 3)
        + "".join(rng.choice(KEYS) + fill(0, 1, 1, 2, 2, 3, 4) for _ in range(rng.choice((1, 2, 2, 3, 4))))
        for _ in range(LISTS)
    ]
    expected = [[describe(text, block) for block in list_blocks(text)] for text in drawn]
    compare(seed, drawn, ask(node, "web_texts.mjs", ({"text": text} for text in drawn)), expected)
    assert sum(map(bool, expected)) >= LEAST_LISTS
