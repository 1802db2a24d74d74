"""Numbers on pages: grouped as each language groups them."""

import pytest

from relay.pages.language import LANGUAGES, load_translations
from relay.pages.numbers import group_digits

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("language", "number", "written"),
    [
        ("en", 0, "0"),
        ("en", 999, "999"),
        ("en", 1_000, "1,000"),
        ("en", 1_234_567, "1,234,567"),
        ("es", 999, "999"),
        # Four digits stay together.
        ("es", 1_000, "1000"),
        ("es", 10_000, f"10{SPACE}000"),
        ("es", 1_234_567, f"1{SPACE}234{SPACE}567"),
    ],
)
def test_digits_are_grouped_as_the_language_does(language: str, number: int, written: str) -> None:
    assert group_digits(number, load_translations(language)) == written


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_groups(language: str) -> None:
    written = group_digits(12_345, load_translations(language))
    assert "".join(filter(str.isdigit, written)) == "12345"
