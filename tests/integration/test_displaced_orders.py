"""Where all invoices that may be open are, the oldest that nobody looks at goes for a new one, and its money is not lost."""

import base64
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from relay.pricing.offer import Offer
from relay.protocol.event import Event
from tests.support.client import Client, as_json
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import LndStub, PhoenixdStub
from tests.support.lightning_stubs.node import Made, StubNode
from tests.support.paid import Shop, order, reopened, shop, token_of
from tests.support.raw import get
from tests.support.relays import read_metric
from tests.support.waiting import until

FULL = "error: too many invoices are open, and their payers wait; try again in some minutes"
ONE, TWO = ({"max_open": number, "max_open_per_connection": 9} for number in (1, 2))


async def order_and_leave(sold: Shop, note: Event | str) -> Offer:
    """Order a note on a connection of its own, and wait until the relay knows that it is closed."""
    before = read_metric(sold.relay, "ringrelay_connections")
    async with Client(sold.cheap) as client:
        offer = await order(client, make_ring_note(note) if isinstance(note, str) else note)
    await until(lambda: read_metric(sold.relay, "ringrelay_connections") == before)
    return offer


def find_made(node: StubNode, offer: Offer) -> Made:
    [made] = [made for made in node.made if made.bolt11 == offer.bolt11]
    return made


async def find_page(sold: Shop, offer: Offer) -> int:
    return (await get(sold.relay.port, f"/pay/{token_of(offer)}"))[0]


async def test_the_oldest_order_that_nobody_looks_at_goes_and_is_cancelled_at_the_node(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path, invoices=TWO) as sold:
        left = [await order_and_leave(sold, name) for name in ("first", "second")]
        # What is ordered in one second expires in one.
        connection = await asyncpg.connect(**database18)
        token = bytes.fromhex(token_of(left[0]))
        await connection.execute("UPDATE invoices SET expires_at = expires_at - 60 WHERE token = $1", token)
        async with Client(sold.cheap) as client:
            offer = await order(client, make_ring_note("third"))
            assert [find_made(sold.node, one).cancelled for one in left] == [True, False]
            # Nothing of it is kept.
            assert await connection.fetchval("SELECT count(*) FROM invoices") == 2
            assert await connection.fetchval("SELECT count(*) FROM unpaid_notes") == 2
            await connection.close()
            await sold.node.pay(offer.bolt11)
            assert (await client.next("OK"))[1]
            assert await find_page(sold, left[0]) == 404


async def test_orders_that_a_connection_waits_for_or_whose_page_was_opened_stay(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path, invoices=TWO) as sold, Client(sold.cheap) as other:
        opened = await order_and_leave(sold, "opened")
        assert await find_page(sold, opened) == 200
        async with Client(sold.cheap) as client:
            waited_for = await order(client, make_ring_note("waited for"))
            assert await other.publish(make_ring_note("third")) == (False, FULL)
            assert not any(made.cancelled for made in sold.node.made)
            # Both can still be paid.
            for offer in (waited_for, opened):
                await sold.node.pay(offer.bolt11)
            assert (await client.next("OK"))[1]
        await order(other, make_ring_note("third"))


async def test_an_order_is_seen_again_once_its_event_is_sent_again(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note("mine")
    async with shop(database18, tmp_path, invoices=ONE) as sold, Client(sold.cheap) as other:
        offer = await order_and_leave(sold, note)
        async with Client(sold.cheap) as again:
            assert await order(again, note) == offer
            assert await other.publish(make_ring_note("another")) == (False, FULL)


class PaidAtTheLastMoment(LndStub):
    """Take a payment just before an invoice would be cancelled, and tell nobody."""

    async def _cancel(self, request: web.Request) -> web.Response:
        made = self.find(base64.urlsafe_b64decode((await request.json())["payment_hash"]))
        # What it is asked for first, to learn who it is, is cancelled too.
        if made in self.made:
            await self.pay(made.bolt11)
        return await super()._cancel(request)

    def tell(self, made: Made) -> None:
        return


async def test_an_order_that_is_paid_when_it_would_go_is_published(database18: dict[str, Any], tmp_path: Path) -> None:
    node = PaidAtTheLastMoment(tmp_path)
    async with node.running(), reopened(database18, node, invoices=ONE) as sold, Client(sold.cheap) as other:
        await order_and_leave(sold, "paid for just now")
        await order(other, make_ring_note("another"))
        [published] = await other.fetch({})
        assert published["content"] == "paid for just now"


async def test_what_is_paid_after_it_went_buys_the_note_when_that_is_sent_again(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    # It cannot cancel.
    node = PhoenixdStub(tmp_path)
    async with node.running(), reopened(database18, node, invoices=ONE) as sold, Client(sold.cheap) as again:
        note = make_ring_note("gone")
        offer = await order_and_leave(sold, note)
        async with Client(sold.cheap) as other:
            await order(other, make_ring_note("another"))
        await node.pay(offer.bolt11)

        async def is_published() -> bool:
            return (await again.publish(note))[0]

        await until(is_published)
        assert await again.fetch({}) == [as_json(note)]


async def test_after_a_start_an_order_counts_as_one_that_nobody_looks_at_until_its_page_asks_again(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    node = LndStub(tmp_path)
    async with node.running():
        async with reopened(database18, node, invoices=TWO) as sold, Client(sold.cheap) as client:
            asked, silent = [await order(client, make_ring_note(name)) for name in ("asks again", "does not")]
        async with reopened(database18, node, invoices=TWO) as sold, Client(sold.cheap) as other:

            async def is_asked_for() -> bool:
                # Not before the node has said who it is.
                return asked.bolt11.encode() in (await get(sold.relay.port, f"/pay/{token_of(asked)}"))[2]

            await until(is_asked_for)
            await order(other, make_ring_note("new"))
            assert find_made(node, silent).cancelled
            assert not find_made(node, asked).cancelled
            assert await other.publish(make_ring_note("one more")) == (False, FULL)
