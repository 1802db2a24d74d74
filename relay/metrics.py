"""All metrics: names, help texts and closed sets of labels, present from the start. Knows no note, key or address.

A frequent scraper of counters that change with each connection or note could date a person. So the served text is a
snapshot, taken every `snapshot_every_s` seconds.
"""

import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from relay.handlers.verbs import VERBS
from relay.pricing.payment_metrics import PaymentMetrics
from relay.protocol.refusal import Prefix
from relay.protocol.ring_terms import Scheme
from relay.storage.reader import QueryTiming
from relay.storage.writer import Commit
from relay.verify.pool import Timing

MALFORMED = "malformed"
_PREFIXES = ("", *Prefix)
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class Metrics:
    """The metrics of one relay process."""

    def __init__(self, snapshot_every_s: float) -> None:
        # The `_created` series would show the time of the first event of every label set.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._snapshot_every_s = snapshot_every_s
        self._snapshot = b""
        self._snapshot_s: float | None = None
        self._add_gauges()
        self._add_counters()
        self._add_histograms()
        self.payments = PaymentMetrics(self._registry, snapshot_every_s)

    def _add_gauges(self) -> None:
        self.connections = Gauge("ringrelay_connections", "Open client connections", registry=self._registry)
        self.subscriptions = Gauge("ringrelay_subscriptions", "Open subscriptions", registry=self._registry)
        self.queue_units = Gauge(
            "ringrelay_verification_queue_units", "Queued work: Schnorr checks and ring links", registry=self._registry
        )

    def _add_counters(self) -> None:
        self._messages = Counter("ringrelay_messages", "Client messages by verb", ["verb"], registry=self._registry)
        self._events = Counter(
            "ringrelay_events",
            "EVENTs answered, by outcome and by the prefix of the answer",
            ["outcome", "prefix"],
            registry=self._registry,
        )
        self._ring_verifications = Counter(
            "ringrelay_ring_verifications",
            "Notes with a ring proof verified",
            ["scheme", "outcome"],
            registry=self._registry,
        )
        self.slow_client_closes = Counter(
            "ringrelay_slow_client_closes",
            "Connections closed because the client read too slowly",
            registry=self._registry,
        )
        self.bytes_out = Counter("ringrelay_sent_bytes", "Bytes written to clients", registry=self._registry)
        self.internal_errors = Counter(
            "ringrelay_internal_errors", "Messages that failed because of a fault in the relay", registry=self._registry
        )
        for verb in (*VERBS, MALFORMED):
            self._messages.labels(verb)
        for outcome in ("accepted", "refused"):
            for prefix in _PREFIXES:
                self._events.labels(outcome, prefix)
            for scheme in Scheme:
                self._ring_verifications.labels(scheme, outcome)

    def _add_histograms(self) -> None:
        self._ring_size = Histogram(
            "ringrelay_ring_size",
            "Members of verified rings",
            buckets=(3, 5, 10, 30, 100, 300, 1000),
            registry=self._registry,
        )
        self._verification = Histogram(
            "ringrelay_verification_seconds",
            "Verifying one note, on its thread",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._commit_notes = Histogram(
            "ringrelay_commit_batch_notes",
            "Notes in one commit",
            buckets=(1, 3, 10, 30, 100, 300, 500),
            registry=self._registry,
        )
        self._commit = Histogram(
            "ringrelay_commit_seconds", "One transaction that stores notes", buckets=_SECONDS, registry=self._registry
        )
        self._query = Histogram(
            "ringrelay_query_seconds", "One database query", buckets=_SECONDS, registry=self._registry
        )
        self._pool_wait = Histogram(
            "ringrelay_pool_wait_seconds",
            "Waiting for a database connection",
            buckets=_SECONDS,
            registry=self._registry,
        )

    def count_message(self, verb: str) -> None:
        """Count one client message; `verb` is one of VERBS, or MALFORMED."""
        self._messages.labels(verb).inc()

    def count_event(self, accepted: bool, text: str) -> None:
        """Count one answered EVENT by the text of its OK."""
        prefix = text.partition(":")[0]
        if prefix not in _PREFIXES:
            # The text for a held note is a sentence, not a prefix.
            prefix = ""
        self._events.labels("accepted" if accepted else "refused", prefix).inc()

    def observe_verification(self, timing: Timing) -> None:
        """Record one verified note."""
        self._verification.observe(timing.seconds)
        if timing.claim is not None:
            self._ring_verifications.labels(timing.claim.scheme, "accepted" if timing.accepted else "refused").inc()
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
