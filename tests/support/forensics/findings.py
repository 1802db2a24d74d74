"""What the disk of one run tells: figures, and a table of them."""

import statistics
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.support.forensics import views
from tests.support.forensics.addresses import make_source, spell_address
from tests.support.forensics.heap import name_rows, read_relations
from tests.support.forensics.marks import Needles
from tests.support.forensics.orders import correlate_values, list_orders, list_transactions
from tests.support.forensics.run import Run
from tests.support.forensics.times import find_times, list_written_between
from tests.support.forensics.wal import WalRecord, find_commit_times, find_transactions, list_insertions, read_wal

# The maps of free and of visible rows, which Postgres begins when a clock wakes it to vacuum, and its cache of catalogues.
BY_THE_CLOCK = ("_fsm", "_vm", "pg_internal.init")
_MOMENTS = ("before", "after", "flushed", "stopped")
# Within so many seconds what came is committed.
_ANSWERED_S = 0.5


@dataclass
class Findings:
    """Figures by what was tried. A note is dated by a time, from before its batch, of what is known to be about it."""

    # The rank correlation of each order with that of arrival.
    orders: dict[str, float] = field(default_factory=dict)
    # By how many seconds each note was dated wrong.
    dated: dict[str, list[float]] = field(default_factory=dict)
    # How many times of the time of arrival there are, whatever they are about.
    times: dict[str, int] = field(default_factory=dict)
    # The addresses that were found, and how many of as many that nobody had: four bytes meet by chance.
    addresses: dict[str, tuple[int, int]] = field(default_factory=dict)
    # How many notes stand where none should.
    named: dict[str, int] = field(default_factory=dict)
    # The files of such times, and how many seconds after the last note they were written.
    files: dict[str, float] = field(default_factory=dict)
    # Between two changes of the metrics; 0 if there were not two.
    metrics_s: float = 0.0

    def find_worst(self) -> tuple[str, float]:
        """Return the order that is nearest to that of arrival, or to its reverse."""
        return max(self.orders.items(), key=lambda item: abs(item[1]), default=("none", 0.0))

    def list_lines(self, notes: int) -> list[str]:
        """Return a table for people."""
        worst, correlation = self.find_worst()
        lines = [f"{'what was tried':<64} found", f"order at worst: {worst:<48} correlation {correlation:+.2f}"]
        lines += [f"order: {what:<57} correlation {value:+.2f}" for what, value in sorted(self.orders.items())]
        for what, errors_s in self.dated.items():
            error = f", to within {statistics.median(errors_s):.3f} s (median)" if errors_s else ""
            lines.append(f"time: {what:<58} {len(errors_s)} of {notes} notes{error}")
        lines += [f"times of arrival in {what:<44} {count}" for what, count in self.times.items()]
        lines += [
            f"addresses in {what:<51} {used}, by chance {other}" for what, (used, other) in self.addresses.items()
        ]
        lines += [f"notes named in {what:<49} {count}" for what, count in self.named.items()]
        lines += [
            f"file time of {what:<51} {after_s:+.3f} s from the last note" for what, after_s in self.files.items()
        ]
        lines.append(f"{'the metrics change after':<64} {self.metrics_s:.1f} s at the soonest")
        return lines


def examine(run: Run) -> Findings:
    """Try everything on what was seized."""
    found = Findings()
    marks = run.poster.make_needles()
    logs = {moment: read_wal(run.seizures[moment].cluster) for moment in _MOMENTS}
    # Who copies the disk all the time has kept what the log said before.
    times: dict[int, float] = {}
    for moment, records in logs.items():
        times |= find_commit_times(records)
        _examine_log(run, found, moment, records, marks)
    for moment in ("flushed", "stopped"):
        # What the server has not yet written of its tables is in the log alone.
        named = name_rows(read_relations(run.seizures[moment], run.told.relations), marks)
        for what, order in list_orders(named).items():
            found.orders[f"{what}, {moment}"] = correlate_values(order, run.arrived)
        found.dated[f"rows joined with all logs by xmin and xmax, {moment}"] = _date(
            run, times, list_transactions(named)
        )
    for moment in ("after", "flushed", "stopped"):
        _examine_bytes(run, found, moment)
    _examine_views(run, found, marks)
    return found


