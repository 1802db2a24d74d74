"""The window of recent notes by itself: what it keeps, what it lets go, and when it gives up."""

from dataclasses import replace

import pytest

from relay.protocol.filter import Filter
from relay.protocol.search import Term
from relay.storage.conditions import Cursor
from relay.storage.note import Note
from relay.storage.window import Window
from relay.storage.window_answer import find_page
from relay.storage.window_entry import ENCODED, ID, PRICE
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, to_note, to_ring_note

LARGE = 10**9


def make_notes(count: int, first: int = 1_000, **members: object) -> list[Note]:
    return [to_note(make_event(content=str(n), created_at=first + n, **members)) for n in range(count)]  # type: ignore[arg-type]


def make_window(*notes: Note, max_bytes: int = LARGE) -> Window:
    """Return a window that has all that is stored."""
    window = Window(max_bytes)
    window.extend(notes, b"")
    return window


def ask(window: Window, filter_: Filter, rows: int = 100, after: Cursor | None = None) -> list[bytes] | None:
    found = find_page(window, filter_, after, rows, 0)
    return None if found is None else [entry[ENCODED] for entry in found]


def test_a_window_that_was_not_filled_knows_nothing_that_may_be_stored() -> None:
    window = Window(LARGE)
    for note in make_notes(3):
        window.add(note)
    assert ask(window, Filter(), rows=1) is None
    assert len(window) == 0


def test_what_is_older_than_the_floor_is_not_known() -> None:
    old, *notes = make_notes(5)
    window = Window(LARGE)
    window.extend(notes, make_window(notes[0]).notes[0][0])
    window.add(old)
    newest = [note.encoded for note in reversed(notes)]
    assert ask(window, Filter(), rows=4) == newest
    assert ask(window, Filter(), rows=5) is None
    assert ask(window, Filter(since=1_002)) == newest[:3]
    # The second of the floor can have older notes.
    assert ask(window, Filter(since=1_001)) is None
    assert ask(window, Filter(ids=frozenset(note.event.id for note in notes))) == newest
    assert ask(window, Filter(ids=frozenset([old.event.id]))) is None


def test_the_oldest_go_where_there_are_too_many() -> None:
    notes = make_notes(100)
    window = make_window(*notes, max_bytes=20_000)
    assert window.used_bytes <= 20_000
    kept = len(window)
    assert 15 < kept < 30
    assert ask(window, Filter(), rows=kept) == [note.encoded for note in reversed(notes)][:kept]
    assert ask(window, Filter(), rows=kept + 1) is None


def test_a_note_that_alone_is_too_large_leaves_an_empty_window() -> None:
    window = make_window(*make_notes(3), max_bytes=4_000)
    window.add(to_note(make_event(content="x" * 5_000, created_at=2_000)))
    assert len(window) == window.used_bytes == 0
    assert ask(window, Filter(since=2_001)) == []
    assert ask(window, Filter()) is None


def test_a_new_price_takes_the_place_of_the_old_one_and_the_stored_bytes_stay() -> None:
    note = to_note(make_event())
    window = make_window(note)
    again = replace(note, encoded=b"another signature", price_paid_msat=1_000, previous_price_msat=0)
    window.add(again)
    assert [(entry[ENCODED], entry[PRICE]) for entry in window.notes] == [(note.encoded, 1_000)]
    assert ask(window, Filter(min_price_msat=1_000)) == [note.encoded]


def test_a_new_price_of_what_is_not_here_makes_the_window_forget_all() -> None:
    window = make_window(*make_notes(3))
    window.add(replace(to_note(make_event()), price_paid_msat=1_000, previous_price_msat=0))
    assert len(window) == 0
    assert ask(window, Filter()) is None


def test_a_ring_of_many_notes_is_kept_once_and_goes_with_the_last_of_them() -> None:
    ones = [to_ring_note(make_ring_note(str(n), created_at=1_000 + n, ring_size=3)) for n in range(3)]
    window = make_window(*ones)
    search = Filter(search=frozenset([Term("ring", pubkey_of(KEYS[0]))]))
    assert ask(window, search) == [note.encoded for note in reversed(ones)]
    window.remove([entry[ID] for entry in window.notes])
    assert ask(window, search) == []
    assert window.used_bytes == 0
    assert window.find_rings(bytes.fromhex(pubkey_of(KEYS[0]))) == frozenset()


def test_notes_of_a_kind_that_nobody_stores_are_never_in_it() -> None:
    window = make_window()
    window.add(to_note(make_event(kind=20_001)))
    assert len(window) == 0


def test_a_filter_of_thousands_of_values_is_left_to_the_database() -> None:
    window = make_window(*make_notes(3))
    values = frozenset(map(str, range(2_000)))
    assert ask(window, Filter(tags=(("t", values),))) == []
    assert ask(window, Filter(tags=(("t", values), ("x", values)))) is None


@pytest.mark.parametrize("count", [1_500, 2_500])
def test_where_too_many_must_be_looked_at_the_database_is_asked(count: int) -> None:
    [note] = make_notes(1)
    window = make_window(*(replace(note, event=make_event(content=str(n), key=KEYS[0])) for n in range(count)))
    # Both are on all notes, and never together.
    filter_ = Filter(authors=frozenset([pubkey_of(KEYS[0])]), kinds=frozenset([1]))
    assert len(ask(window, filter_, rows=10) or ()) == 10
    window.add(to_note(make_event(kind=7, key=KEYS[1])))
    for n in range(count):
        window.add(to_note(make_event(kind=7, key=KEYS[1], content=f"{n}")))
    rare = Filter(authors=frozenset([pubkey_of(KEYS[0])]), kinds=frozenset([7]))
    assert ask(window, rare) == ([] if count < 2_000 else None)
