"""Notes that are paid for: the order, the payment to a Lightning node that is a stand-in, and the OK. The node takes no time."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from bench.client import Connection, LoadError, connected
from bench.figure import Measures, find_percentile
from bench.loads import to_event_frame
from bench.relay_process import SETTINGS, RunningRelay, run_relay
from bench.rounds import Round, say
from bench.schnorr_rate import measure_schnorr_per_s
from relay.pricing.offer import read_offer
from tests.support.lightning_stubs import PhoenixdStub

_PATH = "/paid"
_CONNECTIONS = 16
_MAX_S = 60.0


async def measure_priced(notes: Sequence[bytes], rounds: int) -> list[Round]:
    """Return what posting for a price takes, in so many rounds that share the notes."""
    async with _selling() as (relay, node):
        made = []
        for number in range(rounds):
            round_ = Round(measure_schnorr_per_s())
            measures = await _sell(relay, node, notes[number::rounds])
            round_.measures["priced", "empty store"] = measures
            say(f"round {number + 1} of {rounds}: priced: {measures['per_s']:,.0f} a second")
            made.append(round_)
        return made


@asynccontextmanager
async def _selling() -> AsyncIterator[tuple[RunningRelay, PhoenixdStub]]:
    """Run a node in this loop, and a relay that sells over it."""
    with tempfile.TemporaryDirectory() as directory:
        async with PhoenixdStub(Path(directory)).running() as node:
            running = run_relay(_make_settings(node))
            relay = await asyncio.to_thread(running.__enter__)
            try:
                yield relay, node
            finally:
                await asyncio.to_thread(running.__exit__, None, None, None)


def _make_settings(node: PhoenixdStub) -> dict[str, str]:
    section = node.section.model_dump(exclude_none=True)
    shown = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in section.items()
    }
    return {
        **SETTINGS,
        **{f"RELAY_LIGHTNING__{name.upper()}": value for name, value in shown.items()},
        "RELAY_LIGHTNING__MAX_LOOK_UPS_PER_S": "1000",
        "RELAY_PRIVACY__ALLOW_LINKABLE_PAYMENTS": "true",
        "RELAY_TIERS": json.dumps([{"path": "/"}, {"path": _PATH, "price_sat": 1_000}]),
        "RELAY_INVOICES__POW_BITS": "0",
        "RELAY_INVOICES__POW_BITS_WHEN_FULL": "0",
        "RELAY_INVOICES__POW_BITS_AT_FULL_RATE": "0",
        "RELAY_INVOICES__PER_S": "1000000",
        "RELAY_INVOICES__MAX_OPEN": "100000",
        "RELAY_INVOICES__MAX_OPEN_PER_CONNECTION": "1000",
    }


async def _sell(relay: RunningRelay, node: PhoenixdStub, notes: Sequence[bytes]) -> Measures:
    waits_s: list[float] = []
    async with connected(relay.url + _PATH, _CONNECTIONS) as clients:
        before, started_s = relay.processes.read_used(), time.perf_counter()
        async with asyncio.timeout(_MAX_S), asyncio.TaskGroup() as group:
            for number, client in enumerate(clients):
                group.create_task(_buy_all(client, node, notes[number :: len(clients)], waits_s))
        took_s, used = time.perf_counter() - started_s, relay.processes.read_used() - before
    return {
        "per_s": len(notes) / took_s,
        "relay_us": used.relay_s / len(notes) * 1e6,
        "postgres_us": used.postgres_s / len(notes) * 1e6,
        "p50_ms": find_percentile(waits_s, 0.5) * 1e3,
        "p99_ms": find_percentile(waits_s, 0.99) * 1e3,
    }


async def _buy_all(client: Connection, node: PhoenixdStub, notes: Sequence[bytes], waits_s: list[float]) -> None:
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    client.on_text = answers.put_nowait
    for note in notes:
        started_s = time.perf_counter()
        client.send(to_event_frame(note))
        offer = read_offer(json.loads(await answers.get())[3])
        if offer is None:
            raise LoadError("a note was not offered for its price")
        await node.pay(offer.bolt11)
        if not json.loads(await answers.get())[2]:
            raise LoadError("a paid note was refused")
        waits_s.append(time.perf_counter() - started_s)
