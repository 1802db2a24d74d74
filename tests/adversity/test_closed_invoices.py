"""A hundred thousand invoices that nobody paid and the node could not cancel: a REQ is answered as fast as with none."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.client import Client
from tests.support.events import KEYS, make_event
from tests.support.lightning_stubs import LndStub
from tests.support.lightning_stubs.node import StubNode
from tests.support.paid import reopened
from tests.support.postgres_servers import PostgresServer
from tests.support.relays import OPEN_HOUSE

_CLOSED = 100_000
# Of these the time has come: each is looked up, then dropped.
_OVER = 2_000
_NOTES = 1_000
_ROUNDS = 4
_ROUND_S = 8.0
_MAX_RATIO = 1.5


async def _store_notes(arguments: dict[str, Any], node: StubNode) -> str:
    """Store notes, and return the account of the relay's node."""
    notes = [make_event(key=KEYS[n % 40], content=f"{n}", created_at=1_700_000_000 + n) for n in range(_NOTES)]
    async with reopened(arguments, node, **OPEN_HOUSE) as sold, Client(sold.url) as client:
        for note in notes:
            await client.publish_all(note)
        assert sold.relay._payments is not None
        return await sold.relay._payments._nodes.current.find_account()


async def _insert_closed(arguments: dict[str, Any], account: str) -> None:
    connection = await asyncpg.connect(**arguments)
    await connection.execute(
        """
        INSERT INTO invoices (reference, token, key, note_name, sealed, state, payment_hash, expires_at, forget_at,
                              look_up_at, is_cancel_tried, account)
        SELECT sha256(n::text::bytea), substr(sha256(('t' || n)::bytea), 1, 16), 'some key', sha256(('n' || n)::bytea),
               decode(repeat('ab', 168), 'hex'), 'closed', sha256(('h' || n)::bytea), 1700000000,
               CASE WHEN n <= $2 THEN 1700000000 ELSE 2000000000 END, 0, true, $3
        FROM generate_series(1, $1::integer) AS n
        """,
        _CLOSED,
        _OVER,
        account,
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _measure(arguments: dict[str, Any], node: StubNode) -> tuple[list[float], list[float]]:
    """Return how long REQs and, beside them, orders take (ms) in a relay's first seconds, in which it rewrites tables, too."""
    reqs: list[float] = []
    orders: list[float] = []
    async with (
        reopened(arguments, node, invoices={"max_open_per_connection": 1_000}, **OPEN_HOUSE) as sold,
        Client(sold.url) as reader,
        Client(sold.cheap) as payer,
    ):
        until_s = time.monotonic() + _ROUND_S
        while time.monotonic() < until_s:
            for _ in range(20):
                began_s = time.perf_counter()
                assert len(await reader.fetch({"kinds": [1], "limit": 10})) == 10
                reqs.append(1_000 * (time.perf_counter() - began_s))
                await asyncio.sleep(0.005)
            began_s = time.perf_counter()
            # While tables are rewritten, it may be refused.
            await payer.publish(make_event(content=f"{began_s}"))
            orders.append(1_000 * (time.perf_counter() - began_s))
    return reqs, orders


def _describe(took_ms: list[float]) -> str:
    return f"median {statistics.median(took_ms):.1f}, p95 {_find_p95(took_ms):.1f}, worst {max(took_ms):.0f} ms"


def _find_p95(took_ms: list[float]) -> float:
    return statistics.quantiles(took_ms, n=20)[-1]


@pytest.mark.serial
@pytest.mark.more("takes two minutes")
async def test_a_hundred_thousand_closed_invoices_make_no_req_slower(
    postgres_server18: PostgresServer, tmp_path: Path
) -> None:
    took: dict[str, tuple[list[float], list[float]]] = {"none": ([], []), "all": ([], [])}
    node = LndStub(tmp_path)
    async with node.running(), postgres_server18.database() as none, postgres_server18.database() as all_:
        for arguments in (none, all_):
            account = await _store_notes(arguments, node)
        await _insert_closed(all_, account)
        for _ in range(_ROUNDS):
            for name, arguments in (("none", none), ("all", all_)):
                for figures, measured in zip(took[name], await _measure(arguments, node), strict=True):
                    figures += measured
    for name, (reqs, orders) in took.items():
        print(f"{_CLOSED if name == 'all' else 0} closed: REQ {_describe(reqs)}; order {_describe(orders)}")
    none_ms, all_ms = (_find_p95(took[name][0]) for name in ("none", "all"))
    print(f"REQ p95: {all_ms / none_ms:.2f} times that of none")
    assert all_ms < _MAX_RATIO * none_ms
