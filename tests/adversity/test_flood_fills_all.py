"""A flood that takes every invoice that may be open, and goes on: whoever means to pay is served meanwhile, and stays served.

What an invoice costs is set to nothing here, as if the flood had all the hashes that it takes. With the configuration's own work
131 million kept all others out for a quarter of an hour, before orders that nobody looks at made room.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from relay.protocol.event import Event
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.paid import Shop, order, shop, token_of
from tests.support.raw import get
from tests.support.time_factor import scaled
from tests.support.waiting import until

_MAX_OPEN = 40
_FLOODERS = 4
_ORDERS_A_CONNECTION = 3
# More than any run of these tests needs.
_NOTES = 1_500
_PAYERS = 5
_BOUND_S = scaled(90.0)


@dataclass
class Flood:
    """Order over ever new connections, and pay for nothing."""

    sold: Shop
    notes: Iterator[Event]
    offers: int = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_FLOODERS):
                group.create_task(self._order_and_leave())

    async def _order_and_leave(self) -> None:
        while True:
            async with Client(self.sold.cheap) as client:
                for _ in range(_ORDERS_A_CONNECTION):
                    _, text = await client.publish(next(self.notes))
                    self.offers += "payment required" in text

    async def until_all_were_displaced(self) -> None:
        """Wait until so much was ordered that whoever nobody looks at has gone."""
        wanted = self.offers + 2 * _MAX_OPEN
        await until(lambda: self.offers >= wanted, _BOUND_S)


@asynccontextmanager
async def _flooded(arguments: dict[str, Any], directory: Path) -> AsyncIterator[tuple[Shop, Flood]]:
    """Run a relay under a flood that has filled it."""
    notes = iter([make_ring_note(f"flood {number}", ring_size=3) for number in range(_NOTES)])
    async with shop(arguments, directory, invoices={"max_open": _MAX_OPEN}) as sold:
        flood = Flood(sold, notes)
        flooding = asyncio.create_task(flood.run())
        try:
            await flood.until_all_were_displaced()
            assert any(made.cancelled for made in sold.node.made)
            yield sold, flood
            assert not flooding.done(), flooding
        finally:
            flooding.cancel()
            await asyncio.wait([flooding])


async def test_payers_who_wait_are_served_while_a_flood_takes_every_invoice(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    connection = await asyncpg.connect(**database18)
    async with _flooded(database18, tmp_path) as (sold, flood):
        for number in range(_PAYERS):
            async with Client(sold.cheap) as payer:
                # As when no flood was: at once.
                offer = await order(payer, make_ring_note(f"worth its price, {number}"))
                await flood.until_all_were_displaced()
                await sold.node.pay(offer.bolt11)
                assert (await payer.next("OK"))[1]
        count = "SELECT count(*) FROM invoices WHERE state IN ('creating', 'open')"
        assert await connection.fetchval(count) <= _MAX_OPEN
        async with Client(sold.cheap) as reader:
            assert len(await reader.fetch({})) == _PAYERS
    await connection.close()


async def test_a_payer_who_only_looks_at_the_page_is_served_while_a_flood_takes_every_invoice(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with _flooded(database18, tmp_path) as (sold, flood):
        async with Client(sold.cheap) as payer:
            offer = await order(payer, make_ring_note("worth its price"))
            assert (await get(sold.relay.port, f"/pay/{token_of(offer)}"))[0] == 200
        await flood.until_all_were_displaced()
        await sold.node.pay(offer.bolt11)

        async def is_published() -> bool:
            return b"nevent1" in (await get(sold.relay.port, f"/pay/{token_of(offer)}"))[2]

        await until(is_published)
