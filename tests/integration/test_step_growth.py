"""Each verb, step of a payment and tick by itself: what it reads of each table by Postgres' own counters, in a store that is full.

A relay runs for each, as a server process tells of its last statements when it ends.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from relay.limits import InternalLimits
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of
from tests.support.growth import fill, list_filters, read_final_counters, subtract, until_rewritten
from tests.support.paid import Shop, order, shop
from tests.support.raw import get, port_of
from tests.support.relays import OPEN_HOUSE

# Of 12,000 notes. A page gives five, and an order looks a dozen rows up.
MOST_READ = 200
# Of 12,000: a round counts those that were closed, up to a thousand, and looks up those that are due. There is one at each start.
MOST_OF_INVOICES = 2 * 1_250 + MOST_READ
RING_NOTE = make_ring_note("a ring note")
PLAIN = make_event(content="a plain note", tags=(("t", "new"),))


async def publish(sold: Shop) -> None:
    async with Client(sold.url) as client:
        await client.publish_all(PLAIN)


async def publish_ring_note(sold: Shop) -> None:
    async with Client(sold.url) as client:
        await client.publish_all(RING_NOTE)


async def publish_again(sold: Shop) -> None:
    async with Client(sold.url) as client:
        await client.publish_all(PLAIN, RING_NOTE)


async def replace(sold: Shop) -> None:
    async with Client(sold.url) as client:
        for age in (1, 0):
            await client.publish_all(make_event(kind=30_023, tags=(("d", "x"),), created_at=int(time.time()) - age))


async def delete(sold: Shop) -> None:
    async with Client(sold.url) as client:
        await client.publish_all(make_event(kind=5, tags=(("e", PLAIN.id), ("a", f"30023:{pubkey_of(KEYS[0])}:x"))))


async def count(sold: Shop) -> None:
    async with Client(sold.url) as client:
        for filter_ in ({"#t": ["7"]}, {"search": f"ring:{pubkey_of(KEYS[0])}"}, {"ids": [RING_NOTE.id]}):
            await client.send("COUNT", "count", filter_)
            assert (await client.next("COUNT"))[1]["count"] == 1


async def read_file(sold: Shop) -> None:
    assert (await get(port_of(sold.url), f"/note/{RING_NOTE.id}.json"))[0] == 200


async def buy(sold: Shop) -> None:
    async with Client(sold.cheap) as client:
        offer = await order(client, make_event(content="paid for"))
        await sold.node.pay(offer.bolt11)
        assert (await client.next("OK"))[1]


async def withdraw(sold: Shop) -> None:
    async with Client(sold.cheap) as client:
        withdrawn = make_event(content="thought better of it")
        await order(client, withdrawn)
        await client.publish_all(make_event(kind=5, content="", tags=(("e", withdrawn.id),)))


async def forget_payments(sold: Shop) -> None:
    assert sold.relay._payments is not None
    await sold.relay._payments.collector.delete_forgotten()


async def idle(_: Shop) -> None:
    """Do nothing: what a start and an end read."""


def ask(filter_: dict[str, Any]) -> Callable[[Shop], Awaitable[None]]:
    async def ask_it(sold: Shop) -> None:
        async with Client(sold.url) as client:
            assert await client.fetch(filter_), filter_

    ask_it.__name__ = f"ask {filter_}"
    return ask_it


STEPS: list[Callable[[Shop], Awaitable[None]]] = [
    publish,
    publish_ring_note,
    publish_again,
    replace,
    *map(ask, list_filters(RING_NOTE)),
    count,
    read_file,
    delete,
    buy,
    withdraw,
    forget_payments,
]


async def test_no_step_reads_more_than_its_rows(database18: dict[str, Any], tmp_path: Path) -> None:
    # Ticks of a fifth of a second are in all of them; the masking of statistics reads a row of every table on purpose. Nothing is
    # answered from memory.
    internal = InternalLimits(
        delete_expired_every_s=0.2,
        prune_feed_every_s=0.2,
        mask_statistics_every_s=3_600.0,
        forget_payments_every_s=3_600.0,
    )
    await fill(database18)
    last = await read_final_counters(database18)
    start: dict[str, tuple[int, int, int]] = {}
    # The first start rewrites what the fill left.
    for step in (idle, idle, *STEPS):
        async with shop(database18, tmp_path, internal=internal, window={"max_mib": 0}, **OPEN_HOUSE) as sold:
            await until_rewritten(sold)
            await step(sold)
        counters = await read_final_counters(database18)
        used, last = subtract(counters, last), counters
        if step is idle:
            start = used
            continue
        for table, (scans, _, by_index) in used.items():
            # A start writes the tables of payments into new files, and so does an order that has gone.
            assert scans in (start[table][0], 2 * start[table][0]), (step.__name__, table)
            most = MOST_OF_INVOICES if table == "invoices" else MOST_READ
            assert by_index - start[table][2] < most, (step.__name__, table, by_index, start[table][2])
