"""What a filter gets from the window of recent notes, where that is provably all of it. No I/O.

An answer is a page as the database gives it (storage/query.py): so many rows, newest first, after a cursor. It is whole where it
has as many rows as were asked for, or where nothing that matches can lie below the window's floor.
"""

import heapq
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from relay.protocol.filter import Filter, count_values
from relay.protocol.search import Term
from relay.storage.conditions import Cursor, encode_tag, list_forms, to_bytes
from relay.storage.window import Index, Window, list_entries
from relay.storage.window_entry import (
    EXPIRES_AT,
    FORM,
    ID,
    KEY_IMAGE,
    KIND,
    PRICE,
    PUBKEY,
    RING,
    RING_ID,
    RING_SIZE,
    SCHEME,
    SCOPE,
    TAGS,
    Entry,
    Ring,
    encode_key,
    encode_time,
)

# Entries that are looked at for one page, in about 0.4 ms of everybody's time. Beyond that the database is asked, whose
# indexes know some fields together.
_MAX_LOOKED_AT = 2_000
_MAX_CHUNK = 512
# Values of a filter: to look up 2,000 tags takes 1.5 ms, and 10,000 of five letters took 7.5 for each page, before the database was
# asked all the same.
_MAX_VALUES = 2_500
# Beyond so many rings of one member all ring notes are looked at. To gather the notes of 7,000 rings took 2 ms, for each of the
# members that a search can ask for.
_MAX_RINGS = 256
# How much more it takes to merge the lists of several values, an entry, than to walk past one.
_MERGE_COST = 8

Test = Callable[[Entry], object]


class _Condition(NamedTuple):
    """One field of a filter: lists of entries in which all that fulfil it are, and its test. Exact lists need no test."""

    lists: Sequence[list[Entry]]
    test: Test
    is_exact: bool = True

    @property
    def size(self) -> int:
        """Return how many entries its lists have."""
        return sum(map(len, self.lists))


def find_page(window: Window, filter_: Filter, after: Cursor | None, rows: int, now: int) -> list[Entry] | None:
    """Return at most `rows` matching notes after a cursor, newest first, or None where the window cannot know them all.

    Notes that have expired at Unix time `now` are left out (NIP-40). Where a last second is read to its end, the newest note
    before it follows.
    """
    low, high = _find_bounds(filter_)
    if after is None:
        return _find_between(window, filter_, (low, high), rows, now)
    key = min(high, encode_key(after.created_at, after.id))
    if not after.is_in_last_second:
        return _find_between(window, filter_, (low, key), rows, now)
    second = encode_time(after.created_at)
    ties = _find_between(window, filter_, (max(low, second), key), rows, now)
    if ties is None or len(ties) == rows:
        return ties
    older = _find_between(window, filter_, (low, min(high, second)), 1, now)
    return None if older is None else ties + older


def count_matching(window: Window, filters: Iterable[Filter], now: int) -> int | None:
    """Count distinct notes that match any filter, None where the window cannot know or they are many. `limit` does not count."""
    counted: set[bytes] = set()
    for filter_ in filters:
        found = _find_between(window, filter_, _find_bounds(filter_), _MAX_LOOKED_AT, now)
        if found is None or len(found) == _MAX_LOOKED_AT:
            return None
        counted.update(entry[ID] for entry in found)
    return len(counted)


def _find_bounds(filter_: Filter) -> tuple[bytes, bytes]:
    """Return the lowest key that can match, and one above the highest."""
    low = b"" if filter_.since is None else encode_time(filter_.since)
    # 0xFF is above the first byte of every time.
    return low, b"\xff" if filter_.until is None else encode_time(filter_.until + 1)


def _find_between(
    window: Window, filter_: Filter, bounds: tuple[bytes, bytes], rows: int, now: int
) -> list[Entry] | None:
    """Return the newest matches from a key up to another one, which is above the last."""
    if count_values(filter_) > _MAX_VALUES:
        return None
    low, high = bounds
    conditions = _list_conditions(window, filter_)
    if filter_.ids is not None:
        lists, tests = _lead_by_ids(window, filter_.ids, conditions)
    else:
        lists, tests = _choose_lead(window, conditions, rows)
    chunks = _walk(lists[0], low, high, rows) if len(lists) == 1 else _merge(lists, low, high, rows)
    found = _take(chunks, tests, rows, now)
    if found is None or len(found) == rows or low >= window.floor:
        return found
    return found if filter_.ids is not None and len(lists[0]) == len(filter_.ids) else None


def _choose_lead(window: Window, conditions: list[_Condition], rows: int) -> tuple[Sequence[list[Entry]], list[Test]]:
    """Return the lists that have the fewest entries, and what is left to test."""
    if not conditions:
        return [window.notes], []
    lead = min(conditions, key=lambda condition: condition.size)
    tests = [condition.test for condition in conditions if condition is not lead or not lead.is_exact]
    lists = lead.lists
    if len(lists) > 1 and rows * len(window) <= lead.size * (len(lists) + rows) * _MERGE_COST:
        # Many of all notes are in them: to walk past the others takes less.
        return [window.notes], [condition.test for condition in conditions]
    return lists or [[]], tests


