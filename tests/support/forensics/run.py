"""One run: a relay in one of its profiles, notes at known times, and its disk seized before, after and once it has ended."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg

from relay.postgres.embedded.cluster import SUPERUSER
from tests.support.client import Client
from tests.support.forensics import views
from tests.support.forensics.disk import Seizure, seize_files
from tests.support.forensics.posting import Poster, Sent, make_notes
from tests.support.lightning_stubs import LndStub
from tests.support.paid import to_settings
from tests.support.processes import REPOSITORY, ServeProcess, find_free_port, serve
from tests.support.rewriting import rewrite
from tests.support.time_factor import scaled
from tests.support.waiting import until

# From the end of the posts to the batch, and from the batch until its log is gone.
_REST_S = 3.0
_LOG_S = 3.0


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
    # Whether the night comes after the notes: without batches, it takes their order away.
    is_rewritten: bool = False
    # How long nobody comes before the disk is seized.
    idle_s: float = 0.0

    def find_settings(self) -> dict[str, str]:
        """Return what the relay process is given."""
        settings = {
            "TIERS": '[{"path": "/"}]',
            "LIMITS__RING_LINKS_PER_S": "1000000",
            "LIMITS__MAX_CONNECTIONS_PER_NETWORK": "1000",
            "PRIVACY__PUBLISH_EVERY_S": str(self.batch_s),
            # The night comes when a profile says so.
            "PRIVACY__REWRITE_AT_HOUR": "-1",
        }
        if self.config:
            settings |= {"PRIVACY__MAX_WAIT_S": str(self.max_wait_s), "PRIVACY__MIN_BATCH": str(self.min_batch)}
            settings |= {"METRICS__SNAPSHOT_EVERY_S": str(self.batch_s / 3)}
        return settings


@dataclass
class Run:
    """What was sent, and what was seized at five moments.

    `blank` is before the first note, `before` just before the first batch, without the keys of that moment, `after` once all are
    shown, `flushed` when the server's memory is on the disk, and `stopped` when the relay has ended.
    """

    profile: Profile
    poster: Poster
    metrics: views.MetricsWatch
    seizures: dict[str, Seizure] = field(default_factory=dict)
    told: views.Told = field(default_factory=views.Told)
    published_at: float = 0.0
    written: dict[str, bytes] = field(default_factory=dict)

    @property
    def sent(self) -> dict[str, Sent]:
        return self.poster.sent

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
        run = Run(profile, poster, views.MetricsWatch(relay.private_port))

        def seize(moment: str) -> None:
            run.seizures[moment] = seize_files(relay.data_dir, directory / moment)

        seize("blank")
        async with _watching(run.metrics):
            until_s = await _wait_for_period(profile)
            await poster.post_all(notes, until_s - _REST_S, may_be_late=not profile.batch_s)
            # As somebody who can copy the disk all the time. Only the keys of that moment are not in the copy.
            seize("before")
            shutil.rmtree(directory / "before" / "keys", ignore_errors=True)
            await asyncio.sleep(max(0.0, until_s - time.time()))
            run.published_at = time.time()
            await until(lambda: _is_done(relay, len(run.sent)), 3.0 * profile.max_wait_s + 30.0)
        if profile.is_rewritten:
            await _let_night_pass(relay)
        # The log goes last.
        await asyncio.sleep(_LOG_S + profile.idle_s)
        seize("after")
        run.told = await views.ask(relay.connect_arguments(SUPERUSER), poster.make_needles())
        seize("flushed")
        await relay.stop()
        seize("stopped")
    run.written = {
        "the relay's log": relay.log.encode(),
        "what the relay printed": bytes(relay.printed),
        "the metrics": b"\n".join(run.metrics.texts),
    }
    return run


@asynccontextmanager
async def _watching(watch: views.MetricsWatch) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.keep_watching())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _let_night_pass(relay: ServeProcess) -> None:
    """Rewrite the tables as the relay does at night, once the feed is empty, as it is after minutes."""
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        await connection.execute("DELETE FROM feed")
    finally:
        await connection.close()
    await rewrite(relay.connect_arguments())


async def _wait_for_period(profile: Profile) -> float:
    """Wait for the begin of a period, and return its end (Unix seconds); without batches, when posting ends."""
    if not profile.batch_s:
        return time.time() + profile.posting_s
    await asyncio.sleep(profile.batch_s - time.time() % profile.batch_s + 0.5)
    return (time.time() // profile.batch_s + 1) * profile.batch_s


def choose_period(at_least_s: int) -> int:
    """Return an interval of batches that begins some seconds from now, so that a test need not wait for it."""
    ready_at = time.time() + 8
    at_least_s = int(scaled(at_least_s))
    return min(range(at_least_s, at_least_s + 12), key=lambda period: period - ready_at % period)


async def _is_done(relay: ServeProcess, count: int) -> bool:
    """Return whether all notes are shown, and nothing waits, not even the key under which it waited."""
    async with Client(relay.url) as client:
        if len(await client.fetch({"limit": 500})) != count:
            return False
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        waiting = await connection.fetchval("SELECT count(*) FROM held_notes")
        needed = {row["fingerprint"].hex() for row in await connection.fetch("SELECT fingerprint FROM sealing_keys")}
        return waiting == 0 and {path.stem for path in (relay.data_dir / "keys").glob("*")} == needed
    finally:
        await connection.close()
