"""The metrics cannot date a person: closed label sets, nothing new with traffic, and snapshots instead of live counters."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from relay.log import Log
from relay.metrics import Metrics
from relay.policy.tiers import Tier
from relay.protocol.refusal import Prefix
from relay.server import Relay, running
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.relays import make_config, to_url

_HOUR_S = 3600.0
_SERIES = re.compile(r"^([a-z_]+(?:\{[^}]*\})?) [0-9.e+-]+$")


@asynccontextmanager
async def _relay(database: dict[str, Any], snapshot_every_s: float) -> AsyncIterator[Relay]:
    limits = {"reqs_per_s": 0.001, "burst_factor": 3_000}
    async with running(
        make_config(database, metrics={"snapshot_every_s": snapshot_every_s}, limits=limits), Log()
    ) as relay:
        yield relay


async def _make_traffic(relay: Relay) -> None:
    """Use every verb and meet accepted, refused, malformed and limited messages."""
    note, linkable, profile = make_ring_note(), make_ring_note(scope="s"), make_event(kind=0)
    async with Client(to_url(relay)) as client:
        for event in (note, note, linkable, profile, make_event(kind=5, tags=(("e", profile.id),)), profile):
            await client.publish(event)
        for refused in (make_event(), make_event(kind=0, created_at=1), make_event(tags=(("-",),)), {"id": "x"}):
            await client.publish(refused)
        await client.publish(make_event(key=KEYS[1], kind=0))
        forged = make_ring_note(ring_size=6)
        await client.publish({**{name: getattr(forged, name) for name in forged.__struct_fields__}, "sig": "00" * 64})
        await client.send("AUTH", note)
        await client.next("OK")
        await client.send_raw(b"binary")
        await client.next("NOTICE")
        await client.send("CANARYVERB", "canary")
        await client.next("NOTICE")
        for _ in range(3):
            await client.fetch({"limit": 1})
        for frame in (("REQ", "canary", {"search": "canary"}), ("COUNT", "canary", {"#e": ["canary"]})):
            await client.send(*frame)
            await client.next("CLOSED")
        await client.send("REQ", "canary", {})
        assert (await client.next("CLOSED"))[1].startswith("rate-limited: ")


def _list_series(text: str) -> set[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = [_SERIES.match(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1] for match in found if match}


async def test_traffic_of_every_kind_adds_no_series_and_no_label(database18: dict[str, Any]) -> None:
    async with _relay(database18, 0) as relay:
        before = relay.metrics.render().decode()
        await _make_traffic(relay)
        after = relay.metrics.render().decode()
    assert before != after
    assert _list_series(before) == _list_series(after)
    assert "canary" not in after


def test_the_labels_and_their_values_are_a_closed_list() -> None:
    labels: dict[str, set[str]] = {}
    metrics = Metrics(0)
    metrics.payments.name_tiers([Tier(path="/"), Tier(path="/1k", price_sat=1_000)])
    for name, value in re.findall(r'([a-z]+)="([^"]*)"', metrics.render().decode()):
        labels.setdefault(name, set()).add(value)
    assert labels.keys() == {"verb", "outcome", "prefix", "scheme", "le", "state", "operation", "tier", "warning"}
    assert labels["verb"] == {"EVENT", "REQ", "COUNT", "CLOSE", "AUTH", "NEG-OPEN", "NEG-MSG", "NEG-CLOSE", "malformed"}
    assert labels["outcome"] == {"accepted", "refused"}
    assert labels["prefix"] == {"", *map(str, Prefix)}
    assert labels["scheme"] == {"sag", "blsag"}
    assert labels["state"] == {"creating", "open", "closed"}
    assert labels["operation"] == {"account", "create", "lookup", "cancel", "stream"}
    assert labels["tier"] == {"/", "/1k", "unknown"}
    assert labels["warning"] == {"capacity", "offline", "deadends", "private_unused", "mpp"}


def test_what_the_metrics_say_of_a_payment_has_no_time_finer_than_the_snapshot() -> None:
    metrics = Metrics(300)
    metrics.payments.report_backend("lookup", True)
    metrics.payments.report_published(437.21)
    text = metrics.render().decode()
    said = re.search(r"^ringrelay_lightning_last_success_timestamp_seconds (\S+)$", text, re.MULTILINE)
    assert said
    assert float(said[1]) > 0
    assert float(said[1]) % 300 == 0
    assert "\nringrelay_settlement_to_publication_seconds_sum 600.0\n" in text


async def test_no_series_holds_a_time_of_creation_an_exemplar_or_anything_of_the_process(
    database18: dict[str, Any],
) -> None:
    async with _relay(database18, 0) as relay:
        await _make_traffic(relay)
        text = relay.metrics.render().decode()
    assert "_created" not in text
    assert not any("#" in line for line in text.splitlines() if not line.startswith("# "))
    # The process and platform collectors of prometheus-client give a start time, a version, memory and CPU by the moment.
    assert {series.partition("_")[0] for series in _list_series(text)} == {"ringrelay"}


async def test_two_scrapes_within_a_snapshot_are_the_same_whatever_happened_between(database18: dict[str, Any]) -> None:
    async with _relay(database18, _HOUR_S) as relay:
        before = relay.metrics.render()
        await _make_traffic(relay)
        async with Client(to_url(relay)):
            assert relay.metrics.render() == before


async def test_the_next_snapshot_shows_what_happened(database18: dict[str, Any]) -> None:
    async with _relay(database18, 0) as relay:
        before = relay.metrics.render().decode()
        await _make_traffic(relay)
        after = relay.metrics.render().decode()
    accepted = 'ringrelay_ring_verifications_total{outcome="accepted",scheme="blsag"} '
    assert accepted + "0.0" in before
    assert accepted + "1.0" in after
