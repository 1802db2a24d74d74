"""The rows in a table's file, live, dead or frozen, as Postgres lays them out (storage-page-layout in its documentation)."""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.forensics.disk import Seizure
from tests.support.forensics.marks import Needles

_PAGE = 8_192
_HEADER = struct.Struct("<IIHHHHHHI")
_ROW = struct.Struct("<III HHH HHB")
_NORMAL = 1
# A value that lies in the table's TOAST table: this, two sizes, the value's number, the TOAST table's.
_TOASTED = b"\x01\x12"
_TOAST_POINTER = struct.Struct("<iIII")


@dataclass(frozen=True)
class Relation:
    """A table's file, and of which table it is."""

    name: str
    file: int
    is_toast: bool


@dataclass(frozen=True)
class HeapRow:
    """A row: who inserted it, who deleted or locked it, where it lies, and where its page's last record is in the log."""

    inserted_by: int
    deleted_by: int
    place: tuple[int, int]
    page_lsn: int
    data: bytes


def read_rows(path: Path) -> Iterator[HeapRow]:
    """Yield all rows that a table's file still has in full."""
    content = path.read_bytes()
    for block in range(len(content) // _PAGE):
        page = content[block * _PAGE : (block + 1) * _PAGE]
        high, low, _, _, lower, *_ = _HEADER.unpack_from(page)
        for number in range(max(0, lower - _HEADER.size) // 4):
            (pointer,) = struct.unpack_from("<I", page, _HEADER.size + 4 * number)
            offset, state, length = pointer & 0x7FFF, pointer >> 15 & 3, pointer >> 17
            if state == _NORMAL and length >= _ROW.size:
                inserted_by, deleted_by, *_, first = _ROW.unpack_from(page, offset)
                data = page[offset + first : offset + length]
                yield HeapRow(inserted_by, deleted_by, (block, number), (high << 32) + low, data)


def read_relations(seizure: Seizure, relations: Mapping[int, Relation]) -> dict[str, list[HeapRow]]:
    """Return the rows of all tables that have any, by the table's name."""
    found: dict[str, list[HeapRow]] = {}
    for path in sorted(seizure.cluster.glob("base/*/*")):
        relation = relations.get(int(path.name)) if path.name.isdigit() else None
        if relation is not None and (rows := list(read_rows(path))):
            found[relation.name] = rows
    return found


def name_rows(tables: Mapping[str, list[HeapRow]], marks: Needles) -> dict[str, dict[str, list[HeapRow]]]:
    """Return the rows that are about a note, by table and note; in a TOAST table by the number that the note's row names."""
    named: dict[str, dict[str, list[HeapRow]]] = {}
    toasted: dict[int, str] = {}
    for table, rows in tables.items():
        by_note: defaultdict[str, list[HeapRow]] = defaultdict(list)
        for row in rows:
            for name in (names := marks.name(row.data)):
                by_note[name].append(row)
            if len(names) == 1:
                toasted |= dict.fromkeys(_list_toasted(row.data), next(iter(names)))
        named[table] = by_note
    for table, rows in tables.items():
        for row in rows:
            value = int.from_bytes(row.data[:4], "little")
            if table.startswith("TOAST ") and value in toasted:
                named[table].setdefault(toasted[value], []).append(row)
    return {table: dict(by_note) for table, by_note in named.items() if by_note}


def _list_toasted(data: bytes) -> Iterator[int]:
    place = data.find(_TOASTED)
    while 0 <= place <= len(data) - len(_TOASTED) - _TOAST_POINTER.size:
        yield _TOAST_POINTER.unpack_from(data, place + len(_TOASTED))[2]
        place = data.find(_TOASTED, place + 1)
