"""Refusals on paths with a price, each provoked in circumstances of its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from relay.pricing.lightning.invoices import HASH_TAKEN
from relay.pricing.offer import read_offer
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.lightning_stubs import ClnrestStub, LndStub
from tests.support.paid import Shop, order, reopened, shop
from tests.support.relays import read_metric
from tests.support.waiting import until

_NODE_DOWN = "error: invoices are unavailable, try again later"


async def test_a_verified_note_is_offered_for_its_price(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as client:
        accepted, text = await client.publish(make_ring_note())
        assert not accepted
        assert text.startswith("restricted: payment required: ")
        # Nothing of the note is in it, nor does what is in it depend on the note.
        assert text.removeprefix("restricted: payment required: ").startswith(
            "1000 sat for this note on /1k, pay at http://127.0.0.1:"
        )


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


def _knows_account(sold: Shop) -> bool:
    payments = sold.relay._payments
    return payments is not None and bool(payments.checkout._ledger.account)


@asynccontextmanager
async def holding(*shops: Shop, fails: bool = False) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Hold the node's next invoice back. Give what is set once it is asked for, and what lets it go, or fail."""
    node = shops[0].node
    assert isinstance(node, LndStub)
    for sold in shops:
        # The node has said who it is, and nothing is left to ask it.
        await until(partial(_knows_account, sold))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse | None:
        if (request.method, request.path) != ("POST", "/v1/invoices"):
            # Not what makes an invoice, but the stream, or the end of the one that showed the node's account.
            return None
        reached.set()
        await go_on.wait()
        node.answer_instead = None
        return web.Response(status=503) if fails else None

    node.answer_instead = hold
    yield reached, go_on


@pytest.mark.parametrize("is_other_process", [False, True])
async def test_a_note_sent_twice_at_once_gets_one_invoice(
    database18: dict[str, Any], tmp_path: Path, is_other_process: bool
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, reopened(database18, sold.node) as second:
        where = second.cheap if is_other_process else sold.cheap
        async with Client(sold.cheap) as client, Client(where) as other, holding(sold, second) as (reached, go_on):
            await client.send("EVENT", note)
            await reached.wait()
            # It waits for the invoice that is being made, as long as that takes.
            await other.send("EVENT", note)
            await until_verified(second if is_other_process else sold, 1 if is_other_process else 2)
            go_on.set()
            offers = [read_offer((await each.next("OK"))[2]) for each in (client, other)]
            assert None not in offers
            assert {offer.bolt11 for offer in offers if offer} == {sold.node.made[0].bolt11}
            assert len(sold.node.made) == 1
            await sold.node.pay(sold.node.made[0].bolt11)
            assert [(await each.next("OK"))[:2] for each in (client, other)] == [[note.id, True]] * 2


async def until_verified(sold: Shop, notes: int) -> None:
    """Wait until a relay has verified so many notes."""
    name = 'ringrelay_ring_verifications_total{outcome="accepted",scheme="sag"}'
    await until(lambda: read_metric(sold.relay, name) == notes)


async def test_a_note_whose_invoice_was_not_made_after_all_is_ordered_by_who_waited(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with (
        shop(database18, tmp_path) as sold,
        Client(sold.cheap) as client,
        Client(sold.cheap) as other,
        holding(sold, fails=True) as (reached, go_on),
    ):
        await client.send("EVENT", note)
        await reached.wait()
        await other.send("EVENT", note)
        await until_verified(sold, 2)
        go_on.set()
        assert (await client.next("OK"))[2] == _NODE_DOWN
        assert read_offer((await other.next("OK"))[2]) is not None
        assert len(sold.node.made) == 1


async def test_who_has_waited_too_long_for_an_invoice_is_told_to_come_again(
    database18: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.pricing.checkout._PAUSES_S", (0.01, 0.01))
    note = make_ring_note()
    async with (
        shop(database18, tmp_path) as sold,
        Client(sold.cheap) as client,
        Client(sold.cheap) as other,
        holding(sold) as (reached, go_on),
    ):
        await client.send("EVENT", note)
        await reached.wait()
        text = "error: an invoice for this note is being made; send it again in a minute"
        assert await other.publish(note) == (False, text)
        go_on.set()
        assert read_offer((await client.next("OK"))[2]) is not None


class _ForgetfulNode(ClnrestStub):
    """Give one payment hash to all invoices."""

    async def _invoice(self, amount_msat: int, label: str, description: str, expiry: int) -> web.Response:
        if not self.made:
            return await super()._invoice(amount_msat, label, description, expiry)
        (first,) = self.made
        answer = {"payment_hash": first.payment_hash.hex(), "bolt11": first.bolt11}
        return web.json_response(answer, status=201)


async def test_a_payment_hash_that_the_node_has_given_before_is_not_sold(
    database18: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with _ForgetfulNode(tmp_path).running() as node, reopened(database18, node) as sold:
        note, other = make_ring_note("first"), make_ring_note("second")
        async with Client(sold.cheap) as client:
            offer = await order(client, note)
            text = "error: the Lightning node made a faulty invoice, which was not used; try again later, or tell the operator"
            assert await client.publish(other) == (False, text)
            connection = await asyncpg.connect(**database18)
            assert await connection.fetchval("SELECT count(*) FROM unpaid_notes") == 1
            await connection.close()
            # Whoever pays by that hash pays for the first.
            await node.pay(offer.bolt11)
            assert await client.next("OK") == [note.id, True, ""]
        assert read_metric(sold.relay, 'ringrelay_lightning_errors_total{operation="create"}') == 1
    assert f"event='lightning_unavailable' name='lightning' advice={HASH_TAKEN!r}" in capsys.readouterr().err


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
