"""`ringrelay payments` beside a running relay, and without one: what it shows, and what it corrects."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.support.client import Client, as_json
from tests.support.command import Finished, run
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import LndStub
from tests.support.lightning_stubs.node import Made
from tests.support.paid import order, reopened, shop, to_settings
from tests.support.processes import serve
from tests.support.relays import find_data_dir, to_database_url
from tests.support.waiting import until

NOTE_ID = "ab" * 32


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[LndStub]:
    async with LndStub(tmp_path).running() as stub:
        yield stub


async def payments(arguments: dict[str, Any], node: LndStub, *words: str, stdin: str = "") -> Finished:
    """Run the command on a database and a node."""
    settings = {f"RELAY_{name}": value for name, value in to_settings(node).items()}
    settings |= {"RELAY_DATABASE__URL": to_database_url(arguments), "RELAY_DATA_DIR": str(find_data_dir(arguments))}
    return await run("payments", *words, stdin=stdin, **settings)


async def read(arguments: dict[str, Any], node: LndStub, action: str) -> Any:
    done = await payments(arguments, node, action, "--json")
    assert done.status == 0, done
    return json.loads(done.out)


def make_paid(node: LndStub) -> Made:
    """Return an invoice as the relay makes it, of which its database knows nothing, paid."""
    made = node.make("", 10_000_000, "note", 900)
    made.received_msat, made.index = made.amount_msat, 1 + max(other.index for other in node.made)
    return made


async def test_it_shows_open_invoices_and_what_bought_nothing(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.expensive) as other:
        assert isinstance(sold.node, LndStub)
        offer = await order(other, make_ring_note("over"))
        await sold.node.pay(offer.bolt11, more_msat=5_000)
        await other.next("OK")
        await order(author, make_ring_note("open"))
        account = f"lnd {sold.node.node_id}"
        [shown] = (await read(database18, sold.node, "open"))["open"]
        assert {name: shown[name] for name in ("account", "tier", "price_msat", "payment_hash")} == {
            "account": account,
            "tier": "/1k",
            "price_msat": 1_000_000,
            "payment_hash": sold.node.made[1].payment_hash.hex(),
        }
        unapplied = [{"reason": "over", "payments": 1, "amount_msat": 5_000, "usable_msat": 0}]
        assert await read(database18, sold.node, "unapplied") == {"unapplied": unapplied}
        assert await read(database18, sold.node, "totals") == {
            "unpaid_notes": 1,
            "invoices": [
                {"account": account, "state": "open", "invoices": 1, "price_msat": 1_000_000},
                {"account": account, "state": "settled", "invoices": 1, "price_msat": 10_000_000},
            ],
            "unapplied": unapplied,
            "unanswered": [],
        }
        assert (await payments(database18, sold.node, "unapplied")).out == (
            "unapplied payments:\n"
            "  reason  amounts   msat  msat that can buy a note\n"
            "  over          1  5,000                         0\n"
        )
        said = (await payments(database18, sold.node, "totals")).out
        assert "notes that wait for a payment: 1\n" in said
        assert said.endswith("invoices that ended without an answer: none\n")


async def test_a_claimed_payment_buys_its_note_once(database18: dict[str, Any], node: LndStub) -> None:
    note = make_ring_note("paid before the restore")
    async with reopened(database18, node) as sold, Client(sold.expensive) as author:
        made = make_paid(node)
        claimed = await payments(database18, node, "claim", made.bolt11, "--note", note.id)
        assert (claimed.status, claimed.out.split(":")[0]) == (0, "claimed 10,000,000 msat"), claimed
        for subject in (made.bolt11, made.payment_hash.hex()):
            again = await payments(database18, node, "claim", subject, "--note", NOTE_ID)
            assert (again.status, again.out) == (1, "")
            assert "this payment was settled or claimed before" in again.err
        assert await author.publish(note) == (True, "")
        assert await author.fetch({}) == [as_json(note)]
        # And no other.
        await order(author, make_ring_note("another"))
        assert await read(database18, node, "unapplied") == {"unapplied": []}


async def test_a_payment_that_the_relay_knows_or_knew_cannot_be_claimed(
    database18: dict[str, Any], node: LndStub
) -> None:
    async def claim() -> Finished:
        return await payments(database18, node, "claim", offer.bolt11, "--note", NOTE_ID)

    async with reopened(database18, node) as sold, Client(sold.expensive) as author:
        offer = await order(author, make_ring_note())
        assert "the database knows this invoice" in (await claim()).err
        await node.pay(offer.bolt11)
        await author.next("OK")
        assert "this payment is settled in the books" in (await claim()).err
        assert sold.relay._payments is not None
        await sold.relay._database.writers.execute("UPDATE invoices SET forget_at = 0")
        await sold.relay._payments.collector.delete_forgotten()
        assert "this payment was settled or claimed before" in (await claim()).err
    assert await read(database18, node, "unapplied") == {"unapplied": []}


async def test_only_what_the_node_says_is_paid_for_the_relay_can_be_claimed(
    database18: dict[str, Any], node: LndStub
) -> None:
    async with reopened(database18, node):
        pass
    open_ = node.make("", 10_000_000, "note", 900)
    foreign, unknown = make_paid(node), make_paid(node)
    foreign.memo = "a cup of coffee"
    node.made.remove(unknown)
    for made, text in (
        (open_, "is not paid yet"),
        (foreign, "but for something else"),
        (unknown, "no node of the configuration knows this invoice"),
    ):
        done = await payments(database18, node, "claim", made.payment_hash.hex(), "--note", NOTE_ID)
        assert (done.status, done.out) == (1, "")
        assert text in done.err
    await node.stop()
    done = await payments(database18, node, "claim", open_.payment_hash.hex(), "--note", NOTE_ID)
    await node.start()
    assert (done.status, done.out) == (1, "")
    assert "cannot be reached" in done.err


async def test_invoices_of_another_account_are_given_up_after_a_question(
    database18: dict[str, Any], node: LndStub, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    account = f"lnd {node.node_id}"
    async with LndStub(tmp_path / "new").running() as new:
        async with reopened(database18, node) as sold, Client(sold.expensive) as author:
            await order(author, make_ring_note())
            refused = await payments(database18, node, "abandon", account, "--yes")
            assert refused.status == 1
            assert "this is the node or wallet of [lightning]" in refused.err
        async with reopened(database18, new):
            for answer in ("", "no\n"):
                done = await payments(database18, new, "abandon", account, stdin=answer)
                assert (done.status, done.out) == (1, "")
                assert f"1 invoices of {account}, over 10,000,000 msat together" in done.err
                assert "nothing was changed" in done.err
            assert (await payments(database18, new, "abandon", account, stdin="yes\n")).status == 0
            totals = await read(database18, new, "totals")
            assert (totals["unpaid_notes"], totals["invoices"]) == (0, [])
            assert totals["unanswered"] == [
                {"account": account, "reason": "abandoned", "invoices": 1, "price_msat": 10_000_000}
            ]
            unknown = await payments(database18, new, "abandon", account, "--yes")
            assert unknown.status == 1
            assert "no invoice of this account" in unknown.err


async def test_wrong_arguments_are_explained(database18: dict[str, Any], node: LndStub) -> None:
    for words, text in (
        (("claim",), "claim needs an invoice or a payment hash"),
        (("claim", "lnbc1", "--note", NOTE_ID), "neither an invoice (BOLT 11) nor a payment hash"),
        (("claim", NOTE_ID, "--note", "note1"), "64 hex digits"),
        (("abandon",), "abandon needs the account"),
        (("totals", "all"), "totals takes neither"),
        (("open", "--note", NOTE_ID), "--note is of use with claim only"),
    ):
        done = await payments(database18, node, *words)
        assert (done.status, done.out) == (2, ""), words
        assert text in done.err


async def test_it_works_on_the_built_in_database_beside_the_relay_and_without_it(
    reachable_directory: Path, node: LndStub
) -> None:
    settings = to_settings(node)
    data = {"RELAY_DATA_DIR": str(reachable_directory / "data"), "RELAY_DATABASE__SHARED_BUFFERS_MIB": "16"}
    variables = {**data, **{f"RELAY_{name}": value for name, value in settings.items()}}
    none = await run("payments", "totals", **{**variables, "RELAY_DATA_DIR": str(reachable_directory / "nothing")})
    assert (none.status, none.out) == (1, "")
    assert "there is no database in" in none.err
    async with serve(reachable_directory, **settings) as relay:
        async with Client(f"{relay.url}/1k") as author:
            await order(author, make_ring_note("open"))
        beside = await run("payments", "open", **variables)
        await relay.stop()
        without = await run("payments", "open", **variables)
    assert beside.status == without.status == 0, (beside, without)
    assert beside.out == without.out
    assert node.made[0].payment_hash.hex() in beside.out
    await until(lambda: not relay.list_postgres())
