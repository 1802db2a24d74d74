"""Numbers look the same on a page that a browser fills, and on one that the relay renders."""

import json
import subprocess
from pathlib import Path

from relay.pages.language import LANGUAGES, load_translations
from relay.pages.numbers import group_digits
from tests.support.npm import install
from tests.support.time_factor import scaled

FOLDER = Path(__file__).parent
NUMBERS = [0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999, 100_000, 999_999, 1_000_000, 12_345_678]


def test_a_number_is_grouped_in_a_browser_as_by_the_relay() -> None:
    asked = [(number, language) for language in LANGUAGES for number in NUMBERS]
    node = install(FOLDER, "how a browser groups digits was not compared with how the relay does")
    done = subprocess.run(
        [node, str(FOLDER / "digits.mjs")],
        input=json.dumps(asked),
        check=True,
        capture_output=True,
        text=True,
        timeout=scaled(60.0),
    )
    grouped = [group_digits(number, load_translations(language)) for number, language in asked]
    assert json.loads(done.stdout) == grouped
