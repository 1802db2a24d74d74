"""Ring notes where they are published in batches: how fast they are taken, and how fast a batch goes out when its time has come."""

import asyncio
import time
from collections.abc import Sequence

from bench import loads
from bench.client import connected
from bench.figure import Measures
from bench.figures import Rate, Subject
from bench.meter import Processes
from bench.parts import SHAPES, name_part
from bench.relay_process import SETTINGS

PERIOD_S = 6
# After a batch went out its rows are deleted, and its key is destroyed.
_AFTER_S = 0.5


def make_held_settings(period_s: int) -> dict[str, str]:
    """Return the settings of a relay that publishes every so many seconds, whoever sent how many notes."""
    return {
        **SETTINGS,
        "RELAY_PRIVACY__PUBLISH_EVERY_S": str(period_s),
        "RELAY_PRIVACY__MAX_HELD": "1000000",
        "RELAY_PRIVACY__MAX_HELD_PER_CONNECTION": "1000000",
        "RELAY_PRIVACY__MAX_HELD_PER_NETWORK": "1000000",
        "RELAY_PRIVACY__POW_BITS_WHEN_FULL": "0",
    }


async def wait_until_batch(period_s: int, until_s: float = 0.0) -> None:
    """Wait until so many seconds after the next full period of the clock; before it, where that is negative."""
    await asyncio.sleep(period_s - time.time() % period_s + until_s)


async def publish_batch(url: str, notes: Sequence[bytes], period_s: int, processes: Processes) -> Measures:
    """Post notes, wait for the batch, and return how fast they were taken and how fast they went out, each with its cost."""
    async with connected(url) as clients:
        await loads.subscribe(clients)
        await wait_until_batch(period_s, _AFTER_S)
        before = processes.read_used()
        posted = await loads.post_all(url, notes)
        taken = processes.read_used() - before
        arriving = loads.Arrivals(clients, len(notes))
        await wait_until_batch(period_s, -0.1)
        before, begun_s = processes.read_used(), time.perf_counter() + 0.1
        last_s = await arriving.wait()
        await asyncio.sleep(_AFTER_S)
        gone = processes.read_used() - before
        return {
            "per_s": posted.count / posted.seconds,
            "relay_us": taken.relay_s / posted.count * 1e6,
            "postgres_us": taken.postgres_s / posted.count * 1e6,
            "batch_per_s": posted.count / (last_s - begun_s),
            "batch_relay_us": gone.relay_s / posted.count * 1e6,
            "batch_postgres_us": gone.postgres_s / posted.count * 1e6,
        }


def hold(shape: str, count: int) -> Rate:
    """Return the figure of ring notes of ten that wait for a batch."""
    part = name_part(10, shape)

    async def measure(subject: Subject, _: int) -> Measures:
        return await publish_batch(subject.url, subject.take_notes(part, count), PERIOD_S, subject.processes)

    return Rate(f"held10_{shape}", measure, {part: count})


def list_held_rates(count: int) -> list[Rate]:
    """Return the figures of both shapes of rings."""
    return [hold(shape, count) for shape in SHAPES]