def _lead_by_ids(
    window: Window, ids: frozenset[str], conditions: list[_Condition]
) -> tuple[Sequence[list[Entry]], list[Test]]:
    found = [window.by_id[note_id] for note_id in to_bytes(ids) if note_id in window.by_id]
    found.sort()
    return [found], [condition.test for condition in conditions]


def _walk(entries: list[Entry], low: bytes, high: bytes, rows: int) -> Iterator[list[Entry]]:
    """Return the entries between two keys in chunks, newest first."""
    start, end = bisect_left(entries, (low,)), bisect_left(entries, (high,))
    size = rows
    while end > start:
        chunk = entries[max(start, end - size) : end]
        chunk.reverse()
        yield chunk
        end -= size
        size = min(2 * size, max(rows, _MAX_CHUNK))


def _merge(lists: Sequence[list[Entry]], low: bytes, high: bytes, rows: int) -> Iterator[list[Entry]]:
    """Return the entries of several lists in the same way, each once."""
    walks = (_step_back(entries, low, high) for entries in lists)
    chunk: list[Entry] = []
    last = None
    for entry in heapq.merge(*walks, reverse=True):
        if entry is not last:
            chunk.append(entry)
            last = entry
        if len(chunk) >= rows:
            yield chunk
            chunk = []
    yield chunk


def _step_back(entries: list[Entry], low: bytes, high: bytes) -> Iterable[Entry]:
    start, end = bisect_left(entries, (low,)), bisect_left(entries, (high,))
    return map(entries.__getitem__, range(end - 1, start - 1, -1))


def _take(chunks: Iterator[list[Entry]], tests: list[Test], rows: int, now: int) -> list[Entry] | None:
    """Return the first entries that pass, None where too many do not."""
    found: list[Entry] = []
    looked_at = 0
    for chunk in chunks:
        looked_at += len(chunk)
        passed = [entry for entry in chunk if entry[EXPIRES_AT] > now]
        for test in tests:
            passed = [entry for entry in passed if test(entry)]
        found += passed
        if len(found) >= rows:
            return found[:rows]
        if looked_at >= _MAX_LOOKED_AT:
            return None
    return found


def _list_conditions(window: Window, filter_: Filter) -> list[_Condition]:
    """Return what a filter asks of a note, but for its ids and times."""
    conditions: list[_Condition] = []
    kinds, min_price_msat = filter_.kinds, filter_.min_price_msat
    if kinds is not None:
        conditions.append(_Condition(_look_up(window.by_kind, kinds), lambda entry: entry[KIND] in kinds))
    if filter_.authors is not None:
        authors = frozenset(to_bytes(filter_.authors))
        conditions.append(_Condition(_look_up(window.by_author, authors), lambda entry: entry[PUBKEY] in authors))
    for letter, values in filter_.tags:
        conditions.append(_ask_tag(window, frozenset(encode_tag(letter, value) for value in values)))
    if min_price_msat:
        conditions.append(_Condition([window.priced], lambda entry: entry[PRICE] >= min_price_msat, is_exact=False))
    if filter_.search:
        conditions += [_ask_term(window, term) for term in filter_.search]
        forms = list_forms(filter_.search)
        conditions.append(_ask_ring(window, lambda ring: ring[FORM] in forms))
    return conditions


def _look_up(index: Index, keys: Iterable[Hashable]) -> list[list[Entry]]:
    return [list_entries(index[key]) for key in keys if key in index]


def _ask_tag(window: Window, tags: frozenset[bytes]) -> _Condition:
    return _Condition(_look_up(window.by_tag, tags), lambda entry: not tags.isdisjoint(entry[TAGS]))


def _ask_ring(window: Window, test: Callable[[Ring], object]) -> _Condition:
    def test_entry(entry: Entry) -> object:
        ring = entry[RING]
        return ring is not None and test(ring)

    return _Condition([window.ring_notes], test_entry, is_exact=False)


def _ask_term(window: Window, term: Term) -> _Condition:
    """Return what a term of a search asks, all but `form:` and `binding:`, which are asked together."""
    value = term.value
    match term.key:
        case "ring":
            rings = window.find_rings(bytes.fromhex(value))
            condition = _ask_ring(window, lambda ring: ring[RING_ID] in rings)
            if len(rings) > _MAX_RINGS:
                return condition
            return condition._replace(lists=_look_up(window.by_ring, rings), is_exact=True)
        case "ringid":
            return _ask_value(window, window.by_ring, bytes.fromhex(value), lambda ring: ring[RING_ID])
        case "keyimage":
            return _ask_value(window, window.by_key_image, bytes.fromhex(value), lambda ring: ring[KEY_IMAGE])
        case "scope":
            return _ask_value(window, window.by_scope, value.encode(), lambda ring: ring[SCOPE])
        case "minring":
            return _ask_ring(window, lambda ring: ring[RING_SIZE] >= int(value))
        case "scheme":
            return _ask_ring(window, lambda ring: ring[SCHEME] == value)
        case _:
            return _ask_ring(window, lambda ring: True)


def _ask_value(window: Window, index: Index, value: bytes, read: Callable[[Ring], bytes | None]) -> _Condition:
    condition = _ask_ring(window, lambda ring: read(ring) == value)
    return condition._replace(lists=_look_up(index, (value,)), is_exact=True)
