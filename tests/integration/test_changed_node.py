"""A relay that is started with another node or wallet while invoices of the one of before are open: no payment is lost from sight.

The nodes are stubs that answer as LND and LNbits document it.
"""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web

from relay.limits import InternalLimits
from relay.pricing.lightning.invoices import MEMO, make_label
from tests.support.client import Client, as_json
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import ClnrestStub, LnbitsStub, LndStub
from tests.support.lightning_stubs.node import StubNode
from tests.support.paid import Shop, order, reopened
from tests.support.raw import port_of, request
from tests.support.relays import read_metric
from tests.support.waiting import until

# What comes round every 15 s comes sooner.
INTERNAL = InternalLimits(forget_payments_every_s=0.2)
A_DAY_S = 86_400
STREAMS = ("/v1/invoices/subscribe", "/v1/waitanyinvoice")


@pytest_asyncio.fixture(params=[LndStub, LnbitsStub])
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[StubNode, StubNode]]:
    """Give two nodes of a kind that know nothing of each other."""
    async with AsyncExitStack() as stack:
        made = []
        for name in ("old", "new"):
            (tmp_path / name).mkdir()
            made.append(await stack.enter_async_context(request.param(tmp_path / name).running()))
        yield made[0], made[1]


async def fetch(arguments: dict[str, Any], query: str, *values: object) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(**arguments)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def let_pass(arguments: dict[str, Any], seconds: int) -> None:
    """Make all invoices so much older, and due."""
    await fetch(
        arguments,
        """
        UPDATE invoices SET expires_at = expires_at - $1, forget_at = forget_at - $1, look_up_at = 0
        WHERE state IN ('open', 'closed')
        """,
        seconds,
    )


async def read_page(sold: Shop, pay_url: str, accept: str) -> tuple[int, str]:
    head = f"GET /pay/{pay_url.rpartition('/')[2]} HTTP/1.1\nHost: x\nAccept: {accept}"
    status, _, body = await request(port_of(sold.url), head)
    return status, body.decode()


async def until_counted(sold: Shop, invoices: int) -> None:
    await until(lambda: read_metric(sold.relay, "ringrelay_invoices_elsewhere") == invoices)


