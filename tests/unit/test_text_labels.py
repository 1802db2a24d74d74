"""Labels, rules and fences around a message: the page's table, and which lines are none."""

import re
from pathlib import Path

import pytest

from relay.verify import text_labels
from relay.verify.text_labels import Part, Span, find_label, find_message, find_other, list_label_names

PAGE = Path(__file__).parents[2] / "docs" / "ring-notes.md"


def test_the_names_are_those_of_the_table_on_the_page() -> None:
    rows = re.findall(r"^\| (message|members|signature) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {Part(part): tuple(names.split(", ")) for part, names in rows} == list_label_names()


def test_a_name_announces_one_part_and_is_written_as_it_is_looked_up() -> None:
    names = [name for names in list_label_names().values() for name in names]
    assert len(set(names)) == len(names)
    assert [name for name in names if text_labels.find_part(name) is None] == []


LABELS = {
    "Ring:": Part.MEMBERS,
    "ring:": Part.MEMBERS,
    "RING MEMBERS:": Part.MEMBERS,
    "Ring :": Part.MEMBERS,
    "Ring\u00a0:": Part.MEMBERS,
    "\u74b0\u7c3d\u540d\uff1a": Part.SIGNATURE,
    "**Ring**": Part.MEMBERS,
    "**Ring:**": Part.MEMBERS,
    "**Ring**:": Part.MEMBERS,
    "**Ring:**:": Part.MEMBERS,
    "__Signature__": Part.SIGNATURE,
    "*Message*": Part.MESSAGE,
    "_Message:_": Part.MESSAGE,
    "# Message": Part.MESSAGE,
    "###### Message:": Part.MESSAGE,
    "##   **Message**": Part.MESSAGE,
    " \t\u00a0\u200bRing:\ufeff\r": Part.MEMBERS,
    "Membres de l'anneau :": Part.MEMBERS,
    "Membres de l\u2019anneau :": Part.MEMBERS,
    "\u00d6ffentliche Schl\u00fcssel:": Part.MEMBERS,
    "\u00f6ffentliche schl\u00fcssel:": Part.MEMBERS,
    "Compact Signature (ringA format):": Part.SIGNATURE,
    "SCHL\u00dcSSEL:": Part.MEMBERS,
    "\u041a\u041e\u041b\u042c\u0426\u041e:": Part.MEMBERS,
    "Cle\u0301s\u202f:": Part.MEMBERS,
    # Composed (NFC), a Kelvin sign is the letter.
    "\u212aeys:": Part.MEMBERS,
    # None of these.
    "": None,
    ":": None,
    "Ring": None,
    "Ring;": None,
    "Ring::": None,
    "Ring  :": None,
    "Ring: mine": None,
    "> Ring:": None,
    "- Ring:": None,
    "**Ring": None,
    "**Ring__": None,
    "**Ring:": None,
    "#Ring:": None,
    "####### Ring:": None,
    "***Ring***": None,
    "Ringe:": None,
    "Rings:": None,
    "\u017fignature:": None,
    "\u202eRing:": None,
    "Ring\u200b:": None,
    "Ring members (3):": None,
    "#" + " " * 80 + "Ring:": None,
}


@pytest.mark.parametrize(("line", "part"), LABELS.items(), ids=map(ascii, LABELS))
def test_a_line_is_a_label_as_a_whole_or_not_at_all(line: str, part: Part | None) -> None:
    assert find_label(line) is part


NOTHING = (
    "",
    " \t\r\u00a0\u200b",
    "---",
    "-" * 90,
    "***",
    "___",
    "===",
    "\u2014",
    "\u2014\u2014\u2014",
    "* * *",
    "- - -",
    "> Ring:",
    ">",
    "> ---",
)
SOMETHING = (
    "--",
    "\u2014\u2014\u2014\u2014",
    "* *",
    "*-*",
    "~~~",
    "....",
    "\u2022",
    "\u2013\u2013\u2013",
    ">> Ring:",
    "Ring",
    "\u202e",
    "\U0001f511",
    "-=-=-",
)


@pytest.mark.parametrize("line", NOTHING, ids=ascii)
def test_blank_lines_rules_and_quoted_labels_say_nothing(line: str) -> None:
    assert find_other(line) is None


@pytest.mark.parametrize("line", SOMETHING, ids=ascii)
def test_any_other_line_says_something(line: str) -> None:
    assert find_other(f"---\n {line}\t\nRing:") == line


@pytest.mark.parametrize("fence", ["```", " ```json ", "```text\r"])
def test_fences_say_nothing(fence: str) -> None:
    assert find_other(f"{fence}\nSignature:\n{fence}") is None


@pytest.mark.parametrize("fence", ["````", "```JSON", "```txt", "``", "> ```"])
def test_other_fences_say_something(fence: str) -> None:
    assert find_other(fence) is not None


@pytest.mark.parametrize(
    "line",
    [
        "\u2713 Signature is valid!",
        "Is ring signature valid? true",
        "Signature valid: true",
        "Signing with SAG variant...",
        "Signing with BLSAG variant...",
    ],
)
def test_what_nostringer_prints_says_nothing_and_only_as_it_prints_it(line: str) -> None:
    assert find_other(line) is None
    assert line in PAGE.read_text()
    assert find_other(line + " Really.") is not None
    assert find_other(line.replace("ali", "ALI").replace("SAG", "sag")) is not None


def trim(text: str) -> str:
    span = text_labels.trim_labels(text)
    return text[span.start : span.end]


def test_trimming_takes_label_lines_and_one_open_fence_off_the_end_alone() -> None:
    assert trim("Ring:\nwords\n\n---\nRing:\n") == "Ring:\nwords"
    assert trim("words\nRing:\n```\n") == "words"
    assert trim("```\nwords\n```\n") == "```\nwords\n```"
    assert trim("words\n```\n```\n```") == "words\n```\n```"
    assert trim("Ring:\n---\n") == ""
    assert trim("\u00a0words\u00a0\n") == "\u00a0words\u00a0"
    assert trim("\ufeff\u200bwords\u200d \n") == "words"


def value(text: str) -> str | None:
    span = find_message(text, Span(0, len(text)))
    return None if span is None else text[span.start : span.end]


def test_the_message_is_what_follows_the_first_label_that_begins_a_line() -> None:
    assert value("Message: a\nMessage: b") == "a\nMessage: b"
    assert value("He said:\n  **Message:** a") == "a"
    assert value("# Message\n\na") == "a"
    assert value("**Message** a") is None
    assert value("**Message**: a") == "a"
    assert value("The Message: a") == "a"
    assert value("My message: a") is None
    assert value("A message: a") is None
    assert value("> Message: a") is None
    assert value("Ring: a") is None
    assert value("Message:") == ""


def test_rules_and_one_fence_that_nothing_closes_come_off_the_beginning() -> None:
    def skip(text: str) -> str:
        span = text_labels.skip_rules(text, Span(0, len(text)))
        return text[span.start : span.end]

    assert skip("---\n\n***\nwords\n---") == "words\n---"
    assert skip("```\nwords") == "words"
    assert skip("```\nwords\n```") == "```\nwords\n```"
    assert skip("Ring:\nwords") == "Ring:\nwords"
