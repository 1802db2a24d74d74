"""What a seized disk says of the order in which notes came, where they are published at once: until the night all, then nothing."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from relay.protocol.event import Event
from relay.verify.form_bound import compute_signed_id
from tests.support import forensics
from tests.support.client import Client
from tests.support.disk_orders import find_orders, find_worst
from tests.support.events import KEYS, make_ring_note
from tests.support.processes import serve
from tests.support.rewriting import rewrite

pytestmark = pytest.mark.serial

# Of so many in an order by chance, the correlation is above 0.3 once in millions of times; where some stand in a file twice, once
# in fifty thousand.
_NOTES = 300
_CHANCE = 0.3
# What names a note in the rows of each table.
_COLUMNS = {
    "notes": "id",
    "tags": "note_id",
    "ring_members": "note_id",
    "spent_signatures": "signed_id",
    "answers": "note_id",
}

# Names in the order of xmin, and of ctid, by table.
Orders = dict[str, tuple[list[str], list[str]]]


@dataclass
class Seized:
    """The database's directory before and after the night, the tables' orders, and when it was."""

    before: Path
    after: Path
    orders_before: Orders
    orders_after: Orders
    rewritten_at: float
    answers: list[str]
    signatures: list[str]

    def arrived(self, table: str) -> list[str]:
        return self.signatures if table == "spent_signatures" else self.answers


@pytest.fixture(scope="module")
def seized(shared_reachable_directory: Path) -> Seized:
    return asyncio.run(_post_and_seize(shared_reachable_directory))


async def _post_and_seize(directory: Path) -> Seized:
    answers, versions = [_make_answer(n) for n in range(_NOTES)], [_make_version(n) for n in range(_NOTES + 1)]
    settings = {
        "LIMITS__RING_LINKS_PER_S": "1000000",
        "LIMITS__ROWS_PER_S": "1000000",
        "LIMITS__EVENTS_PER_S": "100000",
        # The night comes when the test says so.
        "PRIVACY__REWRITE_AT_HOUR": "-1",
    }
    async with serve(directory, **settings) as relay:
        async with Client(relay.url) as client:
            for answer, version in zip(answers, versions, strict=False):
                await client.publish_all(answer, version)
            # Each version replaces the one before, whose signature stays used.
            await client.publish_all(versions[-1])
        connection = await asyncpg.connect(**relay.connect_arguments())
        orders_before = await _read_orders(connection)
        await connection.execute("CHECKPOINT")
        before = forensics.seize(relay.data_dir, directory / "before")
        # As the relay does within minutes.
        await connection.execute("DELETE FROM feed")
        rewritten_at = time.time()
        await rewrite(relay.connect_arguments())
        orders_after = await _read_orders(connection)
        await connection.close()
        after = forensics.seize(relay.data_dir, directory / "after")
    return Seized(
        before,
        after,
        orders_before,
        orders_after,
        rewritten_at,
        [answer.id for answer in answers],
        [compute_signed_id(version) for version in versions[:-1]],
    )


def _make_answer(number: int) -> Event:
    # What rows are sorted by must not be the order itself.
    target = hashlib.sha256(str(number).encode()).hexdigest()
    # Some are so long that Postgres keeps them beside the table.
    words = str(number) if number % 4 else " ".join(str(n * number) for n in range(4_000))
    return make_ring_note(words, kind=7, scope=f"7:{target}", tags=(("e", target),), created_at=1_700_000_000)


def _make_version(number: int) -> Event:
    at = 1_700_000_000 + number
    return make_ring_note(str(number), kind=30_023, tags=(("d", "x"),), created_at=at, author=KEYS[61])


async def _read_orders(connection: asyncpg.Connection) -> Orders:
    orders: Orders = {}
    for table, column in _COLUMNS.items():
        # A table of two files: what lies in the second one lies behind.
        both = [
            await connection.fetch(f"SELECT {column} AS name FROM {table} ORDER BY {order}")
            for order in ("xmin::text::bigint", "tableoid, ctid")
        ]
        names = [list(dict.fromkeys(row["name"].hex() for row in rows)) for rows in both]
        orders[table] = (names[0], names[1])
    return orders


@pytest.mark.parametrize("table", _COLUMNS)
def test_after_the_night_neither_transaction_nor_place_of_a_row_says_when_it_came(seized: Seized, table: str) -> None:
    arrived = seized.arrived(table)
    before = [forensics.correlate(order, arrived) for order in seized.orders_before[table]]
    after = [forensics.correlate(order, arrived) for order in seized.orders_after[table]]
    print(
        f"{table}: correlation by xmin and ctid {before[0]:.3f}, {before[1]:.3f}; after {after[0]:+.2f}, {after[1]:+.2f}"
    )
    assert set(seized.orders_after[table][0]) >= set(arrived)
    # Until that night all of it is there: a test of the test.
    assert before[0] > 0.99
    # Sessions insert into pages of their own where there are several.
    assert before[1] > 0.5
    assert max(map(abs, after)) < _CHANCE


@pytest.mark.forensic("takes twenty seconds, alone")
def test_after_the_night_no_file_of_the_database_has_the_order_of_arrival_in_bytes_that_were_left(
    seized: Seized,
) -> None:
    for names in (seized.answers, seized.signatures):
        marks = {name: bytes.fromhex(name) for name in names}
        before, after = find_orders(seized.before, marks), find_orders(seized.after, marks)
        worst_before, worst_after = find_worst(before, names), find_worst(after, names)
        print(f"{len(before)} orders in files, the worst {worst_before}; after {len(after)}, the worst {worst_after}")
        assert worst_before[0] > 0.99
        assert after
        assert worst_after[0] < _CHANCE


def test_after_the_night_the_log_of_the_day_is_gone(seized: Seized) -> None:
    before = forensics.find_commit_times(forensics.read_wal(seized.before))
    assert len([at for at in before.values() if at < seized.rewritten_at]) >= 5
    after = forensics.find_commit_times(forensics.read_wal(seized.after))
    assert [at for at in after.values() if at < seized.rewritten_at] == []
