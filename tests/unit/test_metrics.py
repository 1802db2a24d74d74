"""The relay's metrics: what is counted, as prometheus_client itself would serve it."""

from dataclasses import replace

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from relay.metrics import MALFORMED, Metrics
from relay.storage.reader import QueryTiming
from relay.storage.writer import Commit
from relay.verify.claim import Claim
from relay.verify.pool import Timing
from relay.verify.proof import detect_claim
from tests.support.events import make_ring_note

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def _find_lines(text: bytes, name: str) -> list[str]:
    """Return what is served of one metric, with its help and type, but only the series that are not 0."""
    lines = [line for line in text.decode().splitlines() if name in line]
    return [line for line in lines if line.startswith("#") or not line.endswith(" 0.0")]


def _find_claim() -> Claim:
    claim = detect_claim(make_ring_note())
    assert claim is not None
    return claim


def test_a_histogram_is_served_as_the_library_serves_its_own() -> None:
    registry = CollectorRegistry()
    theirs = Histogram("ringrelay_query_seconds", "One database query", buckets=_SECONDS, registry=registry)
    ours = Metrics(0)
    # Below, on, between and above the bounds.
    for seconds in (0.0, 0.001, 0.0011, 0.02, 3.0, 3.5):
        theirs.observe(seconds)
        ours.observe_query(QueryTiming(took_s=seconds, waited_s=0.0))
    assert _find_lines(ours.render(), "ringrelay_query_seconds") == _find_lines(
        generate_latest(registry), "ringrelay_query_seconds"
    )


def test_a_counter_with_labels_is_served_as_the_library_serves_its_own() -> None:
    registry = CollectorRegistry()
    theirs = Counter(
        "ringrelay_events",
        "EVENTs answered, by outcome and by the prefix of the answer",
        ["outcome", "prefix"],
        registry=registry,
    )
    ours = Metrics(0)
    answers = ((True, ""), (True, "duplicate: it is here"), (True, "it waits for the batch"), (False, "invalid: id"))
    for accepted, text in answers:
        ours.count_event(accepted, text)
    theirs.labels("accepted", "").inc(2)
    theirs.labels("accepted", "duplicate").inc()
    theirs.labels("refused", "invalid").inc()
    assert _find_lines(ours.render(), "ringrelay_events") == _find_lines(generate_latest(registry), "ringrelay_events")


def test_gauges_and_counters_without_labels_are_served_as_the_library_serves_its_own() -> None:
    registry = CollectorRegistry()
    Gauge("ringrelay_connections", "Open client connections", registry=registry).set(3)
    Gauge("ringrelay_subscriptions", "Open subscriptions", registry=registry).set(2)
    Counter("ringrelay_sent_bytes", "Bytes written to clients", registry=registry).inc(20_000_000_000)
    slow = "Connections closed because the client read too slowly"
    Counter("ringrelay_slow_client_closes", slow, registry=registry).inc()
    metrics = Metrics(0)
    metrics.connections += 3
    metrics.subscriptions += 2
    metrics.slow_client_closes += 1
    for _ in range(2):
        metrics.count_bytes_out(10_000_000_000)
    served = metrics.render()
    names = ("ringrelay_connections", "ringrelay_subscriptions", "ringrelay_sent_bytes", "ringrelay_slow_client_closes")
    for name in names:
        assert _find_lines(served, name) == _find_lines(generate_latest(registry), name)


def test_a_verification_counts_its_ring_only_where_it_passed() -> None:
    metrics, claim = Metrics(0), _find_claim()
    passed = Timing(claim, 0.002, accepted=True)
    metrics.observe_verification(passed)
    metrics.observe_verification(replace(passed, accepted=False))
    metrics.observe_verification(Timing(None, 0.0, accepted=True))
    served = metrics.render().decode()
    name = "ringrelay_ring_verifications_total"
    assert "ringrelay_verification_seconds_count 3.0" in served
    assert "ringrelay_ring_size_count 1.0" in served
    assert f'{name}{{outcome="accepted",scheme="{claim.scheme}"}} 1.0' in served
    assert f'{name}{{outcome="refused",scheme="{claim.scheme}"}} 1.0' in served


def test_a_commit_counts_its_notes_and_its_time() -> None:
    metrics = Metrics(0)
    metrics.observe_commit(Commit(notes=3, seconds=0.5))
    served = metrics.render().decode()
    assert 'ringrelay_commit_batch_notes_bucket{le="1.0"} 0.0' in served
    assert 'ringrelay_commit_batch_notes_bucket{le="3.0"} 1.0' in served
    assert "ringrelay_commit_seconds_sum 0.5" in served


def test_what_is_no_verb_is_counted_as_malformed() -> None:
    metrics = Metrics(0)
    metrics.count_message(MALFORMED)
    metrics.count_message("EVENT")
    served = metrics.render().decode()
    assert 'ringrelay_messages_total{verb="malformed"} 1.0' in served
    assert 'ringrelay_messages_total{verb="EVENT"} 1.0' in served


def test_the_work_that_waits_is_read_when_a_snapshot_is_taken() -> None:
    metrics = Metrics(0)
    metrics.find_queue_units = lambda: 17
    assert "ringrelay_verification_queue_units 17.0" in metrics.render().decode()
