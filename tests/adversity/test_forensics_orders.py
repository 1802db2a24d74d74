"""A seized disk says nothing of when a note was ordered, once it is published and its order forgotten: not even a copied log."""

import asyncio
import contextlib
import random
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from relay.pricing.offer import Offer
from relay.protocol.event import Event
from relay.storage.sealing import SealingKey
from tests.support import forensics
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.paid import order
from tests.support.payment_run import Run, selling
from tests.support.waiting import until

pytestmark = [pytest.mark.serial, pytest.mark.forensic("takes more than a minute")]

_ORDERS = 30
_PERIOD_S = 30
_COPY_EVERY_S = 0.3
_PATHS = ("/1k", "/10k")
# Their rows, and where their larger values lie.
_TABLES = ("unpaid_notes", "invoices")
# The same whatever is sold: written when a relay starts, of what its operator asks.
_CONSTANT = ("schema_migrations", "settlement_cursors.account", "tier_prices", "last_rewrite")


@dataclass
class Seized:
    """Notes that were ordered and paid for at known times, the log that was copied all the while, and the disk at the end."""

    copied: Path
    disk: Path
    began_at: float
    notes: dict[str, Event]
    tiers: dict[str, str]
    ordered: dict[str, float]
    paid: dict[str, float]
    published_at: float
    relations: dict[str, list[int]]
    # Of the process that wrote the rows, which the disk does not have any more.
    keys: list[bytes]
    last_transaction: int
    transactions: dict[str, set[int]]
    values: dict[str, list[bytes]]
    order: list[str]

    @property
    def by_order(self) -> list[str]:
        return sorted(self.ordered, key=self.ordered.__getitem__)

    @property
    def by_payment(self) -> list[str]:
        return sorted(self.paid, key=self.paid.__getitem__)


@pytest.fixture(scope="module")
def seized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seized]:
    directory = tmp_path_factory.mktemp("forensics")
    # The built-in Postgres runs as another user.
    for parent in (directory, *directory.parents[:2]):
        parent.chmod(0o711)
    yield asyncio.run(_sell_and_seize(directory))
    shutil.rmtree(directory, ignore_errors=True)


async def _sell_and_seize(directory: Path) -> Seized:
    node_directory = directory / "node"
    node_directory.mkdir()
    settings = {"PRIVACY__PUBLISH_EVERY_S": str(_PERIOD_S), "LIMITS__RING_LINKS_PER_S": "1000000"}
    notes = [
        make_ring_note(f"note {number} " + "word " * random.randrange(100), created_at=1_700_000_000)
        for number in range(_ORDERS)
    ]
    async with selling(directory, node_directory, **settings) as run:
        began_at = time.time()
        cluster = run.served.data_dir / "postgres" / "cluster"
        async with _copying(cluster, directory / "copied"):
            offers: dict[str, Offer] = {}
            tiers: dict[str, str] = {}
            ordered: dict[str, float] = {}
            paid: dict[str, float] = {}
            for note in notes:
                tiers[note.id] = random.choice(_PATHS)
                async with run.connect(tiers[note.id]) as client:
                    offers[note.id] = await order(client, note)
                ordered[note.id] = time.time()
                await asyncio.sleep(random.uniform(0.05, 0.3))
            relations = await _list_relations(run)
            keys = [path.read_bytes() for path in (run.served.data_dir / "keys").iterdir()]
            # All are paid for within one period.
            await asyncio.sleep(_PERIOD_S - time.time() % _PERIOD_S + 1)
            for note in random.sample(notes, len(notes)):
                await run.node.pay(offers[note.id].bolt11)
                await until(partial(_is_settled, run, len(paid) + 1))
                paid[note.id] = time.time()
            last_transaction = int((await run.query("SELECT pg_current_xact_id()::text"))[0][0])
            await asyncio.sleep(_PERIOD_S - time.time() % _PERIOD_S)
            published_at = time.time()
            async with Client(run.served.url) as client:
                await until(lambda: _is_shown(client))
            # Until what links payments and notes is forgotten.
            run.wait(30 * 3_600)
            await until(lambda: run.is_empty("invoices"))
            await until(lambda: not {path.read_bytes() for path in _list_keys(run)} & set(keys))
            await asyncio.sleep(2 * _COPY_EVERY_S)
            books = await run.read_books()
            transactions = {table: await run.read_transactions(table) for table in _list_tables(books)}
            stored = await run.query("SELECT id FROM notes ORDER BY xmin::text::bigint, ctid")
            disk = forensics.seize(run.served.data_dir, directory / "disk")
    return Seized(
        directory / "copied",
        disk,
        began_at,
        {note.id: note for note in notes},
        tiers,
        ordered,
        paid,
        published_at,
        relations,
        keys,
        last_transaction,
        transactions,
        books,
        [row["id"].hex() for row in stored],
    )


