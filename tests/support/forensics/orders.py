"""The orders in which notes can be put by what was found of them, and how far each is that of arrival."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.forensics.heap import HeapRow

Order = Mapping[str, Any]

# An order of fewer notes says nothing about all.
_FEWEST = 20
_BY: dict[str, Callable[[HeapRow], Any]] = {
    "xmin and ctid": lambda row: (row.inserted_by, row.place),
    "xmax": lambda row: row.deleted_by,
    "ctid": lambda row: row.place,
    "page LSN": lambda row: row.page_lsn,
}


def list_orders(named: Mapping[str, Mapping[str, Sequence[HeapRow]]]) -> dict[str, Order]:
    """Return every order in which the rows of tables put the notes, by a text that says which."""
    return {
        f"{table} by {by}": {name: min(map(key, rows)) for name, rows in by_note.items()}
        for table, by_note in named.items()
        for by, key in _BY.items()
    }


def list_transactions(named: Mapping[str, Mapping[str, Sequence[HeapRow]]]) -> dict[str, set[int]]:
    """Return all transactions that wrote, deleted or locked a row about a note, by note: what joins tables by xmin."""
    found: dict[str, set[int]] = {}
    for by_note in named.values():
        for name, rows in by_note.items():
            found.setdefault(name, set()).update(
                transaction for row in rows for transaction in (row.inserted_by, row.deleted_by) if transaction
            )
    return found


def correlate(order: Sequence[str], arrived: Sequence[str]) -> float:
    """Return the correlation between an order that was found and that of arrival: 1 is the same, 0 tells nothing."""
    ranks = {name: rank for rank, name in enumerate(arrived)}
    found = [ranks[name] for name in order if name in ranks]
    return statistics.correlation(range(len(found)), found) if len(set(found)) > 2 else 0.0


def correlate_values(values: Order, arrived: Mapping[str, float]) -> float:
    """Return the rank correlation between what was found of notes and their arrival; of too few, or all the same, 0."""
    names = [name for name in arrived if name in values]
    if len(names) < _FEWEST:
        return 0.0
    ranks = _rank([values[name] for name in names])
    if len(set(ranks)) < 2:
        return 0.0
    return statistics.correlation(ranks, _rank([arrived[name] for name in names]))


def _rank(values: Sequence[Any]) -> list[float]:
    """Return the rank of each value; what is equal shares the middle of its ranks."""
    places: dict[Any, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [statistics.fmean(places[value]) for value in values]
