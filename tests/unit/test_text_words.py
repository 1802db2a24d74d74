"""The words that a text's ring may have signed: the readings of a text, their order, and that there are at most six."""

import itertools

import pytest

from relay.verify import text_labels
from relay.verify.text_labels import Span
from relay.verify.text_words import QUOTES, list_readings, open_quotation, open_quotes
from tests.unit.test_forms import COMPACT, HEX, LONG, NPUBS

WORDS = "the minister knew"


def words(head: str, middle: str = "", tail: str = "") -> list[str]:
    return [reading.words for reading in list_readings((head, middle, tail))]


def outside(head: str, middle: str = "", tail: str = "") -> dict[str, str | None]:
    return dict(list_readings((head, middle, tail)))


def test_a_line_end_is_added_only_where_white_space_follows() -> None:
    assert words(WORDS) == [WORDS]
    assert words(WORDS + " ") == [WORDS + " ", WORDS, WORDS + "\n"]
    assert words(f"Message:\n```\n{WORDS}\n```")[-2:] == [WORDS, WORDS + "\n"]


def test_the_head_comes_first_as_it_is_then_stripped() -> None:
    assert words(f" {WORDS}\n\n") == [f" {WORDS}\n\n", WORDS, WORDS + "\n"]


def test_a_head_that_ends_in_labels_is_read_stripped_and_trimmed() -> None:
    assert words(f"{WORDS}\n\nRing:\n") == [f"{WORDS}\n\nRing:", WORDS, WORDS + "\n"]


def test_the_value_behind_message_comes_next() -> None:
    labelled = f"Message: {WORDS}"
    assert words(f"{labelled}\n\nRing:\n") == [f"{labelled}\n\nRing:", labelled, WORDS, WORDS + "\n"]


def test_of_three_pieces_the_first_label_counts() -> None:
    assert words("", f"Message: {WORDS}\n", "Message: other") == [WORDS, WORDS + "\n"]
    assert words("Ring:\n", "---\n", f"Message:\n{WORDS}\n\nSignature:\n") == [WORDS, WORDS + "\n"]
    assert words("He lies.", f"Message: {WORDS}\n") == ["He lies.", WORDS, WORDS + "\n"]


def test_a_head_of_labels_alone_holds_no_words() -> None:
    assert words("Ring:\n") == words("", WORDS, "") == words("") == []


def test_quotes_are_opened_after_the_words_as_they_stand() -> None:
    assert words(f"\u201c{WORDS}\u201d") == [f"\u201c{WORDS}\u201d", WORDS]
    # The quotes are not of the words, so neither is the white space around them.
    assert words(f" \u201c{WORDS}\u201d\n") == [f"\u201c{WORDS}\u201d", WORDS, WORDS + "\n"]


def test_line_ends_of_windows_are_read_as_they_are_and_as_those_of_unix() -> None:
    assert words("a\r\nb") == ["a\r\nb", "a\nb"]
    assert words("a\r\nb\r\n") == ["a\r\nb", "a\nb", "a\nb\n"]


def test_six_readings_differ_at_most() -> None:
    text = ' Message: "a\r\nb" \r\nRing:\r\n'
    assert words(text) == ['Message: "a\r\nb" \r\nRing:', 'Message: "a\r\nb"', '"a\r\nb"', "a\r\nb", "a\nb", "a\nb\n"]
    # Fewer where there are fewer to begin with.
    assert words('"a\r\nb" \r\nRing:\r\n') == ['"a\r\nb" \r\nRing:', '"a\r\nb"', "a\r\nb", "a\nb"]


def list_first(head: str, middle: str, tail: str) -> set[str]:
    """Return the readings without those for quotes, quotations and line ends."""
    pieces = (head, middle, tail)
    trimmed = [text_labels.trim_labels(piece) for piece in pieces]
    values = [(n, text_labels.find_message(pieces[n], trimmed[n])) for n in range(3)]
    place, span = next(((n, value) for n, value in values if value is not None), (0, trimmed[0]))
    value = text_labels.open_fence(pieces[place], text_labels.skip_rules(pieces[place], span))
    spans = [Span(0, len(head)), text_labels.strip_blank(head, Span(0, len(head))), trimmed[0]]
    return {head[one.start : one.end] for one in spans} | {pieces[place][value.start : value.end]} - {""}


