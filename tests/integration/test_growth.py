"""What a statement costs does not grow with the store: none reads a whole table, as Postgres' own counters say."""

from pathlib import Path
from typing import Any

import asyncpg

from relay.limits import InternalLimits
from tests.support.client import Client
from tests.support.events import make_event, make_ring_note
from tests.support.growth import DUE, STORED, fill, read_final_counters, subtract, until_rewritten, use_everything
from tests.support.paid import Shop, order, shop
from tests.support.relays import OPEN_HOUSE, read_metric
from tests.support.waiting import until

# What all steps below read of one table by its indexes. To read a large table once is more.
MOST_READ = 2 * STORED // 3


async def displace(sold: Shop) -> None:
    """Order where no more may be open, so that an order that was left behind goes."""
    made = len(sold.node.made)
    async with Client(sold.cheap) as client:
        for number in range(2):
            await order(client, make_event(content=f"left behind, {number}"))
    await until(lambda: read_metric(sold.relay, "ringrelay_connections") == 0)
    async with Client(sold.cheap) as client:
        await order(client, make_event(content="a third"))
    assert sum(one.cancelled for one in sold.node.made[made:]) == 1


async def make_due(arguments: dict[str, Any], sold: Shop) -> None:
    """Say of some closed invoices that this relay's node made them; their turn has come."""
    assert sold.relay._payments is not None
    account = await sold.relay._payments._nodes.current.find_account()
    connection = await asyncpg.connect(**arguments)
    await connection.execute("SET enable_seqscan = off")
    await connection.execute("UPDATE invoices SET account = $1 WHERE state = 'closed' AND look_up_at = 0", account)
    await connection.close()


def count_look_ups(sold: Shop) -> int:
    return sum(head.startswith("GET /v1/invoice/") for head, _ in sold.node.heard)


async def test_nothing_that_clients_do_reads_a_table_that_grows(database18: dict[str, Any], tmp_path: Path) -> None:
    # It reads a first row of every table on purpose.
    internal = InternalLimits(
        delete_expired_every_s=0.2,
        prune_feed_every_s=0.2,
        mask_statistics_every_s=3_600.0,
        # A round at the start, and one of the test's own.
        forget_payments_every_s=3_600.0,
    )
    await fill(database18)
    filled = await read_final_counters(database18)
    # To write the tables of payments into new files reads them.
    async with shop(database18, tmp_path, internal=internal, window={"max_mib": 0}, **OPEN_HOUSE) as sold:
        await until_rewritten(sold)
    started = await read_final_counters(database18)
    lightning, invoices = {"max_look_ups_per_s": 200.0}, {"max_open": 2}
    # Every question goes to the database.
    house = {**OPEN_HOUSE, "window": {"max_mib": 0}}
    async with shop(database18, tmp_path, internal=internal, lightning=lightning, invoices=invoices, **house) as sold:
        await until_rewritten(sold)
        await use_everything(sold, make_ring_note("a ring note"))
        await displace(sold)
        await make_due(database18, sold)
        await until(lambda: count_look_ups(sold) >= DUE)
        assert sold.relay._payments is not None
        await sold.relay._payments.collector.delete_forgotten()
    used = await read_final_counters(database18)
    start, all_ = subtract(started, filled), subtract(used, started)
    for table, (scans, rows, by_index) in all_.items():
        # The tables of payments are written into new files at the start, and perhaps once more after an order has gone.
        assert scans in (start[table][0], 2 * start[table][0]), table
        assert rows <= scans * (2 * STORED + 3 * DUE), table
        assert by_index < MOST_READ, table
