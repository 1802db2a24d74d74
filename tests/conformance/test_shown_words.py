"""Strangers' words look the same on a page that a browser fills, and on one that the relay renders."""

import itertools
import json
import subprocess
import unicodedata
from pathlib import Path

from relay.protocol.printable import to_lines
from tests.support.npm import install
from tests.support.time_factor import scaled

FOLDER = Path(__file__).parent
# Letters and marks of scripts with joiners and of some without, pictographs, a skin tone, a selector, and what is no letter.
BESIDE_JOINERS = "aЖ中\u05d0ا\u064eकிකမខ🏳👩👍🏽\ufe0f♥ 1.\n\u200d\u200c\u202e"


def show_in_browser(texts: list[str]) -> list[str]:
    node = install(FOLDER, "what a browser makes harmless was not compared with what the relay does")
    done = subprocess.run(
        [node, str(FOLDER / "shown.mjs")],
        input=json.dumps(texts),
        check=True,
        capture_output=True,
        text=True,
        timeout=scaled(60.0),
    )
    shown: list[str] = json.loads(done.stdout)
    return shown


def test_every_character_is_hidden_or_shown_as_by_the_relay() -> None:
    # What this Python's Unicode does not know yet, a newer browser may show.
    chars = [char for char in map(chr, range(0x110000)) if unicodedata.category(char) not in ("Cn", "Cs")]
    texts = [f"a{char}b" for char in chars]
    assert show_in_browser(texts) == [to_lines(text) for text in texts]


def test_a_joiner_stays_where_the_relay_lets_it_stay() -> None:
    parts = itertools.product(BESIDE_JOINERS, ("\u200c", "\u200d"), BESIDE_JOINERS)
    texts = ["".join(part) for part in parts]
    texts += [f"❤\ufe0f\u200d{char}" for char in BESIDE_JOINERS] + ["\u200d", "a\u200d", "\u200da", "क\u200d", "\r\n\r"]
    assert show_in_browser(texts) == [to_lines(text) for text in texts]
