"""All metrics: names, help texts and closed sets of labels, present from the start. Knows no note, key or address.

A frequent scraper of counters that change with each connection or note could date a person. So the served text is a
snapshot, taken every `snapshot_every_s` seconds.

What happens with each message or note is counted in plain integers, and these are read when a snapshot is taken. The counters of
prometheus_client cost 3.3 microseconds an event, these cost 0.4 (a Schnorr verification took 35).
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from relay.handlers.verbs import VERBS
from relay.pricing.payment_metrics import PaymentMetrics
from relay.protocol.refusal import Prefix
from relay.protocol.ring_terms import Scheme
from relay.storage.reader import QueryTiming
from relay.storage.writer import Commit
from relay.verify.pool import Timing

MALFORMED = "malformed"
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class _Histogram:
    """How many observed values lie in each bucket, and their sum. A value on a bound is in the bucket below it."""

    def __init__(self, name: str, help_text: str, bounds: tuple[float, ...]) -> None:
        self._name = name
        self._help_text = help_text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def to_family(self) -> Metric:
        names = map(floatToGoString, (*self._bounds, float("inf")))
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        return HistogramMetricFamily(self._name, self._help_text, buckets, self._sum)


class Metrics:
    """The metrics of one relay process. The attributes that are numbers are for others to change."""

    def __init__(self, snapshot_every_s: float) -> None:
        # The `_created` series would show the time of the first event of every label set.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._snapshot_every_s = snapshot_every_s
        self._snapshot = b""
        self._snapshot_s: float | None = None
        self._add_counts()
        self._add_histograms()
        self._registry.register(_Families(self._list_families))
        self.payments = PaymentMetrics(self._registry, snapshot_every_s)

    def _add_counts(self) -> None:
        self.connections = 0
        self.subscriptions = 0
        self.slow_client_closes = 0
        self.internal_errors = 0
        self.find_queue_units: Callable[[], int] = int
        self._bytes_out = 0
        self._messages = dict.fromkeys((*VERBS, MALFORMED), 0)
        # By the prefix of the answer.
        self._accepted = dict.fromkeys(("", *map(str, Prefix)), 0)
        self._refused = self._accepted.copy()
        self._ring_verifications = {
            (str(scheme), outcome): 0 for outcome in ("accepted", "refused") for scheme in Scheme
        }

    def _add_histograms(self) -> None:
        sizes = (3, 5, 10, 30, 100, 300, 1000)
        self._ring_size = _Histogram("ringrelay_ring_size", "Members of verified rings", sizes)
        self._verification = _Histogram("ringrelay_verification_seconds", "Verifying one note, in its worker", _SECONDS)
        notes = (1, 3, 10, 30, 100, 300, 500)
        self._commit_notes = _Histogram("ringrelay_commit_batch_notes", "Notes in one commit", notes)
        self._commit = _Histogram("ringrelay_commit_seconds", "One transaction that stores notes", _SECONDS)
        self._query = _Histogram("ringrelay_query_seconds", "One database query", _SECONDS)
        self._pool_wait = _Histogram("ringrelay_pool_wait_seconds", "Waiting for a database connection", _SECONDS)

    def count_message(self, verb: str) -> None:
        """Count one client message; `verb` is one of VERBS, or MALFORMED."""
        self._messages[verb] += 1

    def count_event(self, accepted: bool, text: str) -> None:
        """Count one answered EVENT by the text of its OK."""
        counts = self._accepted if accepted else self._refused
        prefix = text.partition(":")[0]
        # The text for a held note is a sentence, not a prefix.
        counts[prefix if prefix in counts else ""] += 1

    def count_bytes_out(self, count: int) -> None:
        """Count bytes that were written to a client."""
        self._bytes_out += count

    def observe_verification(self, timing: Timing) -> None:
        """Record one verified note."""
        self._verification.observe(timing.seconds)
        if timing.claim is not None:
            self._ring_verifications[timing.claim.scheme, "accepted" if timing.accepted else "refused"] += 1
            if timing.accepted:
                self._ring_size.observe(len(timing.claim.ring))

    def observe_commit(self, commit: Commit) -> None:
        """Record one committed batch."""
        self._commit_notes.observe(commit.notes)
        self._commit.observe(commit.seconds)

    def observe_query(self, timing: QueryTiming) -> None:
        """Record one database query."""
        self._query.observe(timing.took_s)
        self._pool_wait.observe(timing.waited_s)

    def render(self) -> bytes:
        """Return the text exposition: the last snapshot, or a new one if that is `snapshot_every_s` old."""
        now_s = time.monotonic()
        if self._snapshot_s is None or now_s - self._snapshot_s >= self._snapshot_every_s:
            self._snapshot, self._snapshot_s = generate_latest(self._registry), now_s
        return self._snapshot

    def _list_families(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("ringrelay_connections", "Open client connections", self.connections)
        yield GaugeMetricFamily("ringrelay_subscriptions", "Open subscriptions", self.subscriptions)
        yield GaugeMetricFamily(
            "ringrelay_verification_queue_units",
            "Queued work: Schnorr checks and ring links",
            self.find_queue_units(),
        )
        yield from self._list_counters()
        histograms = (
            self._ring_size,
            self._verification,
            self._commit_notes,
            self._commit,
            self._query,
            self._pool_wait,
        )
        yield from (histogram.to_family() for histogram in histograms)

    def _list_counters(self) -> Iterator[Metric]:
        messages = CounterMetricFamily("ringrelay_messages", "Client messages by verb", labels=["verb"])
        for verb, count in self._messages.items():
            messages.add_metric([verb], count)
        yield messages
        events = CounterMetricFamily(
            "ringrelay_events",
            "EVENTs answered, by outcome and by the prefix of the answer",
            labels=["outcome", "prefix"],
        )
        for outcome, counts in (("accepted", self._accepted), ("refused", self._refused)):
            for prefix, count in counts.items():
                events.add_metric([outcome, prefix], count)
        yield events
        rings = CounterMetricFamily(
            "ringrelay_ring_verifications", "Notes with a ring proof verified", labels=["scheme", "outcome"]
        )
        for labels, count in self._ring_verifications.items():
            rings.add_metric(labels, count)
        yield rings
        slow = "Connections closed because the client read too slowly"
        yield CounterMetricFamily("ringrelay_slow_client_closes", slow, self.slow_client_closes)
        yield CounterMetricFamily("ringrelay_sent_bytes", "Bytes written to clients", self._bytes_out)
        errors = "Messages that failed because of a fault in the relay"
        yield CounterMetricFamily("ringrelay_internal_errors", errors, self.internal_errors)


class _Families(Collector):
    """What the registry asks for the metrics of this file, when a snapshot is taken."""

    def __init__(self, list_families: Callable[[], Iterable[Metric]]) -> None:
        self._list_families = list_families

    def collect(self) -> Iterable[Metric]:
        return self._list_families()