def _examine_log(run: Run, found: Findings, moment: str, records: Sequence[WalRecord], marks: Needles) -> None:
    times = find_commit_times(records)
    by_bytes = find_transactions(run.seizures[moment].cluster, records, marks)
    found.dated[f"bytes in the log, {moment}"] = _date(run, times, by_bytes)
    found.times[f"commits in the log, {moment}"] = sum(
        run.first <= at <= run.last + _ANSWERED_S for at in times.values()
    )
    sizes = {name: float(sent.size) for name, sent in run.sent.items()}
    for relation, lengths in list_insertions(records).items():
        table = run.told.relations[relation].name if relation in run.told.relations else str(relation)
        order = _match_lengths(run, times, lengths)
        if len(order) > len(sizes) // 2:
            found.orders[f"lengths of records of {table} and of notes, {moment}"] = correlate_values(order, sizes)


def _match_lengths(run: Run, times: Mapping[int, float], lengths: Mapping[int, int]) -> dict[str, int]:
    """Return by note how long the records were that were committed right after it came, as whoever sent it knows."""
    by_time = sorted((times[id_], length) for id_, length in lengths.items())
    found: dict[str, int] = {}
    for name, at in run.arrived.items():
        index = bisect_left(by_time, (at, 0))
        if index < len(by_time) and by_time[index][0] < at + _ANSWERED_S:
            found[name] = by_time[index][1]
    return found


def _date(run: Run, times: Mapping[int, float], transactions: Mapping[str, set[int]]) -> list[float]:
    """Return by how much each note is dated wrong that is dated to before its batch."""
    errors = []
    for name, ids in transactions.items():
        known = [times[id_] for id_ in ids if id_ in times]
        # The batch itself is no secret.
        if early := [at for at in known if not run.profile.batch_s or at < run.published_at - 0.5]:
            errors.append(min(abs(at - run.arrived[name]) for at in early))
    return sorted(errors)


def _examine_bytes(run: Run, found: Findings, moment: str) -> None:
    seizure = run.seizures[moment]
    used = {sent.source.address: spell_address(sent.source.address) for sent in run.sent.values()}
    others = [make_source(number, network=78).address for number in range(len(run.sent))]
    needles = Needles(used | {address: spell_address(address) for address in others})
    names: set[str] = set()
    times = 0
    for name, path in seizure.find_new(run.seizures["blank"]):
        data = path.read_bytes()
        names |= needles.name(data)
        if "/pg_wal/" not in name and "/pg_stat/" not in name:
            times += len(find_times(data, run.first, run.last))
    found.addresses[f"the files, {moment}"] = (len(names & used.keys()), len(names & set(others)))
    found.times[f"other files, {moment}"] = times
    written = list_written_between(seizure.times, run.first, run.last)
    found.times[f"file times, {moment}"] = len(written)
    found.files |= {name: seizure.times[name].modified - run.last for name in written}


def _examine_views(run: Run, found: Findings, marks: Needles) -> None:
    for what, order in run.told.numbers.items():
        found.orders[f"the number {what}"] = correlate_values(order, run.arrived)
    postgres_log = (run.seizures["stopped"].place / "postgres" / "postgres.log").read_bytes()
    written = {**run.written, "the statistics": run.told.statistics.encode(), "Postgres' log": postgres_log}
    addresses = Needles({sent.source.address: spell_address(sent.source.address) for sent in run.sent.values()})
    for what, text in written.items():
        found.named[what] = len(marks.name(text))
        found.addresses[what] = (len(addresses.name(text)), 0)
    pgstat = b"".join(path.read_bytes() for name, path in run.seizures["stopped"].list_files() if "/pg_stat/" in name)
    found.times["statistics of the relay's tables"] = sum(
        run.first <= at <= run.last for at in views.list_own_times(run.told.statistics)
    )
    found.times["statistics of Postgres' own tables and sessions"] = (
        sum(run.first <= at <= run.last for at in views.list_times(run.told.statistics))
        - found.times["statistics of the relay's tables"]
    )
    found.times["the file of statistics"] = len(find_times(pgstat, run.first, run.last))
    changes = [at for at, _ in run.metrics.changes]
    found.metrics_s = min((later - at for at, later in pairwise(changes)), default=0.0)
