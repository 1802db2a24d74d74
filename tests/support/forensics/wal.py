"""The write-ahead log, as pg_waldump reads it: its records, the time of each commit, and which notes' bytes stand in them."""

import re
import subprocess
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.support.forensics.disk import find_tool
from tests.support.forensics.marks import Needles

# rmgr: Heap  len (rec/tot): 203/ 203, tx: 755, lsn: 0/01957D38, prev 0/01957CE8, desc: INSERT off: 1, blkref #0: rel 1663/5/7 blk 0
_RECORD = re.compile(
    r"rmgr: (\S+)\s+len \(rec/tot\):\s*(\d+)/\s*(\d+), tx:\s*(\d+), lsn: ([0-9A-F]+)/([0-9A-F]+), .*?desc: (.*)"
)
_RELATION = re.compile(r"rel \d+/\d+/(\d+)")
_COMMIT = re.compile(r"COMMIT (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
_SEGMENT = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True, slots=True)
class WalRecord:
    """A record of the write-ahead log: where, of which transaction, on which relations' files, how many bytes."""

    lsn: int
    transaction: int
    manager: str
    text: str
    relations: tuple[int, ...]
    length: int


def list_segments(cluster: Path) -> list[Path]:
    """Return the files of the write-ahead log, oldest first."""
    return sorted(path for path in (cluster / "pg_wal").iterdir() if _SEGMENT.fullmatch(path.name))


def read_wal(cluster: Path) -> list[WalRecord]:
    """Return all records of the write-ahead log that pg_waldump can still read."""
    return [record for segment in list_segments(cluster) for record in _dump(segment)]


def _dump(segment: Path) -> Iterator[WalRecord]:
    run = subprocess.run(
        [find_tool("pg_waldump"), "--path", str(segment.parent), segment.name, segment.name],
        capture_output=True,
        check=False,
        env={"TZ": "UTC"},
        text=True,
    )
    for line in run.stdout.splitlines():
        if match := _RECORD.match(line):
            manager, _, length, transaction, high, low, text = match.groups()
            relations = tuple(int(relation) for relation in _RELATION.findall(text))
            yield WalRecord(
                (int(high, 16) << 32) + int(low, 16), int(transaction), manager, text, relations, int(length)
            )


def find_commit_times(records: Iterable[WalRecord]) -> dict[int, float]:
    """Return when each transaction was committed, in Unix seconds."""
    times: dict[int, float] = {}
    for record in records:
        if record.manager == "Transaction" and (match := _COMMIT.search(record.text)):
            times[record.transaction] = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
    return times


def find_transactions(cluster: Path, records: Sequence[WalRecord], marks: Needles) -> dict[str, set[int]]:
    """Return the transactions of all records in which bytes of a note stand, by the note's name."""
    lsns = [record.lsn for record in records]
    found: defaultdict[str, set[int]] = defaultdict(set)
    for segment in list_segments(cluster):
        data = segment.read_bytes()
        # The name of a segment: timeline, and the two halves of its number.
        first_lsn = (int(segment.name[8:16], 16) << 32) + int(segment.name[16:24], 16) * len(data)
        for place, name in marks.find(data):
            index = bisect_right(lsns, first_lsn + place) - 1
            if index >= 0:
                found[name].add(records[index].transaction)
    return dict(found)


def date_by_bytes(cluster: Path, records: Sequence[WalRecord], marks: Mapping[str, bytes]) -> dict[str, list[float]]:
    """Return the commit times of all records in which the bytes of a note stand, by its name; as Unix seconds."""
    times = find_commit_times(records)
    found = find_transactions(cluster, records, Needles({name: [mark] for name, mark in marks.items()}))
    return {name: [times[id_] for id_ in sorted(found.get(name, ())) if id_ in times] for name in marks}


def list_insertions(records: Sequence[WalRecord]) -> dict[int, dict[int, int]]:
    """Return how many bytes of records each committed transaction inserted rows with, by relation's file and transaction."""
    times = find_commit_times(records)
    found: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for record in records:
        if record.manager in ("Heap", "Heap2") and "INSERT" in record.text and record.transaction in times:
            for relation in record.relations:
                lengths = found[relation]
                lengths[record.transaction] = lengths.get(record.transaction, 0) + record.length
    return dict(found)


def list_insert_times(records: Sequence[WalRecord], relation: int) -> list[float]:
    """Return when rows were inserted into a relation's file, a time for each row, as Unix seconds."""
    times = find_commit_times(records)
    return [
        times[record.transaction]
        for record in records
        if record.manager in ("Heap", "Heap2") and "INSERT" in record.text
        if relation in record.relations and record.transaction in times
    ]