@asynccontextmanager
async def _copying(cluster: Path, place: Path) -> AsyncIterator[None]:
    """Copy the write-ahead log all the while: as a backup would, or somebody who watches the disk."""
    (place / "pg_wal").mkdir(parents=True)

    def copy() -> None:
        for segment in forensics.list_segments(cluster):
            copied = place / "pg_wal" / segment.name
            with contextlib.suppress(FileNotFoundError):
                if not copied.exists() or copied.stat().st_mtime < segment.stat().st_mtime:
                    shutil.copy2(segment, copied)

    async def keep_copying() -> None:
        while True:
            await asyncio.to_thread(copy)
            await asyncio.sleep(_COPY_EVERY_S)

    task = asyncio.create_task(keep_copying())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        copy()


def _list_keys(run: Run) -> list[Path]:
    return list((run.served.data_dir / "keys").iterdir())


def _list_tables(books: dict[str, list[bytes]]) -> set[str]:
    return {place.partition(".")[0] for place in books}


async def _list_relations(run: Run) -> dict[str, list[int]]:
    """Return the files of the tables of orders, each with that of its larger values."""
    rows = await run.query(
        """
        SELECT c.relname, c.relfilenode AS own, t.relfilenode AS toast
        FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relname = ANY($1::text[])
        """,
        list(_TABLES),
    )
    return {row["relname"]: [row["own"], row["toast"]] for row in rows}


async def _is_settled(run: Run, count: int) -> bool:
    return len(await run.query("SELECT 1 FROM invoices WHERE state = 'settled'")) == count


async def _is_shown(client: Client) -> bool:
    return len(await client.fetch({"limit": 500})) == _ORDERS


def test_no_byte_of_a_note_stands_in_the_log_beside_the_time_at_which_it_was_ordered(seized: Seized) -> None:
    records = forensics.read_wal(seized.copied)
    dated = {}
    for marks in _list_marks(seized):
        for name, times in forensics.date_by_bytes(seized.copied, records, marks).items():
            early = [at for at in times if at < seized.published_at]
            if early:
                dated[name] = min(abs(at - seized.ordered[name]) for at in early)
    print(
        f"dated by bytes in a log that was copied: {len(dated)} of {_ORDERS}, {max(dated.values(), default=0.0):.3f} s at most"
    )
    assert dated == {}


def _list_marks(seized: Seized) -> list[dict[str, bytes]]:
    """Return what stands for a note wherever it is written."""
    notes = seized.notes
    return [
        {name: bytes.fromhex(name) for name in notes},
        {name: name.encode() for name in notes},
        {name: bytes.fromhex(note.pubkey) for name, note in notes.items()},
        {name: note.pubkey.encode() for name, note in notes.items()},
        {name: note.sig.encode() for name, note in notes.items()},
        {name: note.content.encode() for name, note in notes.items()},
    ]


