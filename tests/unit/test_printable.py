"""What strangers' texts look like in a terminal and on a page: nothing hidden, nothing reordered, no script's spelling broken."""

import pytest

from relay.client.terminal.notices import to_printable
from relay.protocol.printable import MARK, has_lookalikes, is_hidden, to_lines, to_one_line

HIDDEN = [
    "\0",
    "\x07",
    "\x1b",
    "\x7f",
    "\x85",
    "\u00ad",
    "\u061c",
    "\u200b",
    "\u200e",
    "\u202e",
    "\u2028",
    "\u2029",
    "\u2066",
    "\u2069",
    "\u2060",
    "\ufeff",
    "\ufff9",
    "\uffff",
    "\U000e0041",
    "\U000f0000",
    "\ud800",
    "\u115f",
    "\u3164",
    "\u2800",
    "\u034f",
]


@pytest.mark.parametrize("char", HIDDEN, ids=[f"U+{ord(char):04X}" for char in HIDDEN])
def test_a_hidden_character_is_a_space_in_a_line_and_a_mark_in_a_text(char: str) -> None:
    assert is_hidden(char)
    assert to_one_line(f"a{char}b", 10) == to_printable(f"a{char}b") == "a b"
    assert to_lines(f"a{char}b") == f"a{MARK}b"


def test_line_ends_and_tabs_of_a_text_stay() -> None:
    assert to_lines("one\r\ntwo\n\tthree\rfour") == f"one\ntwo\n\tthree{MARK}four"
    assert to_one_line("one\ntwo", 10) == "one two"


@pytest.mark.parametrize(
    "text", ["plain", "naïve – “quoted” 中文 שלום", "می\u200cخواهم", "क्\u200dष", "👩\u200d🔬", "🏳️\u200d🌈", "👍🏽", "❤️"]
)
def test_what_belongs_to_a_spelling_stays(text: str) -> None:
    assert to_lines(text) == text


@pytest.mark.parametrize("text", ["a\u200db", "a\u200c", "\u200da", "b\u200c👍", "👍\u200c👍"])
def test_a_joiner_elsewhere_is_marked(text: str) -> None:
    assert MARK in to_lines(text)


def test_letters_of_several_alphabets_that_look_alike_are_found() -> None:
    assert has_lookalikes("p\u0430ypal")
    assert has_lookalikes("\u039dora")
    assert not has_lookalikes("Nora Žižek-Ångström")
    assert not has_lookalikes("Нора")
    assert not has_lookalikes("Nora 中文 かな")


def test_a_line_is_cut_before_it_is_read() -> None:
    assert to_one_line("a" * 100, 10) == "a" * 10
