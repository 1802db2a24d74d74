"""A round of the collector is bounded, however much is due: whoever else uses the relay has their turn in between."""

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg

from relay.storage.payments.invoices import MAX_AT_ONCE
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.paid import Shop, order, shop
from tests.support.waiting import until

SLICES = 40
A_PASS = 20


async def insert(connection: asyncpg.Connection, sold: Shop, state: str, count: int) -> None:
    """Insert invoices of the relay's node whose time has come: about those that are closed it is to be asked now."""
    assert sold.relay._payments is not None
    account = await sold.relay._payments._nodes.current.find_account()
    await connection.execute(
        """
        INSERT INTO invoices (reference, token, key, note_name, sealed, state, payment_hash, expires_at, forget_at, look_up_at,
                              is_cancel_tried, account)
        SELECT sha256(($1 || n)::bytea), substr(sha256(('t' || $1 || n)::bytea), 1, 16), 'some key',
               sha256(('n' || $1 || n)::bytea), '', $1, sha256(('h' || $1 || n)::bytea), 1, 1,
               CASE WHEN $1 = 'closed' THEN 0 END, true, $3
        FROM generate_series(1, $2::integer) AS n
        """,
        state,
        count,
        account,
    )


def count_look_ups(sold: Shop) -> int:
    return sum(head.startswith("GET /v1/invoice/") for head, _ in sold.node.heard)


async def test_a_note_is_stored_while_much_is_forgotten(database18: dict[str, Any], tmp_path: Path) -> None:
    connection = await asyncpg.connect(**database18)
    async with shop(database18, tmp_path) as sold, Client(sold.url) as client, Client(sold.cheap) as payer:
        payments = sold.relay._payments
        assert payments is not None
        # Its first round, at the start, is over.
        await payments.collector.delete_forgotten()
        await insert(connection, sold, "settled", SLICES * MAX_AT_ONCE)
        forgetting = asyncio.create_task(payments.collector.delete_forgotten())
        await client.publish_all(make_ring_note("free"))
        await order(payer, make_ring_note("to be paid for"))
        assert await connection.fetchval("SELECT count(*) FROM invoices WHERE state = 'settled'") > 0
        await forgetting
        assert await connection.fetchval("SELECT count(*) FROM invoices WHERE state = 'settled'") == 0
    await connection.close()


async def test_a_pass_asks_the_node_no_more_than_it_takes_and_drops_no_more(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    connection = await asyncpg.connect(**database18)
    async with shop(database18, tmp_path) as sold, Client(sold.url) as client, Client(sold.cheap) as payer:
        await insert(connection, sold, "closed", 5_000)
        began_s = time.monotonic()
        for number in range(20):
            await client.publish_all(make_ring_note(f"{number}"))
        offer = await order(payer, make_ring_note("paid for meanwhile"))
        await sold.node.pay(offer.bolt11)
        assert (await payer.next("OK"))[1]
        await until(lambda: count_look_ups(sold) > A_PASS)
        left = await connection.fetchval("SELECT count(*) FROM invoices WHERE state = 'closed'")
        passes = 1 + time.monotonic() - began_s
        # That of the payment is one more.
        assert 0 < count_look_ups(sold) <= A_PASS * passes + 1
        assert 5_000 > left >= 5_000 - A_PASS * passes
    await connection.close()
