"""A seized disk says nothing of when a ring note came, in which order, or from where, once its batch is published.

Notes come at known times from known addresses, and what the disk tells is compared with that. Of 240 notes in an order by
chance the correlation with another order is beyond 0.3 once in 300,000 times; 60 would be once in 50. Where a profile keeps an
order or a time by design, that it is found shows that the search finds what is there. `make forensic` prints all figures.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.protocol.event import Event
from tests.support.client import Client
from tests.support.events import make_event
from tests.support.forensics.findings import BY_THE_CLOCK, Findings, examine
from tests.support.forensics.run import Profile, Run, choose_period, run_profile
from tests.support.forensics.wal import list_segments
from tests.support.postgres_servers import Directories
from tests.support.processes import serve
from tests.support.waiting import until

pytestmark = [pytest.mark.serial, pytest.mark.timeout(900)]

_NOTES = 240
# Those of a day and those that the night has sorted are files of their own.
_TABLES = ("notes", "tags", "ring_members")
_MAX_CORRELATION = 0.3
# Packed into four bytes an address is found by chance.
_BY_CHANCE = 6
_LONG = pytest.mark.forensic("takes minutes")


@dataclass
class Examined:
    """A run, and what was found in it."""

    run: Run
    found: Findings


def _make_profile(name: str) -> Profile:
    if name == "default":
        return Profile(name)
    if name == "default, after the night":
        return Profile(name, is_rewritten=True)
    if name == "disclosure":
        period = choose_period(28)
        return Profile(name, batch_s=period, config="disclosure.toml", max_wait_s=period, min_batch=45)
    if name == "disclosure, two batches":
        return Profile(name, batch_s=60, config="disclosure.toml", max_wait_s=120, min_batch=45)
    return Profile(name, batch_s=60, is_priced=True)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("default", marks=_LONG),
        "disclosure",
        pytest.param("default, after the night", marks=_LONG),
        pytest.param("disclosure, two batches", marks=_LONG),
        pytest.param("priced, with batches", marks=_LONG),
    ],
)
def examined(request: pytest.FixtureRequest, directories: Directories) -> Iterator[Examined]:
    with directories.make() as directory:
        run = asyncio.run(run_profile(_make_profile(request.param), directory, _NOTES))
        assert len(run.sent) > _NOTES // 2, "the machine is too slow for one batch: set RELAY_TEST_TIME_FACTOR"
        found = examine(run)
        print(
            f"\n{request.param}: {len(run.sent)} notes, of which one waited {run.wait_s:.1f} s for the batch (median)"
        )
        print("\n".join(found.list_lines(len(run.sent))))
        yield Examined(run, found)


def test_no_order_that_is_found_is_that_of_arrival(examined: Examined) -> None:
    orders = examined.found.orders
    if examined.run.profile.name == "default":
        # Each note was a transaction of its own, and the night is to come.
        assert {orders[f"day_{table} by xmin and ctid, stopped"] > 0.99 for table in _TABLES} == {True}
        return
    if examined.run.profile.is_rewritten:
        # Who copied the log before that has the lengths.
        orders = {what: value for what, value in orders.items() if not what.endswith(", before")}
    assert {what: value for what, value in orders.items() if abs(value) >= _MAX_CORRELATION} == {}
    kept = "sorted_" if examined.run.profile.is_rewritten else "day_"
    assert {f"{kept}{table} by xmin and ctid, stopped" for table in _TABLES} <= orders.keys()


def test_no_note_is_dated_to_before_its_batch(examined: Examined) -> None:
    run, dated = examined.run, examined.found.dated
    if run.profile.is_rewritten:
        # Who copied the log before that has the times.
        assert dated["bytes in the log, after"] == dated["bytes in the log, stopped"] == []
        return
    if run.profile.name == "default":
        # The log has the time of each commit.
        assert len(dated["bytes in the log, after"]) == len(run.sent)
        assert len(dated["rows joined with all logs by xmin and xmax, stopped"]) == len(run.sent)
        return
    assert {what: errors for what, errors in dated.items() if errors} == {}
    # All that is left is the batch.
    assert run.wait_s >= run.profile.batch_s / 2 - 2


def test_after_the_batch_no_time_from_before_it_is_on_the_disk(examined: Examined) -> None:
    run, times = examined.run, examined.found.times
    # A test of the test: as long as they wait the log says that something came.
    assert times["commits in the log, before"] >= len(run.sent) * 0.9
    if run.profile.batch_s:
        assert times["commits in the log, after"] == times["commits in the log, stopped"] == 0
    # An invoice's row says when it is looked up next; which note it is for, nothing says.
    if run.profile.batch_s and not run.profile.is_priced:
        assert times["other files, after"] == times["other files, stopped"] == 0
        # But for what Postgres writes for itself.
        assert {name for name in examined.found.files if not name.endswith(BY_THE_CLOCK)} == set()
        assert times["statistics of the relay's tables"] == 0


def test_no_address_is_written_down_anywhere(examined: Examined) -> None:
    for what, (used, unused) in examined.found.addresses.items():
        assert used <= unused + (_BY_CHANCE if "files" in what else 0), what


def test_logs_statistics_and_metrics_name_no_note_and_change_no_sooner_than_they_say(examined: Examined) -> None:
    assert set(examined.found.named.values()) == {0}
    if examined.run.profile.config:
        assert examined.found.metrics_s > 0.8 * examined.run.profile.batch_s / 3


async def test_where_no_note_waits_the_log_is_dropped_by_the_clock_all_the_same(reachable_directory: Path) -> None:
    async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="5", ACCEPT__PLAIN="true") as relay:
        cluster = relay.data_dir / "postgres" / "cluster"

        def is_in_log(event: Event) -> bool:
            # A segment that is removed meanwhile has nothing any more.
            with contextlib.suppress(FileNotFoundError):
                return any(bytes.fromhex(event.id) in path.read_bytes() for path in list_segments(cluster))
            return False

        # Right after a batch, so that it is there for a while.
        await asyncio.sleep(5 - time.time() % 5 + 1)
        event = make_event(content="nobody else comes")
        async with Client(relay.url) as client:
            await client.publish_all(event)
        assert is_in_log(event)
        await until(lambda: not is_in_log(event))
