"""Orders that somebody finds in the files of a database who knows what stands in its rows: also in bytes of rows that are gone."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.forensics import correlate

# Of fewer in a file nothing follows.
_FEW = 50
# Lengths of a heap tuple's header (htup_details.h), with no bitmap of nulls, and with one.
_HEADERS = (24, 32)
_TRANSACTION_ID_AT, _HEADER_LENGTH_AT = 0, 22
# An index tuple (itup.h): block and line of the row, flags and size.
_INDEX_HEADER = 8
_SIZE_MASK = 0x1FFF


def find_orders(cluster: Path, marks: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Return the orders in which names are found by their marks, by file and by what orders them.

    That is the place in the file, the transaction in what looks like a row's header, and the row's place in what looks like an
    index entry. A name that is found more than once is there more than once.
    """
    orders: dict[str, list[str]] = {}
    for path in sorted(cluster.rglob("*")):
        if path.is_file() and "pg_wal" not in path.parts:
            for kind, order in _find_in_file(path.read_bytes(), marks).items():
                if len(set(order)) >= _FEW:
                    orders[f"{path.relative_to(cluster)} by {kind}"] = order
    return orders


def find_worst(orders: Mapping[str, list[str]], arrived: list[str]) -> tuple[float, str]:
    """Return the highest correlation, or the lowest, of an order with that of arrival, and where it is found."""
    found = [(abs(correlate(order, arrived)), where) for where, order in orders.items()]
    return max(found, default=(0.0, "nowhere"))


def _find_in_file(data: bytes, marks: Mapping[str, bytes]) -> dict[str, list[str]]:
    places: list[tuple[int, str]] = []
    transactions: list[tuple[int, str]] = []
    rows: list[tuple[int, str]] = []
    for name, mark in marks.items():
        for place in _find_all(data, mark):
            places.append((place, name))
            if (transaction := _read_transaction(data, place)) is not None:
                transactions.append((transaction, name))
            if (row := _read_row_place(data, place)) is not None:
                rows.append((row, name))
    return {
        "place": [name for _, name in sorted(places)],
        "transaction": [name for _, name in sorted(transactions)],
        "row": [name for _, name in sorted(rows)],
    }


def _find_all(data: bytes, mark: bytes) -> Iterator[int]:
    place = data.find(mark)
    while place >= 0:
        yield place
        place = data.find(mark, place + 1)


def _read_transaction(data: bytes, place: int) -> int | None:
    """Return the transaction of a row whose first column begins here, after one byte that has its length."""
    for length in _HEADERS:
        start = place - 1 - length
        if start >= 0 and data[start + _HEADER_LENGTH_AT] == length:
            return int.from_bytes(data[start + _TRANSACTION_ID_AT : start + 4], "little")
    return None


def _read_row_place(data: bytes, place: int) -> int | None:
    """Return where the row of an index entry lies whose first column begins here."""
    start = place - 1 - _INDEX_HEADER
    if start < 0:
        return None
    high, low, line, size = (int.from_bytes(data[at : at + 2], "little") for at in range(start, start + 8, 2))
    is_entry = _INDEX_HEADER < size & _SIZE_MASK < 512 and high == 0 and 0 < line < 300
    return (low << 16) + line if is_entry else None
