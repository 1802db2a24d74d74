"""What a refusal quotes of a note: one line, nothing that reorders it, no more than helps, and never a secret."""

import unicodedata

import pytest

from relay.verify.quoting import quote, quote_ends

MOST = 40
NSEC = "nsec1" + "q" * 58


def inside(quoted: str) -> str:
    assert quoted[0] == "\u201c"
    return quoted[1 : quoted.index("\u201d")]


def test_a_short_text_is_quoted_as_it_is() -> None:
    assert quote("Sent from my iPhone") == "\u201cSent from my iPhone\u201d"
    assert quote("\u4f60\u597d \U0001f511 \u00e9") == "\u201c\u4f60\u597d \U0001f511 \u00e9\u201d"


def test_nothing_is_quoted_of_nothing() -> None:
    assert quote("") == ""


@pytest.mark.parametrize("size", [39, 40, 41, 400, 100_000])
def test_at_most_forty_characters_are_quoted(size: int) -> None:
    shown = inside(quote("ab " * (size // 3) + "a" * (size % 3)))
    assert len(shown) <= MOST
    assert shown.endswith("\u2026") is (size > MOST)


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\n\tb", "a\0b", "a\x1b[31mb", "a\u2028b", "a\u00a0b", "a\ue000b", "a\u200bb"]
)
def test_line_ends_and_what_cannot_be_printed_become_a_space(text: str) -> None:
    shown = inside(quote(text))
    assert shown.isprintable()
    assert (shown[0], shown[1], shown[-1]) == ("a", " ", "b")


def test_no_character_that_changes_the_direction_of_text_is_quoted() -> None:
    directions = [
        chr(code) for code in range(0x110000) if unicodedata.bidirectional(chr(code)) in BIDI or chr(code) in MARKS
    ]
    assert len(directions) >= 12
    for sign in directions:
        assert sign not in quote(f"a{sign}b")
        assert sign not in quote_ends(f"a{sign}b" + "c " * 100 + sign)


BIDI = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
MARKS = "\u061c\u200e\u200f"


@pytest.mark.parametrize("secret", [NSEC, NSEC.upper(), "ncryptsec1" + "q" * 150])
@pytest.mark.parametrize("around", ["{}", "key: {}", "({})", "x\n{}\ny", "nostr:{}"])
def test_of_a_secret_key_only_its_kind_is_quoted(secret: str, around: str) -> None:
    text = around.format(secret)
    for shown in (quote(text), quote_ends(text)):
        assert secret[5:13] not in shown.replace("ncryptsec1", "")
        assert "sec1" in shown.lower()


def test_of_a_long_word_its_beginning_is_quoted() -> None:
    assert quote("ab" * 32) == "\u201cabababab\u2026\u201d"
    assert quote(f"then {'ab' * 32} and") == "\u201cthen abababab\u2026 and\u201d"


def test_both_ends_of_a_long_text_are_quoted_with_its_length() -> None:
    assert quote_ends("short words") == "\u201cshort words\u201d, 11 characters"
    words = "We have known since March. " * 10
    assert quote_ends(words) == f"\u201cWe have known si\u2026own since March.\u201d, {len(words)} characters"


def test_quoting_a_text_of_any_size_is_as_quick_as_quoting_a_short_one() -> None:
    assert len(quote("\u202e" * 100_000)) <= MOST + 2
    assert len(quote_ends("\0" * 100_000)) <= 2 * MOST
