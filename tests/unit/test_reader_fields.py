"""The fields by which readers choose notes: every way to write a key or an id, and every mistake in words."""

import pytest

from relay.pages.language import load_translations
from relay.pages.reader_fields import Chosen, read_cursor, read_fields, read_key, read_note_id
from relay.pages.shelf import write_cursor
from relay.protocol.event import MAX_TIMESTAMP
from relay.protocol.filter import Filter
from relay.protocol.nip19 import encode_nevent, encode_note, encode_npub, start_nprofile
from relay.protocol.search import Term
from relay.storage.conditions import Cursor
from relay.storage.page_reader import find_lead

KEY = bytes(range(32))
CURSOR = Cursor(1_000, KEY)


def read(**query: str) -> Chosen:
    return read_fields(query, load_translations("en"))


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper(), encode_npub(KEY), f"nostr:{encode_npub(KEY)}"])
def test_a_key_is_read_in_each_spelling(text: str) -> None:
    assert read_key(text) == KEY
    assert read(member=f" {text} ").terms == {Term("ring", KEY.hex())}


@pytest.mark.parametrize(
    "text", ["", "npub1", encode_npub(KEY)[:-1] + "p", "ab" * 31, start_nprofile(KEY), encode_note(KEY)]
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize(
    "text", [KEY.hex(), encode_note(KEY), encode_nevent(KEY, "wss://a.example"), KEY.hex().upper()]
)
def test_an_id_is_read_in_each_spelling(text: str) -> None:
    assert read_note_id(text) == read_note_id(f"nostr:{text}") == KEY


@pytest.mark.parametrize("text", ["", "x", encode_npub(KEY), "ab" * 33, "nevent1" + "q" * 6_000])
def test_what_is_no_id_is_none(text: str) -> None:
    assert read_note_id(text) is None


def test_empty_and_unknown_fields_choose_nothing() -> None:
    chosen = read(ring="", member=" ", minring="", scheme="", other="x")
    assert (chosen.terms, chosen.after, chosen.faults, chosen.query) == (frozenset(), None, (), "")


def test_all_fields_together_choose_all() -> None:
    chosen = read(ring=KEY.hex(), member=encode_npub(KEY), minring="10", scheme="sag", before=write_cursor(CURSOR))
    assert chosen.terms == {
        Term("ringid", KEY.hex()),
        Term("ring", KEY.hex()),
        Term("minring", "10"),
        Term("scheme", "sag"),
    }
    assert chosen.after == CURSOR
    assert chosen.query == f"ring={KEY.hex()}&member={encode_npub(KEY)}&minring=10&scheme=sag"


def test_each_mistake_is_named_and_what_was_typed_stays() -> None:
    chosen = read(ring="x", member="<y>", minring="-1", scheme="z", before="w")
    assert len(chosen.faults) == len(set(chosen.faults)) == 5
    assert chosen.values == {"ring": "x", "member": "<y>", "minring": "-1", "scheme": "z"}
    assert chosen.query == "ring=x&member=%3Cy%3E&minring=-1&scheme=z"
    assert len(read(member="x" * 10_000).values["member"]) == 300


@pytest.mark.parametrize("cursor", [CURSOR, Cursor(0, bytes(32)), Cursor(MAX_TIMESTAMP, KEY)])
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor) -> None:
    assert read_cursor(write_cursor(cursor)) == cursor


@pytest.mark.parametrize(
    "text", ["", "1", f"-1-{KEY.hex()}", f"{MAX_TIMESTAMP + 1}-{KEY.hex()}", f"1-{KEY.hex()}0", "١-" + KEY.hex()]
)
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert read_cursor(text) is None


RING, MEMBER, MINRING, SAG = (
    Term("ringid", KEY.hex()),
    Term("ring", KEY.hex()),
    Term("minring", "9"),
    Term("scheme", "sag"),
)
NAMES = (("e", frozenset({KEY.hex()})),)


@pytest.mark.parametrize(
    ("asked", "lead"),
    [
        (Filter(kinds=frozenset({1})), None),
        (Filter(search=frozenset({RING})), None),
        (Filter(search=frozenset({SAG})), None),
        (Filter(min_price_msat=1), None),
        (Filter(search=frozenset({MINRING})), Filter(search=frozenset({Term("minring", "2")}))),
        (Filter(search=frozenset({MINRING, SAG})), Filter(search=frozenset({SAG}))),
        (Filter(search=frozenset({RING, MEMBER})), Filter(search=frozenset({MEMBER}))),
        (Filter(search=frozenset({RING, MINRING})), Filter(search=frozenset({RING}))),
        (Filter(search=frozenset({RING}), min_price_msat=1), Filter(search=frozenset({RING}))),
        (Filter(search=frozenset({SAG}), min_price_msat=1), Filter(min_price_msat=1)),
        (Filter(tags=NAMES), None),
        (Filter(tags=NAMES, kinds=frozenset({1})), Filter(tags=NAMES)),
    ],
)
def test_one_thing_that_is_asked_for_leads_by_an_index(asked: Filter, lead: Filter | None) -> None:
    assert find_lead(asked) == (asked if lead is None else lead)
