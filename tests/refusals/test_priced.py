"""Refusals on paths with a price, each provoked in circumstances of its own."""

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.paid import order, shop

_NODE_DOWN = "error: invoices are unavailable, try again later"


async def test_a_verified_note_is_offered_for_its_price(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as client:
        accepted, text = await client.publish(make_ring_note())
        assert not accepted
        assert text.startswith("restricted: payment required: ")
        # Nothing of the note is in it, nor does what is in it depend on the note.
        assert text.removeprefix("restricted: payment required: ").startswith("1000 sat, pay at http://127.0.0.1:")


async def test_a_note_that_is_about_to_expire_is_not_sold(database18: dict[str, Any], tmp_path: Path) -> None:
    invoices, privacy = {"expiry_s": 600}, {"publish_every_s": 900}
    async with shop(database18, tmp_path, invoices=invoices, privacy=privacy) as sold, Client(sold.cheap) as client:
        short, long = (
            make_ring_note(tags=(("expiration", str(int(time.time()) + seconds)),)) for seconds in (1_400, 1_600)
        )
        text = "invalid: the event expires before it could be paid for and published; post it with a later expiration tag or none"
        assert await client.publish(short) == (False, text)
        await order(client, long)


async def test_a_connection_has_so_many_invoices_and_no_more(database18: dict[str, Any], tmp_path: Path) -> None:
    invoices = {"max_open_per_connection": 2}
    async with shop(database18, tmp_path, invoices=invoices) as sold:
        client, other = Client(sold.cheap), Client(sold.expensive)
        async with client, other:
            first = make_ring_note("0")
            offer = await order(client, first)
            await order(client, make_ring_note("1"))
            text = "rate-limited: at most 2 unpaid invoices per connection; pay one, or wait until one has expired"
            assert await client.publish(make_ring_note("2")) == (False, text)
            await order(other, make_ring_note("2"))
            # Sent again, it is the same one; once one is paid there is room for another.
            assert await order(client, first) == offer
            await sold.node.pay(offer.bolt11)
            assert await client.next("OK") == [first.id, True, ""]
            await order(client, make_ring_note("3"))


async def test_many_notes_at_once_on_one_connection_get_no_more_invoices(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as client:
        for number in range(20):
            await client.send("EVENT", make_ring_note(str(number)))
        texts = [(await client.next("OK"))[2] for _ in range(20)]
        assert sum(text.startswith("restricted: payment required: ") for text in texts) == 3
        assert len(sold.node.made) == 3


async def test_invoices_are_made_at_a_bounded_rate(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path, invoices={"per_s": 0.25}) as sold, Client(sold.cheap) as client:
        await order(client, make_ring_note("0"))
        text = "rate-limited: at most 0.25 invoices a second are made here; wait and try again"
        assert await client.publish(make_ring_note("1")) == (False, text)


async def test_notes_that_get_no_invoice_use_up_nothing_of_that_rate(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    deleted = make_ring_note("gone", author=KEYS[9])
    async with shop(database18, tmp_path, invoices={"per_s": 0.25}) as sold, Client(sold.cheap) as client:
        async with Client(sold.url) as root:
            await root.publish_all(deleted)
            await root.publish_all(make_event(key=KEYS[9], kind=5, content="", tags=(("e", deleted.id),)))
        for _ in range(5):
            assert (await client.publish(deleted))[1].startswith("blocked: its author has deleted this event")
        await order(client, make_ring_note("new"))


async def test_a_note_has_so_many_invoices_and_no_more(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path, invoices={"max_per_note": 1}) as sold:
        cheap, expensive = Client(sold.cheap), Client(sold.expensive)
        async with cheap, expensive:
            await order(cheap, note)
            text = "rate-limited: at most 1 invoices a note; pay one of them, or wait until they have expired"
            assert await expensive.publish(note) == (False, text)


async def test_invoices_that_expired_are_not_in_the_way_of_another(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path, invoices={"max_per_note": 1}) as sold, Client(sold.cheap) as client:
        await order(client, note)
        connection = await asyncpg.connect(**database18)
        try:
            # As long after as the node may take, if it could not cancel.
            await connection.execute("UPDATE invoices SET expires_at = 1")
        finally:
            await connection.close()
        await order(client, note)
        assert len(sold.node.made) == 2


async def test_so_many_invoices_are_open_and_no_more(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path, invoices={"max_open": 1}) as sold, Client(sold.cheap) as client:
        await order(client, make_ring_note("0"))
        text = "error: too many invoices are open, and their payers wait; try again in some minutes"
        assert await client.publish(make_ring_note("1")) == (False, text)


@pytest.mark.parametrize("bound", [{"max_unpaid_notes": 1}, {"max_unpaid_mib": 1}])
async def test_so_many_notes_wait_and_no_more(
    database18: dict[str, Any], tmp_path: Path, bound: dict[str, int]
) -> None:
    invoices = {**bound, "max_open_per_connection": 20}
    async with shop(database18, tmp_path, invoices=invoices) as sold, Client(sold.cheap) as client:
        text = "error: too many notes wait to be paid for; try again in some minutes"
        answers = [await client.publish(make_ring_note("x" * 90_000 + str(number))) for number in range(13)]
        assert answers[-1] == (False, text)
        assert (
            sum(said != text for _, said in answers)
            == len(sold.node.made)
            # They take 256 KiB each.
            == (1 if "max_unpaid_notes" in bound else 3)
        )


async def test_a_note_sent_twice_at_once_gets_one_invoice(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as client, Client(sold.cheap) as other:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def hold(request: web.Request) -> web.StreamResponse:
            if request.method != "POST":
                # Not what makes an invoice, but the stream.
                return web.Response(status=503)
            reached.set()
            await go_on.wait()
            sold.node.answer_instead = None
            return web.Response(status=503)

        sold.node.answer_instead = hold
        await client.send("EVENT", note)
        await reached.wait()
        text = "error: an invoice for this note is being made; send it again in a minute"
        assert await other.publish(note) == (False, text)
        go_on.set()
        # It was not made after all, so the next one makes it.
        assert (await client.next("OK"))[2] == _NODE_DOWN
        await order(other, note)
        assert len(sold.node.made) == 1


async def test_a_node_that_does_not_answer_sells_nothing(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as client:
        await sold.node.stop()
        text = "error: invoices are unavailable, try again later"
        assert await client.publish(make_ring_note()) == (False, text)
        connection = await asyncpg.connect(**database18)
        assert (
            await connection.fetchval("SELECT (SELECT count(*) FROM unpaid_notes) + (SELECT count(*) FROM invoices)")
            == 0
        )
        await connection.close()
        await sold.node.start()