async def test_a_payment_to_the_node_of_before_is_found_once_that_is_named_however_late(
    database18: dict[str, Any], nodes: tuple[StubNode, StubNode], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = nodes
    note = make_ring_note()
    async with reopened(database18, old) as sold, Client(sold.expensive) as author:
        offer = await order(author, note)
    async with reopened(database18, new, internal=INTERNAL) as sold:
        await until_counted(sold, 1)
        await old.pay(offer.bolt11)
        # Long after the time at which an invoice that nobody has paid is forgotten.
        await let_pass(database18, 3 * A_DAY_S)
        assert sold.relay._payments is not None
        await sold.relay._payments.collector.look_up_due()
        await sold.relay._payments.collector.delete_forgotten()
        assert await fetch(database18, "SELECT state FROM invoices") == [("open",)]
    assert "advice='1 invoice was made at this node or wallet" in capsys.readouterr().err
    async with reopened(database18, new, previous=old) as sold, Client(sold.expensive) as reader:

        async def is_shown() -> bool:
            return await reader.fetch({}) == [as_json(note)]

        await until(is_shown)


async def test_an_operator_hears_of_them_at_the_start_and_when_none_is_left(
    database18: dict[str, Any], nodes: tuple[StubNode, StubNode], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = nodes
    async with reopened(database18, old) as sold, Client(sold.expensive) as author, Client(sold.cheap) as other:
        offer = await order(author, make_ring_note("one"))
        await order(other, make_ring_note("two"))
        assert sold.relay._payments is not None
        account = await sold.relay._payments._nodes.current.find_account()
        assert "invoices_elsewhere" not in capsys.readouterr().err
    async with reopened(database18, new, previous=old, internal=INTERNAL) as sold:
        await until_counted(sold, 2)
        await old.pay(offer.bolt11)
        await until_counted(sold, 1)
        await let_pass(database18, 3 * A_DAY_S)

        async def is_forgotten() -> bool:
            # What is over is closed first, and has its next turn some hours later.
            await let_pass(database18, 0)
            return read_metric(sold.relay, "ringrelay_invoices_elsewhere") == 0

        await until(is_forgotten)
        said = ""

        def is_said() -> bool:
            nonlocal said
            said += capsys.readouterr().err
            return "event='lightning_previous_done'" in said

        await until(is_said)
    said += capsys.readouterr().err
    assert (
        said.count(f"event='invoices_elsewhere' name='{account}' advice='2 invoices were made at this node or wallet")
        == 1
    )
    assert said.count("event='lightning_previous_done'") == 1
    assert await fetch(database18, "SELECT state FROM invoices") == [("settled",)]


async def test_their_pages_stop_asking_and_the_note_gets_an_invoice_of_the_new_node(
    database18: dict[str, Any], nodes: tuple[StubNode, StubNode]
) -> None:
    old, new = nodes
    note = make_ring_note()
    async with reopened(database18, old) as sold, Client(sold.expensive) as author:
        offer = await order(author, note)
        assert (await read_page(sold, offer.pay_url, "application/json"))[0] == 402
    async with reopened(database18, new) as sold, Client(sold.expensive) as author:
        status, page = await read_page(sold, offer.pay_url, "application/json")
        assert (status, json.loads(page)) == (409, {"state": "suspended", "amount_msat": 10_000_000, "tier": "/10k"})
        status, page = await read_page(sold, offer.pay_url, "text/html")
        assert "Do not pay this invoice now" in page
        assert offer.bolt11 not in page
        again = await order(author, note)
        assert again.bolt11 in {made.bolt11 for made in new.made}
        await new.pay(again.bolt11)
        assert await author.next("OK") == [note.id, True, ""]
        # Whoever pays the old one as well has paid double: that is in the books.
        await old.pay(offer.bolt11)
    async with reopened(database18, new, previous=old):

        async def is_kept() -> bool:
            return await fetch(database18, "SELECT amount_msat, reason FROM unapplied_payments") == [
                (10_000_000, "double")
            ]

        await until(is_kept)


async def test_after_a_start_the_same_note_gets_the_same_invoice_however_soon_it_comes(
    database18: dict[str, Any], nodes: tuple[StubNode, StubNode]
) -> None:
    node, _ = nodes
    note = make_ring_note()
    async with reopened(database18, node) as sold, Client(sold.expensive) as author:
        offer = await order(author, note)
    await node.stop()
    async with reopened(database18, node) as sold, Client(sold.expensive) as author:
        # Nobody can say yet whether this node made it.
        text = "error: invoices are unavailable, try again later"
        assert await author.publish(note) == (False, text)
        assert (await read_page(sold, offer.pay_url, "application/json"))[0] == 409
        await node.start()
        assert (await order(author, note)).bolt11 == offer.bolt11
        assert (await read_page(sold, offer.pay_url, "application/json"))[0] == 402


async def test_invoices_of_the_node_of_before_keep_nobody_from_ordering(
    database18: dict[str, Any], nodes: tuple[StubNode, StubNode]
) -> None:
    old, new = nodes
    invoices = {"max_open": 1}
    async with reopened(database18, old, invoices=invoices) as sold, Client(sold.expensive) as author:
        await order(author, make_ring_note("one"))
        assert (await author.publish(make_ring_note("two")))[1].startswith("error: too many invoices are open")
    async with reopened(database18, new, invoices=invoices) as sold, Client(sold.expensive) as author:
        await order(author, make_ring_note("two"))


async def test_an_invoice_that_its_node_has_lost_is_kept_to_its_time_and_then_counted(
    database18: dict[str, Any], nodes: tuple[StubNode, StubNode], capsys: pytest.CaptureFixture[str]
) -> None:
    node, _ = nodes
    async with reopened(database18, node) as sold, Client(sold.expensive) as author:
        await order(author, make_ring_note())
        lost = node.made.pop()
        assert sold.relay._payments is not None
        collector = sold.relay._payments.collector
        # Its time to pay and the grace are over, but not the day in which it may be found to be paid.
        await let_pass(database18, 2 * 3_600)
        for _ in range(3):
            await fetch(database18, "UPDATE invoices SET look_up_at = 0")
            await collector.look_up_due()
        assert await fetch(database18, "SELECT state, payment_hash FROM invoices") == [("closed", lost.payment_hash)]
        await let_pass(database18, 2 * A_DAY_S)
        await collector.look_up_due()
        assert await fetch(database18, "SELECT state FROM invoices") == []
        assert await fetch(database18, "SELECT reason, invoices, price_msat FROM unanswered_invoices") == [
            ("unknown", 1, 10_000_000)
        ]
        assert read_metric(sold.relay, "ringrelay_unknown_invoices_total") == 1
    assert capsys.readouterr().err.count("event='invoice_unknown'") == 1


async def test_a_payment_that_no_row_knows_is_counted_once_and_what_was_forgotten_or_is_for_others_is_not(
    database18: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        LndStub(tmp_path).running() as node,
        reopened(database18, node) as sold,
        Client(sold.expensive) as author,
    ):
        assert sold.relay._payments is not None
        offer = await order(author, make_ring_note())
        await node.pay(offer.bolt11)
        await author.next("OK")
        [(account, cursor)] = await fetch(database18, "SELECT account, cursor FROM settlement_cursors")
        await fetch(database18, "UPDATE invoices SET forget_at = 0")
        await sold.relay._payments.collector.delete_forgotten()
        foreign, unmatched = (node.make("", 1_000_000, memo, 900) for memo in ("a cup of coffee", "note"))
        for made in (node.made[0], foreign, unmatched, unmatched):
            made.index = made.index or 1 + max(other.index for other in node.made)
            node.tell(made)

        async def is_through() -> bool:
            return await fetch(database18, "SELECT account, cursor FROM settlement_cursors") == [(account, "3")]

        await until(is_through)
        assert cursor == "1"
        await until(lambda: read_metric(sold.relay, "ringrelay_unmatched_payments_total") == 1)
    assert capsys.readouterr().err.count("event='payment_unmatched'") == 1


@pytest.mark.parametrize("kind", [LndStub, ClnrestStub])
async def test_what_is_paid_after_a_first_payment_that_was_looked_up_is_told_of_after_a_restart(
    kind: type[LndStub | ClnrestStub], database18: dict[str, Any], tmp_path: Path
) -> None:
    async def refuse_streams(request: web.Request) -> web.Response | None:
        # Read whole: otherwise the stub closes the connection, which an order may have taken by then.
        await request.read()
        return web.Response(status=503) if request.path in STREAMS else None

    async with kind(tmp_path).running() as node:
        node.answer_instead = refuse_streams
        async with reopened(database18, node) as sold, Client(sold.expensive) as author:
            offer = await order(author, make_ring_note())
            await node.pay(offer.bolt11)
            await author.next("OK")
        node.answer_instead = None
        # As for an order that a restore has lost.
        lost = node.make(make_label(secrets.token_bytes(32)), 1_000_000, MEMO, 900)
        await node.pay(lost.bolt11)
        async with reopened(database18, node) as sold:
            await until(lambda: read_metric(sold.relay, "ringrelay_unmatched_payments_total") == 1)


async def test_a_node_that_becomes_another_one_while_the_relay_runs_is_noticed(
    database18: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        LndStub(tmp_path).running() as node,
        reopened(database18, node, internal=INTERNAL) as sold,
        Client(sold.expensive) as author,
    ):
        await order(author, make_ring_note("one"))
        await node.stop()
        node.key, node.made, node.probes = type(node.key)(), [], []
        await node.start()
        await until_counted(sold, 1)
        note = make_ring_note("two")
        await node.pay((await order(author, note)).bolt11)
        assert (await author.next("OK"))[:2] == [note.id, True]
        assert await fetch(database18, "SELECT state FROM invoices ORDER BY state") == [("open",), ("settled",)]
    assert capsys.readouterr().err.count("event='invoices_elsewhere'") == 1
