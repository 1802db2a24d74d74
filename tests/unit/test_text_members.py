"""Lists of keys in a text: what joins two keys, what a name may be, where a list begins and ends, and which is labelled."""

import random
import re
from pathlib import Path

import pytest

from relay.verify.text_members import KEY, Block, list_blocks
from tests.conformance.notes import hex_of, nprofile_of, npub_of, points_of

PAGE = Path(__file__).parents[2] / "docs" / "ring-notes.md"
A, B, C = npub_of(2, 0, 1)
HEX = hex_of(2, 0, 1)


def read(text: str) -> list[Block]:
    return list(list_blocks(text))


def is_one_list(text: str) -> bool:
    """Return whether A, B and C are one list."""
    return [block.keys for block in read(text)] == [(A, B, C)]


def cut(text: str) -> tuple[str, str]:
    """Return what a text's one list leaves before and behind it."""
    (block,) = read(text)
    return text[: block.start], text[block.end :]


@pytest.mark.parametrize(
    "key", [HEX[0], "02" + HEX[0], "03" + HEX[0], A, "nostr:" + A, nprofile_of(2), "nostr:" + nprofile_of(2)], ids=str
)
def test_a_key_is_found_in_its_spellings_and_is_no_part_of_a_word(key: str) -> None:
    found = KEY.search(f"({key})")
    assert found is not None
    assert found[0] == key
    for joined in (f"x{key}", f"{key}x", f"0{key}"):
        match = KEY.search(joined)
        assert match is None or match[0] != key


@pytest.mark.parametrize(
    "key", [HEX[0].upper(), "04" + HEX[0], "04" + HEX[0] * 2, HEX[0][1:], A.upper(), A[:-1], A + "q"]
)
def test_other_spellings_are_no_keys(key: str) -> None:
    assert KEY.search(f"({key})") is None


def test_of_a_key_the_mention_is_left_out() -> None:
    (block,) = read(f"@{A}, nostr:{B} @nostr:{C}")
    assert block.keys == (A, B, C)


JOINING = (
    " ", "\n", "\r\n\r\n", "\t", ",", ", ", " , ", ",\n", ";", " | ", "|\n", "\u3001", "\uff0c", "\uff1b ",
    "\n- ", "\n-", "\n* ", "\n+ ", "\n\u2022", "\n\u2013 ", "\n> ", " - ",
    " and ", " or ", ", and ", "\nor ", "\nor\n", " und ", " y ", " \u0438 ", " & ", " + ",
    "''", "', '", "'\n'", "`\n`", '","', '",\n  "', "\u201d, \u201c", "**\n**", ")\n(", "]\n[", "> <", "\n@", "\n  \n",
)  # fmt: skip
PARTING = (
    "", ".", ". ", "/", "x", " x ", ",,", ", ,", ",;", " and or ", "and ", " And ", " nor ",
    "\n* * ", "\n*", "\n+", "\n\u2192 ", "\n- - ", "\n#", "\n''", "((", "[[\n", "\n(\n(",
    "\u00a0", "\u2028", "\x0b", "\u200b", " : ", " = ", "\nRing:\n", "\n---\n", "\n```\n", " (x) ",
)  # fmt: skip


@pytest.mark.parametrize("between", JOINING, ids=ascii)
def test_what_joins_keys_into_one_list(between: str) -> None:
    assert is_one_list(between.join((A, B, C)))


@pytest.mark.parametrize("between", PARTING, ids=ascii)
def test_what_parts_them(between: str) -> None:
    assert not is_one_list(between.join((A, B, C)))


