"""One run: a relay in one of its profiles, notes at known times, and its disk seized before, after and once it has ended."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from relay.postgres.embedded.cluster import SUPERUSER
from tests.support.client import Client
from tests.support.forensics import views
from tests.support.forensics.disk import Seizure, seize
from tests.support.forensics.heap import Relation
from tests.support.forensics.posting import Poster, Sent, make_notes
from tests.support.lightning_stubs import LndStub
from tests.support.paid import to_settings
from tests.support.processes import REPOSITORY, ServeProcess, find_free_port, serve
from tests.support.waiting import until

# From the end of the posts to the batch.
_REST_S = 3.0


@dataclass(frozen=True)
class Profile:
    """How a relay is set up. `batch_s` is the interval of its batches, 0 without any; in it notes come for `posting_s`."""

    name: str
    batch_s: int = 0
    posting_s: float = 10.0
    is_priced: bool = False
    # Of deploy/; its intervals are shortened in proportion, as a run is.
    config: str = ""
    max_wait_s: int = 0
    min_batch: int = 0
    # How long nobody comes before the disk is seized.
    idle_s: float = 0.0

    def find_settings(self) -> dict[str, str]:
        """Return what the relay process is given."""
        settings = {
            "TIERS": '[{"path": "/"}]',
            "LIMITS__RING_LINKS_PER_S": "1000000",
            "LIMITS__MAX_CONNECTIONS_PER_NETWORK": "1000",
            "PRIVACY__PUBLISH_EVERY_S": str(self.batch_s),
        }
        if self.config:
            settings |= {"PRIVACY__MAX_WAIT_S": str(self.max_wait_s), "PRIVACY__MIN_BATCH": str(self.min_batch)}
            settings |= {"METRICS__SNAPSHOT_EVERY_S": str(self.batch_s / 3)}
        return settings


@dataclass
class Run:
    """What was sent, and what was seized. `before` is just before the first batch, without the keys of that moment."""

    profile: Profile
    sent: dict[str, Sent]
    poster: Poster
    blank: Seizure
    before: Seizure
    after: Seizure
    flushed: Seizure
    stopped: Seizure
    relations: dict[int, Relation]
    numbers: dict[str, dict[str, Any]]
    statistics: str
    metrics: views.MetricsWatch
    published_at: float
    written: dict[str, bytes]

    @property
    def arrived(self) -> dict[str, float]:
        return {name: sent.at for name, sent in self.sent.items()}

    @property
    def wait_s(self) -> float:
        """Return for how long a note waited for the first batch, as the median says it."""
        return median(self.published_at - at for at in self.arrived.values())

    @property
    def first(self) -> float:
        return min(self.arrived.values())

    @property
    def last(self) -> float:
        return max(self.arrived.values())


@asynccontextmanager
async def serving(profile: Profile, directory: Path) -> AsyncIterator[tuple[ServeProcess, Poster]]:
    """Run a relay in a profile, and give somebody who posts there."""
    if profile.config:
        shutil.copyfile(REPOSITORY / "deploy" / profile.config, directory / "relay.toml")
    proxy_port = find_free_port()
    settings = {**profile.find_settings(), "SERVER__PROXY_PORT": str(proxy_port)}
    node = None
    if profile.is_priced:
        (directory / "lnd").mkdir()
        node = LndStub(directory / "lnd")
    async with node.running() if node is not None else contextlib.nullcontext():
        if node is not None:
            settings |= to_settings(node)
        async with serve(directory, **settings) as relay:
            yield relay, Poster(relay.url, proxy_port, node)


async def run_profile(profile: Profile, directory: Path, count: int) -> Run:
    """Post so many notes on a relay in a profile, and seize its disk."""
    notes = make_notes(count)
    async with serving(profile, directory) as (relay, poster):
        blank = seize(relay.data_dir, directory / "blank")
        watch = views.MetricsWatch(relay.private_port)
        watching = asyncio.create_task(watch.keep_watching())
        until_s = await _wait_for_period(profile)
        await poster.post_all(notes, until_s - _REST_S)
        # As somebody who can copy the disk all the time. Only the keys of that moment are not in the copy.
        before = seize(relay.data_dir, directory / "before")
        shutil.rmtree(before.place / "keys", ignore_errors=True)
        await asyncio.sleep(max(0.0, until_s - time.time()))
        published_at = time.time()
        await until(lambda: _is_done(relay, len(poster.sent)), 3.0 * profile.max_wait_s + 30.0)
        watching.cancel()
        await asyncio.wait([watching])
        # The log goes last.
        await asyncio.sleep(3 + profile.idle_s)
        after = seize(relay.data_dir, directory / "after")
        marks = poster.make_needles()
        connection = await asyncpg.connect(**relay.connect_arguments(SUPERUSER))
        try:
            relations = await views.list_relations(connection)
            numbers = await views.read_numbers(connection, marks)
            statistics = await views.read_statistics(connection)
            # All that is in the server's memory goes to its files.
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()
        flushed = seize(relay.data_dir, directory / "flushed")
        await relay.stop()
        stopped = seize(relay.data_dir, directory / "stopped")
        written = {
            "the relay's log": relay.log.encode(),
            "what the relay printed": bytes(relay.printed),
            "the metrics": b"\n".join(watch.texts),
        }
    return Run(
        profile,
        poster.sent,
        poster,
        blank,
        before,
        after,
        flushed,
        stopped,
        relations,
        numbers,
        statistics,
        watch,
        published_at,
        written,
    )


async def _wait_for_period(profile: Profile) -> float:
    """Wait for the begin of a period, and return its end (Unix seconds); without batches, when posting ends."""
    if not profile.batch_s:
        return time.time() + profile.posting_s
    await asyncio.sleep(profile.batch_s - time.time() % profile.batch_s + 0.5)
    return (time.time() // profile.batch_s + 1) * profile.batch_s


def choose_period(at_least_s: int) -> int:
    """Return an interval of batches that begins some seconds from now, so that a test need not wait for it."""
    ready_at = time.time() + 8
    return min(range(at_least_s, at_least_s + 12), key=lambda period: period - ready_at % period)


async def _is_done(relay: ServeProcess, count: int) -> bool:
    """Return whether all notes are shown, and nothing waits, not even the key under which it waited."""
    async with Client(relay.url) as client:
        if len(await client.fetch({"limit": 500})) != count:
            return False
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        keys = list((relay.data_dir / "keys").glob("*"))
        return await connection.fetchval("SELECT count(*) FROM held_notes") == 0 and len(keys) <= 1
    finally:
        await connection.close()
