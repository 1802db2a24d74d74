"""Rings in the window of recent notes: a member of many of them makes neither an eviction long nor a search."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice

import msgspec

from relay.protocol.filter import Filter
from relay.protocol.search import Term
from relay.storage.note import Note
from relay.storage.window import Window
from relay.storage.window_answer import find_page
from tests.support.cpu_time import measure_fastest_s
from tests.support.events import make_ring_note, to_ring_note

_POPULAR = [hashlib.sha256(b"member %d" % number).digest() for number in range(16)]
_RINGS = 4_000
_EVICTED = 200


def _make_notes() -> Iterator[Note]:
    """Make notes, the newest first, each over a ring of its own that is drawn from a few popular keys."""
    some = to_ring_note(make_ring_note())
    assert some.claim is not None
    for number, ring in enumerate(islice(combinations(_POPULAR, 8), _RINGS)):
        name = hashlib.sha256(b"%d" % number).hexdigest()
        event = msgspec.structs.replace(some.event, id=name, created_at=2_000_000_000 - number)
        yield replace(some, event=event, claim=msgspec.structs.replace(some.claim, ring=ring, ring_id=name))


def test_notes_whose_members_are_in_thousands_of_rings_are_removed_as_fast_as_they_are_added() -> None:
    notes = list(_make_notes())
    oldest = notes[-_EVICTED:]
    ids = [bytes.fromhex(note.event.id) for note in oldest]
    window = Window(2**30)
    window.extend(notes, b"")
    assert len(window.find_rings(_POPULAR[0])) > 1_000

    def remove() -> None:
        window.remove(ids)
        assert len(window) == len(notes) - len(oldest)
        window.extend(oldest, b"")

    alone = Window(2**30)

    def add_alone() -> None:
        alone.extend(oldest, b"")
        alone.remove(ids)

    # Looked for in a list of all rings it took 20 times as long.
    assert measure_fastest_s(remove) < 6 * measure_fastest_s(add_alone)
    assert sorted(window.find_rings(_POPULAR[0])) == sorted(
        bytes.fromhex(note.event.id) for note in notes if note.claim is not None and _POPULAR[0] in note.claim.ring
    )
    window.remove([bytes.fromhex(note.event.id) for note in notes])
    assert window.find_rings(_POPULAR[0]) == set()
    assert window.used_bytes == 0


def test_to_search_for_members_of_thousands_of_rings_takes_hardly_longer_than_to_look_at_as_many_notes() -> None:
    window = Window(2**30)
    window.extend(_make_notes(), b"")

    def search(*terms: Term) -> None:
        # None: too many would have to be looked at.
        assert find_page(window, Filter(search=frozenset(terms)), None, 500, 0) is None

    members = [Term("ring", member.hex()) for member in _POPULAR[:8]]
    # Where all rings of each member were gathered it took 20 times as long.
    found_s = measure_fastest_s(lambda: search(*members))
    assert found_s < 8 * measure_fastest_s(lambda: search(Term("minring", "500")))