NAMES = (
    "Alice", "alice", "me", "Edward Snowden", "Key 1", "Alice 2", "Ring Member 12", "O'Neill", "O\u2019Neill", "Jean-Luc",
    "J. Smith", "Dr. Al", "Al B.", "alice_1", "\u0391\u03bb\u03af\u03ba\u03b7", "\u0417\u043e\u044f", "\u05e8\u05d5\u05ea",
    "\u0641\u0627\u0637\u0645\u0629", "\u82b1\u5b50", "\uae40\ucca0\uc218", "\u30e2\u30e2", "a" * 16, "\u5b57" * 8,
)  # fmt: skip
NO_NAMES = (
    "", "he lies", "the chairman", "Bob Lee Jones", "Alice van Houten", "a" * 17, "\u5b57" * 9, "1 Alice", "Alice 12345",
    "evil.example", "www.evil.example", "al@example.org", "Bob!", "Bob?", "Bob and", "a.b", "Bob..", "Bob  Lee", "Bob\u00a0Lee",
    "not", "Not", "never", "nicht", "keine", "pas", "n\u00e3o", "\u043d\u0435", "\u4e0d", "Bob Not", "not Bob",
    "\u202eBob", "Bob\u200f", "\u0301", "B\u0301", "\u3164", "\u115f", "\u1680", "Bob\u1680lies", "\U0001f600", "Bob \U0001f600",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize(
    "form",
    [
        "{n}: {k}",
        "{n} {k}",
        "{n} - {k}",
        "{n} \u2014 {k}",
        "{n} = {k}",
        "**{n}**: {k}",
        '"{n}" {k}',
        "@{n}: {k}",
        "- {n}: {k}",
        "[{n}]({k})",
    ],
)
def test_a_name_may_stand_before_each_key(name: str, form: str) -> None:
    lines = "\n".join(form.format(n=name, k=key) for key in (A, B, C))
    assert is_one_list(lines)
    assert cut(f"Words\n{lines}")[0] == "Words\n"


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("form", ["{k} ({n})", "{k} - {n}", "{k} {n}", "{k} # {n}", "{k}: {n}", "{k} (@{n})"])
def test_a_name_may_stand_behind_each_key(name: str, form: str) -> None:
    lines = "\n".join(form.format(n=name, k=key) for key in (A, B, C))
    assert is_one_list(lines)
    assert cut(f"{lines}\nWords")[1] == "\nWords"


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_other_words_are_no_names(name: str) -> None:
    assert not is_one_list("\n".join(f"{name}: {key}" for key in (A, B, C)))
    assert not is_one_list("\n".join(f"{key} ({name})" for key in (A, B, C)))


def test_a_name_needs_a_comma_a_line_end_or_and_to_part_it_from_the_next_key() -> None:
    assert not is_one_list(f"{A} Alice {B} Bob {C}")
    assert is_one_list(f"Alice {A}, Bob {B} and Carol {C}")
    assert is_one_list(f"{A} (Alice) or {B} (Bob) or {C}")


def test_names_on_both_sides_are_told() -> None:
    for text, both in (
        (f"Al: {A}\nBob: {B}\nCy: {C}", False),
        (f"{A} (Al)\n{B} (Bob)\n{C} (Cy)", False),
        (f"{A}\n{B}\n{C}", False),
        (f"Al: {A}\nBob: {B}\n{C} (Cy)", True),
        (f"{A} (Al)\nBob: {B}\n{C}", True),
        (f"Al: {A} (Al)\nBob: {B}\n{C}", True),
        (f"Ring:\nAl: {A}\n{B}\n{C} (Cy)", True),
    ):
        (block,) = read(text)
        assert block.has_names_on_both_sides is both, text


def test_the_first_name_belongs_to_the_list_behind_a_label_or_where_the_second_key_has_one() -> None:
    assert cut(f"Al: {A}\nBob: {B}") == ("", "")
    assert cut(f"Ring:\nAl: {A}\n{B}") == ("Ring:\n", "")
    assert cut(f"Ring: Al: {A}, {B}") == ("Ring:", "")
    assert cut(f"Words\nAl: {A}\n{B}") == ("Words\nAl: ", "")
    assert cut(f"Ring: {A}\n{B}") == ("Ring: ", "")


def test_where_a_list_begins() -> None:
    for before, cut_off in (
        ("Words ", ""),
        ("Words\n", "- "),
        ("Words\n", "1. "),
        ("Words\n", "["),
        ("Words\n", '[\n  "'),
        ("Words\n", "(2) "),
        ("Words\n", "**"),
    ):
        assert cut(f"{before}{cut_off}{A} {B}")[0] == before
    assert cut(f"Words- {A} {B}")[0] == "Words- "
    assert cut(f"Words - {A} {B}")[0] == "Words "


def test_where_a_list_ends() -> None:
    for end in ("", ",", ";", ".", ")", "]", '"', '"]', "]."):
        assert cut(f"{A} {B}{end} Words")[1] == " Words"
    for end in ("..", ",,", "]]", "!", " (he lies)", " Words"):
        assert cut(f"{A} {B}{end}")[1] != ""
    assert cut(f"{A} {B} (Bob)")[1] == ""
    assert cut(f"{A} {B} - Bob")[1] == ""
    assert cut(f"{A} {B} Bob")[1] == " Bob"
    assert cut(f"{A} Al, {B} Bob")[1] == ""


@pytest.mark.parametrize(
    ("before", "is_labelled"),
    [
        ("Ring:\n", True),
        ("Ring: ", True),
        ("**Ring**\n\n\n", True),
        ("Ring:\n\u00a0\u200b\n", True),
        ("The Ring:\n", True),
        ("Ring:" + " " * 190, True),
        ("Ring:" + " " * 400, False),
        ("Message:\n", False),
        ("Ring:\nx y z ", False),
        ("My Ring:\n", False),
        ("> Ring:\n", False),
        ("", False),
    ],
)
def test_a_list_is_labelled_by_the_line_before_it(before: str, is_labelled: bool) -> None:
    (block,) = read(f"{before}{A} {B}")
    assert block.is_labelled is is_labelled


def test_numbers_count_the_keys() -> None:
    for places, counted in (
        ((1, 2, 3), True),
        ((1, 3, 2), False),
        ((0, 1, 2), False),
        (("01", "02", "03"), False),
        ((1936, 2, 3), False),
    ):
        (block,) = read("\n".join(f"{place}. {key}" for place, key in zip(places, (A, B, C), strict=True)))
        assert block.places == tuple(map(str, places))
        assert block.is_counted is counted


def test_keys_that_nothing_joins_are_no_list() -> None:
    assert read(f"{A} x {B} z {C}") == []
    assert [block.keys for block in read(f"{A} {B} x {C}")] == [(A, B)]
    assert read(points_of(1)[0]) == []


@pytest.mark.parametrize("label", ["Ring", "Signature", "Message", "public keys"])
def test_the_name_of_a_label_begins_another_part_and_is_no_name_before_a_key(label: str) -> None:
    assert not is_one_list("\n".join(f"{label}: {key}" for key in (A, B, C)))


def test_keys_are_those_of_the_pattern_on_the_page() -> None:
    written = re.search(r"^KEY     (.+)$", PAGE.read_text(), re.MULTILINE)
    assert written is not None
    page = re.compile(written[1])
    rng = random.Random(0)
    pieces = [
        "0",
        "2",
        "3",
        "n",
        "a",
        "A",
        "g",
        "@",
        "nostr:",
        "npub1",
        "nprofile1",
        " ",
        "\n",
        *HEX,
        A,
        B[:-1],
        nprofile_of(2),
    ]
    pieces += [HEX[0][1:], "02" + HEX[1], "03" + HEX[2], "nprofile1" + "q" * 247, "nprofile1" + "q" * 248]
    found = 0
    for _ in range(3_000):
        text = "".join(rng.choice(pieces) + rng.choice(("", "", " ", ":")) for _ in range(rng.randrange(1, 9)))
        spans = [match.span() for match in page.finditer(text)]
        assert [match.span() for match in KEY.finditer(text)] == spans, text
        found += len(spans)
    assert found > 1_000
