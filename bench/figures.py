"""The figures that are rates: for each, the load and how it is measured. Knows not how relays start, or what is shown."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import loads
from bench.client import connected
from bench.corpus import Corpus
from bench.figure import Measures, find_percentile
from bench.meter import UNKNOWN, Processes
from bench.questions import QUERIES, Vocabulary, make_filters

CORES = 2
_WARM_UP = 40
LATEST = "latest100"
_LATEST = 100


@dataclass
class Subject:
    """A relay that is measured: what it is called, where it is, and what can be asked for. Takes each note of the corpus once."""

    name: str
    url: str
    corpus: Corpus
    processes: Processes = UNKNOWN
    vocabulary: Vocabulary | None = None
    _taken: dict[str, int] = field(default_factory=dict)

    def take_notes(self, part: str, count: int) -> Sequence[bytes]:
        """Return the next notes of a part of the corpus. Raises ValueError where too few are left."""
        begin = self._taken.get(part, 0)
        self._taken[part] = begin + count
        notes = self.corpus.notes[part][begin : begin + count]
        if len(notes) < count:
            raise ValueError(f"the corpus has too few notes of the part {part}")
        return notes


@dataclass(frozen=True)
class Rate:
    """A figure of a load: its name, what it is measured on, and one round of it."""

    name: str
    measure: Callable[[Subject, int], Coroutine[Any, Any, Measures]]
    # What a round takes of which parts of the corpus.
    needs: dict[str, int] = field(default_factory=dict)


async def _metered(subject: Subject, load: Callable[[], Awaitable[loads.Outcome]]) -> tuple[Measures, loads.Outcome]:
    """Run a load, and return its rate and the processor time of an operation, in us."""
    before = subject.processes.read_used()
    outcome = await load()
    used = subject.processes.read_used() - before
    measures = {"per_s": outcome.count / outcome.seconds}
    if subject.processes.relay:
        measures["relay_us"] = used.relay_s / outcome.count * 1e6
        measures["postgres_us"] = used.postgres_s / outcome.count * 1e6
    return measures, outcome


def _add_waits(measures: Measures, outcome: loads.Outcome) -> Measures:
    return {
        **measures,
        "p50_ms": find_percentile(outcome.waits_s, 0.5) * 1e3,
        "p99_ms": find_percentile(outcome.waits_s, 0.99) * 1e3,
    }


def post(name: str, part: str, count: int, ring_size: int = 0) -> Rate:
    """Return the figure of posting notes as fast as they are taken; of ring notes also the share of what two cores could verify."""

    async def measure(subject: Subject, _: int) -> Measures:
        notes = subject.take_notes(part, count)
        measures, _outcome = await _metered(subject, lambda: loads.post_all(subject.url, notes))
        # Both signatures: one Schnorr check, and a link a member.
        return {**measures, "checks_per_s": measures["per_s"] * (ring_size + 1)} if ring_size else measures

    return Rate(name, measure, {part: count})


def acknowledge(count: int) -> Rate:
    """Return the figure of how long one client waits for an OK, with nothing else to do."""

    async def measure(subject: Subject, _: int) -> Measures:
        notes = subject.take_notes("plain", count)
        return _add_waits(*await _metered(subject, lambda: loads.post_one_by_one(subject.url, notes)))

    return Rate("ack", measure, {"plain": count})


def query(name: str, count: int) -> Rate:
    """Return the figure of one kind of query."""

    async def measure(subject: Subject, round_: int) -> Measures:
        if subject.vocabulary is not None:
            filters = make_filters(name, subject.vocabulary, count, round_)
        elif name == LATEST:
            # The prototype has nothing but what it was sent, and answers nothing else.
            await loads.post_all(subject.url, subject.take_notes("plain", _LATEST))
            filters = [b'{"kinds":[1],"limit":%d}' % _LATEST] * count
        else:
            return {}
        # Each of the relay's database sessions plans a statement once.
        await loads.query_all(subject.url, filters[:_WARM_UP])
        measures, outcome = await _metered(subject, lambda: loads.query_all(subject.url, filters))
        if outcome.failed:
            measures["failed"] = outcome.failed
        return _add_waits({**measures, "notes": outcome.notes / outcome.count}, outcome)

    return Rate(name, measure, {"plain": _LATEST} if name == LATEST else {})


def list_queries(count: int) -> list[Rate]:
    """Return the figures of all kinds of queries."""
    return [query(name, count) for name in QUERIES]


def deliver(name: str, subscribers: int, count: int, per_s: float = 0.0) -> Rate:
    """Return the figure of deliveries to so many subscribers, at once or with so many notes a second."""

    async def measure(subject: Subject, _: int) -> Measures:
        notes = subject.take_notes("plain", count)
        async with connected(subject.url, subscribers) as clients:
            await loads.subscribe(clients)
            measures, outcome = await _metered(subject, lambda: loads.deliver_all(subject.url, clients, notes, per_s))
            if not per_s:
                return measures
            # How many a second is what was asked for.
            del measures["per_s"]
            return _add_waits(measures, outcome)

    return Rate(name, measure, {"plain": count})


def connect(count: int) -> Rate:
    """Return the figure of accepting connections, and of the memory that each takes while nothing comes over it."""

    async def measure(subject: Subject, _: int) -> Measures:
        resident_kib = subject.processes.read_relay_kib()
        before, started_s = subject.processes.read_used(), time.perf_counter()
        async with connected(subject.url, count):
            took_s = time.perf_counter() - started_s
            used = subject.processes.read_used() - before
            return {
                "per_s": count / took_s,
                "relay_us": used.relay_s / count * 1e6,
                "kib": (subject.processes.read_relay_kib() - resident_kib) / count,
            }

    return Rate("connections", measure)