PARTS = {
    "head": ("", "Ring:\n", "x ", "\ufeff", "Message: y\n"),
    "label": ("", "Message: ", "**Message:**\r\n"),
    "open": ("", '"', "**", "```\r\n", "> ", "\u00a0"),
    "words": ("a", "a\r\nb", ""),
    "close": ("", '"', "**", "\r\n```", "\n"),
    "end": ("", "\r\nRing:\r\n", " \n", "\n```\n"),
}


def test_there_are_never_more_than_six_readings_and_none_is_empty_or_twice() -> None:
    most = 0
    for parts in itertools.product(*PARTS.values()):
        for pieces in (("".join(parts), "", ""), ("x", "".join(parts), "y")):
            readings = words(*pieces)
            assert len(set(readings)) == len(readings)
            assert "" not in readings
            # Half as many again are allowed, and one more where there is one.
            assert len(readings) <= max(2, len(list_first(*pieces)) * 1.5), pieces
            most = max(most, len(readings))
    assert most == 6


@pytest.mark.parametrize("filler", LONG.values(), ids=LONG)
def test_a_text_of_100_kb_has_no_more_readings_than_a_short_one(filler: str) -> None:
    ring = f"Ring:\r\n{' '.join(HEX)}\n{COMPACT}"
    # The first version had at most four: half as many again are allowed.
    for head in (
        filler,
        f' Message: "{filler}\r\nb" \r\n',
        f"{filler}\r\nMessage: \u201ca\r\nb\u201d\r\n{ring}",
        f"{NPUBS[0]}{filler}\r\n",
    ):
        assert len(words(head[:100_000])) <= 4 * 1.5
        assert len(words("x", head[:100_000], "")) <= 4 * 1.5


def test_what_would_stand_outside_a_reading_is_told_with_it() -> None:
    found = outside(f"He lies.\nMessage: {WORDS}\n\nRing:\n", "---\n", "Signature:\n")
    assert found == {
        f"He lies.\nMessage: {WORDS}\n\nRing:": None,
        f"He lies.\nMessage: {WORDS}": None,
        WORDS: "He lies.",
        WORDS + "\n": "He lies.",
    }
    assert set(outside(WORDS, "", "  Sent from my iPhone\n").values()) == {"Sent from my iPhone"}
    assert set(outside(WORDS, "Ring:\nso do I\n", "and I").values()) == {"so do I"}


def test_fences_and_rules_around_the_value_are_taken_off() -> None:
    for head in (
        f"Message:\n```\n{WORDS}\n```\n",
        f"Message:\n---\n{WORDS}\n---\n",
        f"```text\n{WORDS}\n```\n\nRing:\n",
        f"```\n{WORDS}\n\n",
    ):
        assert WORDS in words(head), head
        assert outside(head)[WORDS] is None, head


@pytest.mark.parametrize("quotes", sorted(QUOTES))
def test_each_pair_of_quotes_is_opened(quotes: str) -> None:
    assert len(quotes) == 2
    assert open_quotes(f"{quotes[0]}{WORDS}{quotes[1]}") == WORDS
    assert open_quotes(f"{quotes[0]}\u202f\u00a0{WORDS} {quotes[1]}") == WORDS
    assert open_quotes(f"{quotes[0]}{WORDS}") == f"{quotes[0]}{WORDS}"
    assert open_quotes(f"{quotes[0]}{quotes[0]}{WORDS}{quotes[1]}{quotes[1]}") == f"{quotes[0]}{WORDS}{quotes[1]}"


def test_other_frames_are_left() -> None:
    for text in (
        f"<{WORDS}>",
        f"({WORDS})",
        f"*{WORDS}*",
        f"__{WORDS}__",
        f"~~{WORDS}~~",
        f"\u201c{WORDS}\u00bb",
        '"',
        '""',
        "**",
        "****",
    ):
        assert open_quotes(text) == text


def test_bold_words_are_opened() -> None:
    assert open_quotes(f"**{WORDS}**") == WORDS
    assert open_quotes(f"** {WORDS}\u00a0**") == WORDS


def test_a_quotation_is_opened_where_every_line_has_its_mark() -> None:
    assert open_quotation("> a\n>b\n>\n\n>  c") == "a\nb\n\n\n c"
    assert open_quotation(">> a") == "> a"
    assert open_quotation("> a\nb") == "> a\nb"
    assert open_quotation(" > a") == " > a"
    assert open_quotation("> a\n\u200b\u00a0\n> b") == "a\n\u200b\u00a0\nb"
    assert open_quotation("> a\r\n> b\r\n") == "a\r\nb\r\n"
    assert open_quotes("> a\n> b") == "a\nb"
