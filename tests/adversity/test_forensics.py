"""A seized disk says nothing of when a ring note came, nor in which order, once its batch is published."""

import asyncio
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from relay.protocol.event import Event
from tests.support import forensics
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.processes import ServeProcess, serve
from tests.support.waiting import until

pytestmark = pytest.mark.serial

_NOTES = 60
_PERIOD_S = 20
_TABLES = ("notes", "tags", "ring_members", "answers", "spent_signatures")


@dataclass
class Run:
    """Notes that were posted at known times, and the database's directory just before their batch, and just after it."""

    before: Path
    after: Path
    arrived: dict[str, float]
    notes: dict[str, Event]
    relations: dict[str, int]
    orders: dict[str, list[str]]
    published_at: float

    @property
    def order(self) -> list[str]:
        return sorted(self.arrived, key=self.arrived.__getitem__)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("forensics")
    # The built-in Postgres runs as another user.
    for parent in (directory, *directory.parents[:2]):
        parent.chmod(0o711)
    yield asyncio.run(_post_and_seize(directory))
    shutil.rmtree(directory, ignore_errors=True)


async def _post_and_seize(directory: Path) -> Run:
    settings = {"PRIVACY__PUBLISH_EVERY_S": str(_PERIOD_S), "LIMITS__RING_LINKS_PER_S": "1000000"}
    notes = [
        make_ring_note(f"note {number} " + "word " * random.randrange(100), created_at=1_700_000_000)
        for number in range(_NOTES)
    ]
    async with serve(directory, **settings) as relay:
        # All in one period.
        await asyncio.sleep(_PERIOD_S - time.time() % _PERIOD_S + 1)
        arrived: dict[str, float] = {}
        for note in notes:
            async with Client(relay.url) as client:
                assert (await client.publish(note))[0]
            arrived[note.id] = time.time()
            await asyncio.sleep(random.uniform(0.05, 0.3))
        # As somebody who could copy the disk all the time. Only the keys of that moment are not in the copy.
        before = forensics.seize(relay.data_dir, directory / "before")
        shutil.rmtree(directory / "before" / "keys")
        await asyncio.sleep(_PERIOD_S - time.time() % _PERIOD_S)
        published_at = time.time()
        async with Client(relay.url) as client:
            await until(lambda: _is_shown(client, len(notes)))
        await until(lambda: _is_nothing_held(relay))
        # The log goes last.
        await asyncio.sleep(2)
        connection = await asyncpg.connect(**relay.connect_arguments())
        relations = {
            row["relname"]: row["relfilenode"]
            for row in await connection.fetch("SELECT relname, relfilenode FROM pg_class")
        }
        orders = {table: await _read_order(connection, table) for table in _TABLES}
        await connection.close()
        after = forensics.seize(relay.data_dir, directory / "after")
    return Run(before, after, arrived, {note.id: note for note in notes}, relations, orders, published_at)


async def _is_shown(client: Client, count: int) -> bool:
    return len(await client.fetch({"limit": 500})) == count


async def _is_nothing_held(relay: ServeProcess) -> bool:
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        # Its key goes last.
        return (
            await connection.fetchval("SELECT count(*) FROM held_notes") == 0
            and len(list((relay.data_dir / "keys").iterdir())) == 1
        )
    finally:
        await connection.close()


async def _read_order(connection: asyncpg.Connection, table: str) -> list[str]:
    """Return the ids of a table's notes by transaction and place: xmin and ctid."""
    columns = {
        row["column_name"]
        for row in await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
    }
    column = "id" if "id" in columns else "note_id" if "note_id" in columns else None
    if column is None:
        return []
    rows = await connection.fetch(f"SELECT {column} AS id FROM {table} ORDER BY xmin::text::bigint, ctid")
    return list(dict.fromkeys(row["id"].hex() for row in rows if row["id"] is not None))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_no_byte_of_a_note_stands_in_the_log_beside_the_time_at_which_it_came(run: Run, moment: str) -> None:
    cluster: Path = getattr(run, moment)
    records = forensics.read_wal(cluster)
    found: dict[str, list[float]] = {name: [] for name in run.arrived}
    for marks in _list_marks(run):
        for name, times in forensics.date_by_bytes(cluster, records, marks).items():
            found[name] += [abs(at - run.arrived[name]) for at in times]
    errors_s = sorted(min(errors_s) for errors_s in found.values() if errors_s)
    # The batch itself is in the log, and no secret.
    until_batch_s = run.published_at - max(run.arrived.values())
    dated = [error_s for error_s in errors_s if error_s < until_batch_s]
    print(f"{moment} the batch, dated by bytes in the write-ahead log: {len(dated)} of {_NOTES}, {dated[:1]} s")
    assert dated == []


def _list_marks(run: Run) -> list[dict[str, bytes]]:
    """Return what stands for a note wherever it is written: id and key, as bytes and as hex, its signature and its words."""
    return [
        {name: bytes.fromhex(name) for name in run.arrived},
        {name: name.encode() for name in run.arrived},
        {name: bytes.fromhex(note.pubkey) for name, note in run.notes.items()},
        {name: note.pubkey.encode() for name, note in run.notes.items()},
        {name: note.sig.encode() for name, note in run.notes.items()},
        {name: note.content.encode() for name, note in run.notes.items()},
    ]


def test_no_order_in_the_tables_is_that_of_arrival(run: Run) -> None:
    assert set(run.orders["notes"]) == set(run.arrived)
    for table, order in run.orders.items():
        correlation = forensics.correlate(order, run.order)
        print(f"order of {table} and of arrival: correlation {correlation:+.2f}")
        # Of 60 in an order by chance it is above 0.5 once in ten thousand times.
        assert abs(correlation) < 0.5, table


def test_before_the_batch_the_log_says_that_something_came_and_of_one_length(run: Run) -> None:
    records = forensics.read_wal(run.before)
    held = run.relations["held_notes"]
    times = forensics.list_insert_times(records, held)
    lengths = {record.length for record in records if held in record.relations and "INSERT" in record.text}
    print(f"before the batch, rows that came: {len(times)}, lengths {sorted(lengths)}")
    # A test of the test: this is what it reads, and all that there is.
    assert len(times) == _NOTES
    assert len(lengths) <= 2


def test_after_the_batch_the_log_of_the_time_before_it_is_gone(run: Run) -> None:
    times = forensics.find_commit_times(forensics.read_wal(run.after))
    early = [at for at in times.values() if at < max(run.arrived.values())]
    print(f"after the batch, commits from before it in the log: {len(early)}")
    assert early == []
