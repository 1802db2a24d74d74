"""A price that changes: what was sold before stays in sight, and nobody is asked twice for the same. Over a stub of LND."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.log import Log
from relay.pricing.offer import read_offer
from relay.server import running
from tests.support.client import Client, as_json
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import LndStub
from tests.support.paid import INVOICES, Shop, order, reopened, shop
from tests.support.raw import port_of, request
from tests.support.relays import make_config
from tests.support.waiting import until

DUPLICATE = (True, "duplicate: already have this event")


def make_tiers(price_sat: int, **more: Any) -> list[dict[str, Any]]:
    return [{"path": "/"}, {"path": "/sold", "price_sat": price_sat, **more}, {"path": "/10k", "price_sat": 10_000}]


async def change_price(sold: Shop, price_sat: int, **more: Any) -> None:
    config = sold.relay._config.model_dump() | {"tiers": make_tiers(price_sat, **more)}
    await sold.relay.reload(type(sold.relay._config)(**config))


async def buy(sold: Shop, client: Client, content: str) -> Any:
    note = make_ring_note(content)
    offer = await order(client, note)
    await sold.node.pay(offer.bolt11)
    assert await client.next("OK") == [note.id, True, ""]
    return note


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_what_was_sold_before_the_price_rose_is_shown_as_before(
    database: dict[str, Any], tmp_path: Path, is_restarted: bool
) -> None:
    node = LndStub(tmp_path)
    await node.start()
    try:
        async with reopened(database, node, tiers=make_tiers(1_000)) as sold, Client(f"{sold.url}/sold") as client:
            cheap = await buy(sold, client, "cheap")
            if not is_restarted:
                await change_price(sold, 2_000)
                await expect_both(sold, cheap)
        if is_restarted:
            async with reopened(database, node, tiers=make_tiers(2_000)) as sold:
                await expect_both(sold, cheap)
    finally:
        await node.stop()


async def expect_both(sold: Shop, cheap: Any) -> None:
    """Expect that the path shows what it sold for less, sells for more now, and asks nobody again."""
    async with Client(f"{sold.url}/sold") as client, Client(f"{sold.url}/10k") as expensive:
        assert await client.fetch({}) == [as_json(cheap)]
        assert await client.publish(cheap) == DUPLICATE
        note = make_ring_note("now")
        assert (await order(client, note)).amount_sat == 2_000
        assert await expensive.fetch({}) == []
        head = "GET /sold HTTP/1.1\nHost: x\nAccept: application/nostr+json"
        _, _, info = await request(port_of(sold.url), head)
        assert b'"shows_from_msat":1000000' in info


async def test_a_path_that_was_gone_for_a_while_shows_what_it_sold(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path, tiers=make_tiers(1_000)) as sold:
        async with Client(f"{sold.url}/sold") as client:
            cheap = await buy(sold, client, "cheap")
        config = sold.relay._config.model_dump()
        await sold.relay.reload(type(sold.relay._config)(**config | {"tiers": make_tiers(1_000)[:1]}))
        await change_price(sold, 5_000)
        async with Client(f"{sold.url}/sold") as client:
            assert await client.fetch({}) == [as_json(cheap)]


async def test_who_reads_a_path_already_sees_what_it_sells_once_it_is_cheaper(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with (
        shop(database18, tmp_path, tiers=make_tiers(2_000)) as sold,
        Client(f"{sold.url}/sold") as reader,
        Client(f"{sold.url}/sold") as client,
        Client(f"{sold.url}/10k") as expensive,
    ):
        for each in (reader, expensive):
            await each.follow()
        await change_price(sold, 1_000)
        cheap = await buy(sold, client, "cheap")
        assert await reader.next("EVENT") == ["live", as_json(cheap)]
        dear = make_ring_note("dear")
        async with Client(f"{sold.url}/10k") as buyer:
            await sold.node.pay((await order(buyer, dear)).bolt11)
        assert (await reader.next("EVENT"))[1]["id"] == dear.id
        # A path whose price has not changed shows what it did.
        assert (await expensive.next("EVENT"))[1]["id"] == dear.id


async def test_an_operator_can_say_from_which_price_a_path_shows_notes(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path, tiers=make_tiers(1)) as sold, Client(f"{sold.url}/sold") as client:
        mistaken = await buy(sold, client, "for a sat, by mistake")
        await change_price(sold, 1_000, shows_from_sat=1_000)
        assert await client.fetch({}) == []
        # What the path does not show can be raised there, and the quote says so.
        _, text = await client.publish(mistaken)
        assert "(it is published already, at 1 sat; this raises it to 1000 sat)" in text


async def test_what_an_open_invoice_buys_at_the_old_price_is_shown(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path, tiers=make_tiers(1_000)) as sold, Client(f"{sold.url}/sold") as client:
        offer = await order(client, note)
        await change_price(sold, 2_000)
        # Sent again, it is still the invoice that was made.
        assert await order(client, note) == offer
        await sold.node.pay(offer.bolt11)
        assert await client.next("OK") == [note.id, True, ""]
        assert await client.fetch({}) == [as_json(note)]


async def test_a_payment_of_the_old_price_that_comes_late_buys_the_note_at_that_price(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path, tiers=make_tiers(1_000)) as sold, Client(f"{sold.url}/sold") as client:
        offer = await order(client, note)
        connection = await asyncpg.connect(**database18)
        # As after expiry and grace, at a node that could not cancel.
        await connection.execute("DELETE FROM unpaid_notes")
        await change_price(sold, 2_000)
        await sold.node.pay(offer.bolt11)

        async def is_kept() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM unapplied_payments") == 1)

        await until(is_kept)
        text = "error: the payment came too late for the note, which is not here any more; it counts: send it again"
        assert await client.next("OK") == [note.id, False, text]
        assert await client.publish(note) == (True, "")
        assert await client.fetch({}) == [as_json(note)]
        assert await connection.fetchval("SELECT count(*) FROM unapplied_payments") == 0
        await connection.close()


async def test_a_quote_says_what_it_is_for(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path, tiers=make_tiers(1_000)) as sold, Client(f"{sold.url}/sold") as client:
        _, text = await client.publish(make_ring_note("new"))
        assert text.startswith("restricted: payment required: 1000 sat for this note on /sold, pay at http")
        cheap = await buy(sold, client, "cheap")
        free = make_ring_note("free")
        async with Client(sold.url) as root:
            await root.publish_all(free)
        _, text = await client.publish(free)
        assert (
            "1000 sat for this note on /sold (it is published already, free; this raises it to 1000 sat), pay" in text
        )
        async with Client(f"{sold.url}/10k") as expensive:
            _, text = await expensive.publish(cheap)
            said = "10000 sat for this note on /10k (it is published already, at 1000 sat; this raises it to 10000 sat), pay"
            assert said in text
            assert read_offer(text) is not None


async def test_the_lowest_price_of_all_processes_counts(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path, tiers=make_tiers(1_000)) as sold:
        config = make_config(
            database18, lightning=sold.node.section.model_dump(), invoices=INVOICES, tiers=make_tiers(500)
        )
        async with running(config, Log()) as other:
            # The lowest price counts, whichever process had it.
            await change_price(sold, 3_000)
            assert sold.relay._tiers.find_tier("/sold").min_price_msat == 500_000  # type: ignore[union-attr]
            assert other._tiers.find_tier("/sold").min_price_msat == 500_000  # type: ignore[union-attr]
