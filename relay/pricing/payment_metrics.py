"""The metrics of payments: totals, and closed sets of labels. Knows no note, invoice or payer."""

import time
from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from relay.policy.tiers import Tier
from relay.pricing.lightning.backend import LiquidityWarning
from relay.storage.payments.invoices import UNKNOWN_TIER, UNSETTLED
from relay.storage.payments.unpaid_notes import UnpaidTotals

OPERATIONS = ("account", "create", "lookup", "cancel", "stream")
# From a publication at once to batches an hour apart.
_LATENCY_S = (0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 60.0, 600.0, 3600.0)


class PaymentMetrics:
    """The metrics of payments in a registry."""

    def __init__(self, registry: CollectorRegistry, snapshot_every_s: float) -> None:
        self._snapshot_every_s = snapshot_every_s
        self._invoices = Gauge(
            "ringrelay_invoices",
            "Invoices by state, without the settled ones; closed ones are counted to 1,000",
            ["state"],
            registry=registry,
        )
        self._elsewhere = Gauge(
            "ringrelay_invoices_elsewhere",
            "Invoices that could still be paid, made at another node or wallet than [lightning] names; counted to 100 each",
            registry=registry,
        )
        self._unmatched = Counter(
            "ringrelay_unmatched_payments",
            "Payments for an invoice of this relay that its database does not know",
            registry=registry,
        )
        self._unknown = Counter(
            "ringrelay_unknown_invoices",
            "Invoices that ended without an answer, because their node does not know them",
            registry=registry,
        )
        self._add_payments(registry)
        self._add_node(registry)
        # Each line is there from the start, so that the first of its kind adds none.
        self._settled.labels(UNKNOWN_TIER)
        for warning in LiquidityWarning:
            self._warnings.labels(warning)
        for state in UNSETTLED:
            self._invoices.labels(state)
        for operation in OPERATIONS:
            self._errors.labels(operation)

    def _add_payments(self, registry: CollectorRegistry) -> None:
        self._unpaid_notes = Gauge("ringrelay_unpaid_notes", "Notes that wait for a payment", registry=registry)
        self._unpaid_bytes = Gauge("ringrelay_unpaid_bytes", "Bytes that the notes take that wait", registry=registry)
        self._unstored = Gauge(
            "ringrelay_unstored_payments",
            "Payments that were found and that the database refused to store; nothing is sold while there are any",
            registry=registry,
        )
        self._settled = Counter("ringrelay_settled_msat", "Millisatoshi received, by tier", ["tier"], registry=registry)
        self._latency = Histogram(
            "ringrelay_settlement_to_publication_seconds",
            "From the look-up that found a payment to the note's publication; the sum is of the buckets' bounds",
            buckets=_LATENCY_S,
            registry=registry,
        )

    def _add_node(self, registry: CollectorRegistry) -> None:
        self._errors = Counter(
            "ringrelay_lightning_errors", "Requests that the node did not answer", ["operation"], registry=registry
        )
        self._last_success = Gauge(
            "ringrelay_lightning_last_success_timestamp_seconds",
            "Unix time of the last answer of the node, rounded down to metrics.snapshot_every_s; 0 before the first",
            registry=registry,
        )
        self._warnings = Counter(
            "ringrelay_lightning_warnings",
            "Invoices of which the node (Core Lightning) said that they might not be payable, by reason",
            ["warning"],
            registry=registry,
        )

    def name_tiers(self, tiers: Iterable[Tier]) -> None:
        """Show every tier from the start, so that the first payment of one adds no line."""
        for tier in tiers:
            self._settled.labels(tier.path)

    def report_backend(self, operation: str, is_done: bool) -> None:
        """Count one request to the node."""
        if is_done:
            # The node is not asked any more once the last note is paid for: to the second, this would be that time.
            now_s = time.time()
            self._last_success.set(now_s - now_s % self._snapshot_every_s if self._snapshot_every_s else now_s)
        else:
            self._errors.labels(operation).inc()

    def report_warning(self, warning: LiquidityWarning) -> None:
        """Count one warning about an invoice."""
        self._warnings.labels(warning).inc()

    def report_settled(self, tier: str, msat: int) -> None:
        """Count one payment."""
        self._settled.labels(tier).inc(msat)

    def report_published(self, seconds: float) -> None:
        """Count how long a paid note took to its publication."""
        # As the bound of its bucket: the exact sum and the time of the batch would say when a note was paid for.
        self._latency.observe(_LATENCY_S[min(bisect_left(_LATENCY_S, seconds), len(_LATENCY_S) - 1)])

    def report_elsewhere(self, invoices: int) -> None:
        """Show how many invoices other accounts made that could still be paid."""
        self._elsewhere.set(invoices)

    def report_unmatched(self) -> None:
        """Count a payment that no row knows."""
        self._unmatched.inc()

    def report_unknown(self) -> None:
        """Count an invoice that its node does not know."""
        self._unknown.inc()

    def report_unstored(self, payments: int) -> None:
        """Show how many payments the database has refused to store."""
        self._unstored.set(payments)

    def report_invoices(self, by_state: dict[str, int], unpaid_totals: UnpaidTotals) -> None:
        """Show how many there are now."""
        for state, count in by_state.items():
            self._invoices.labels(state).set(count)
        self._unpaid_notes.set(unpaid_totals.notes)
        self._unpaid_bytes.set(unpaid_totals.bytes)