def test_with_the_keys_of_that_time_the_copied_log_names_all_of_them(seized: Seized) -> None:
    """A test of the test: this is what the log holds, and what the disk lacks."""
    records = forensics.read_wal(seized.copied)
    errors_s: dict[str, list[float]] = {name: [] for name in seized.notes}
    for key in map(SealingKey, seized.keys):
        marks = {name: key.name(bytes.fromhex(name)) for name in seized.notes}
        for name, times in forensics.date_by_bytes(seized.copied, records, marks).items():
            errors_s[name] += [abs(at - seized.ordered[name]) for at in times]
    dated = [min(found) for found in errors_s.values() if found]
    print(f"dated with the keys of that time: {len(dated)} of {_ORDERS}, {max(dated):.3f} s at most")
    assert len(dated) == _ORDERS
    assert max(dated) < 5
    files = [path.read_bytes() for path in seized.disk.parents[1].rglob("*") if path.is_file()]
    assert [key for key in seized.keys for data in files if key in data] == []


def test_no_length_tells_which_tier_or_note_was_ordered(seized: Seized) -> None:
    records = forensics.read_wal(seized.copied)
    times = forensics.find_commit_times(records)
    for table, relations in seized.relations.items():
        lengths: dict[str, Counter[int]] = {path: Counter() for path in _PATHS}
        for record in records:
            if (
                set(relations) & set(record.relations)
                and record.text.startswith("INSERT")
                and record.transaction in times
            ):
                name = _find_ordered(seized, times[record.transaction])
                lengths[seized.tiers[name]][record.length] += 1
        print(f"lengths of what was inserted into {table}, by tier: {lengths}")
        # What begins a page now and then has another one, whatever is ordered.
        usual = [length for length, count in sum(lengths.values(), Counter()).items() if count >= _ORDERS // 3]
        assert usual
        assert [length for length in usual if not all(counts[length] for counts in lengths.values())] == []
        assert sum(counts[length] for counts in lengths.values() for length in usual) >= 0.9 * sum(
            sum(counts.values()) for counts in lengths.values()
        )


def _find_ordered(seized: Seized, at: float) -> str:
    """Return which note was ordered at about this time: its answer came after the commit."""
    return min(seized.ordered, key=lambda name: (seized.ordered[name] < at - 0.001, abs(seized.ordered[name] - at)))


def test_no_price_and_no_invoice_stands_in_the_log_before_the_batch(seized: Seized) -> None:
    records = forensics.read_wal(seized.copied)
    marks = {path: path.encode() for path in _PATHS} | {"BOLT 11": b"lnbcrt"}
    found = forensics.date_by_bytes(seized.copied, records, marks)
    # Before the relay was ready stands what its operator asks, by path.
    early = {name: sum(seized.began_at < at < seized.published_at for at in times) for name, times in found.items()}
    print(f"records before the batch that name a tier, or hold an invoice: {early}")
    assert set(early.values()) == {0}


def test_nothing_that_the_tables_hold_joins_a_note_with_its_order(seized: Seized) -> None:
    records = forensics.read_wal(seized.copied)
    # By values: whatever stands in a table at the end, and stood in the log before the batch.
    values = {
        f"{place} {value.hex()}": value
        for place, column in seized.values.items()
        for value in column
        if len(value) >= 16 and not place.startswith(_CONSTANT)
    }
    found = forensics.date_by_bytes(seized.copied, records, values)
    early = {name.partition(" ")[0] for name, times in found.items() if any(at < seized.published_at for at in times)}
    print(f"columns with a value of before the batch: {sorted(early)}, of {len(values)} values")
    assert len(values) > 7 * _ORDERS
    assert early == set()
    # By transactions: no row of any table is of one that ordered or paid.
    old = {
        table: min(written)
        for table, written in seized.transactions.items()
        if written and table not in _CONSTANT and min(written) <= seized.last_transaction
    }
    print(f"tables with rows of transactions from before the batch: {sorted(old)}")
    assert old == {}


@pytest.mark.parametrize("moment", ["order", "payment"])
def test_no_order_in_the_tables_is_that_of_orders_or_of_payments(seized: Seized, moment: str) -> None:
    assert set(seized.order) == set(seized.notes)
    correlation = forensics.correlate(seized.order, seized.by_order if moment == "order" else seized.by_payment)
    print(f"order of notes and of {moment}s: correlation {correlation:+.2f}")
    # Of 30 in an order by chance it is above 0.65 once in ten thousand times.
    assert abs(correlation) < 0.65
