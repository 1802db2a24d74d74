"""The relay and all of its Postgres die between OK and batch, and at the batch: every note is published, and once."""

import asyncio
import random
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from relay.protocol.event import Event
from tests.adversity.test_crash import post
from tests.support.client import fetch_ids
from tests.support.events import make_ring_note
from tests.support.processes import ServeProcess, serve
from tests.support.waiting import until

pytestmark = pytest.mark.serial

KILLS = 5
SETTINGS = {
    "PRIVACY__PUBLISH_EVERY_S": "1",
    "LIMITS__EVENTS_PER_S": "100000",
    "LIMITS__RING_LINKS_PER_S": "1000000",
    "PRIVACY__MAX_HELD_PER_CONNECTION": "100000",
    "PRIVACY__POW_BITS_WHEN_FULL": "0",
}


def make_notes() -> Iterator[Event]:
    for number in range(3_000):
        yield make_ring_note(
            f"{number} {secrets.token_hex(8)}", ring_size=3, scope="crash" if number % 4 == 0 else None
        )


async def count_waiting(relay: ServeProcess) -> int:
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        return int(await connection.fetchval("SELECT count(*) FROM held_notes"))
    finally:
        await connection.close()


def has_enough(kept: set[str], wanted: int) -> bool:
    return len(kept) >= wanted


async def is_nothing_waiting(relay: ServeProcess) -> bool:
    return await count_waiting(relay) == 0


async def test_every_held_note_is_published_once_after_kills_around_the_batch(reachable_directory: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    kept: set[str] = set()
    waited = 0
    for _ in range(KILLS):
        async with serve(reachable_directory, **SETTINGS) as relay:
            wanted = len(kept) + rng.randrange(20, 400)
            async with asyncio.TaskGroup() as group:
                for _ in range(2):
                    group.create_task(post(relay.url, make_notes(), kept))
                await until(partial(has_enough, kept, wanted))
                await relay.kill_everything()
        async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="86400") as relay:
            waited += await count_waiting(relay)
            await relay.stop()
    async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="0") as relay:
        await until(partial(is_nothing_waiting, relay))
        found = await fetch_ids(relay.url, kept)
    assert (len(found), set(found)) == (len(kept), kept), f"seed {seed}"
    # Else no kill came between an OK and its batch.
    assert waited > 0, f"seed {seed}"
