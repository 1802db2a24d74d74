"""What becomes of a payment that does not simply follow its invoice. Over a stub of LND."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from coincurve import PrivateKey

from relay.limits import InvoicePolicy
from relay.storage.feed import Feed
from relay.storage.ledger import Ledger
from relay.storage.note import Note
from relay.storage.payments.invoices import Order
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.row import SaveResult
from relay.storage.writer import Writer
from tests.support.client import Client, as_json
from tests.support.events import make_event, make_ring_note, to_ring_note
from tests.support.held import RememberedKeyFiles, make_waiting, read_waiting
from tests.support.lightning_stubs import LndStub
from tests.support.paid import order, reopened, shop
from tests.support.waiting import until

A_DAY_S = 90_000


async def change(arguments: dict[str, Any], statement: str, *values: Any) -> None:
    connection = await asyncpg.connect(**arguments)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def fetch(arguments: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(**arguments)
    try:
        return [tuple(record) for record in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_a_payment_is_found_by_a_relay_that_was_away_longer_than_invoices_are_remembered(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    node = LndStub(tmp_path)
    await node.start()
    try:
        async with reopened(database18, node) as sold, Client(sold.expensive) as author:
            offer = await order(author, note)
        await node.pay(offer.bolt11)
        await change(
            database18,
            "UPDATE invoices SET expires_at = expires_at - $1, forget_at = forget_at - $1",
            2 * A_DAY_S,
        )
        async with reopened(database18, node) as sold, Client(sold.expensive) as reader:

            async def is_shown() -> bool:
                return await reader.fetch({}) == [as_json(note)]

            await until(is_shown)
    finally:
        await node.stop()


async def test_a_deleted_note_cannot_be_paid_for_wherever_it_was(database: dict[str, Any], tmp_path: Path) -> None:
    keys = [PrivateKey() for _ in range(2)]
    unpaid, stored = (make_ring_note(author=key) for key in keys)
    async with shop(database, tmp_path) as sold, Client(sold.url) as free, Client(sold.expensive) as author:
        await free.publish_all(stored)
        for note in (unpaid, stored):
            await order(author, note)
        for key, note in zip(keys, (unpaid, stored), strict=True):
            assert await free.publish(make_event(key=key, kind=5, content="", tags=(("e", note.id),))) == (True, "")
            assert await author.publish(note) == (False, SaveResult.DELETED.text)
        # Nothing is asked for it any more, and the node is told.
        await until(lambda: all(made.cancelled for made in sold.node.made))
        assert len(sold.node.made) == 2


async def test_of_two_payments_for_a_held_note_the_larger_buys_and_the_other_is_unapplied(
    database: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with (
        shop(database, tmp_path, privacy={"publish_every_s": 86_400}) as sold,
        Client(sold.cheap) as one,
        Client(sold.expensive) as other,
    ):
        offers = [await order(client, note) for client in (one, other)]
        for offer in offers:
            await sold.node.pay(offer.bolt11)

        async def are_settled() -> bool:
            return await fetch(database, "SELECT count(*) FROM invoices WHERE state = 'settled'") == [(2,)]

        await until(are_settled)
        connection = await asyncpg.connect(**database)
        (held,) = await read_waiting(connection, sold.relay._waiting.held)
        await connection.close()
        assert (held.note.event.id, held.note.price_paid_msat) == (note.id, 10_000_000)
    assert await fetch(database, "SELECT amount_msat, reason FROM unapplied_payments") == [(1_000_000, "double")]


async def test_what_was_paid_short_on_one_path_buys_the_note_on_a_cheaper_one_where_an_invoice_is_open(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as again:
        async with Client(sold.cheap) as cheap, Client(sold.expensive) as expensive:
            await order(cheap, note)
            offer = await order(expensive, note)
        await sold.node.pay(offer.bolt11, more_msat=-5_000_000)

        async def is_kept() -> bool:
            return await fetch(database18, "SELECT amount_msat, reason FROM unapplied_payments") == [
                (5_000_000, "short")
            ]

        await until(is_kept)
        assert await again.fetch({}) == []
        assert await again.publish(note) == (True, "")
        assert await again.fetch({}) == [as_json(note)]
    # What is left buys nothing any more.
    assert await fetch(database18, "SELECT amount_msat, reason, note_id FROM unapplied_payments") == [
        (4_000_000, "over", None)
    ]


async def test_nobody_is_asked_to_pay_for_an_old_version_or_for_a_second_answer(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    key, target = PrivateKey(), "ab" * 32
    old, new = (make_event(key=key, kind=0, content="me", created_at=at) for at in (1_700_000_000, 1_700_000_001))
    first, second = (
        make_ring_note(text, kind=1018, tags=(("e", target),), scope=f"1018:{target}") for text in ("yes", "no")
    )
    async with (
        shop(database18, tmp_path, privacy={"publish_every_s": 86_400}) as sold,
        Client(sold.url) as free,
        Client(sold.expensive) as author,
    ):
        await free.publish_all(new, first)
        await sold.relay.publisher.publish(0)
        assert await author.publish(old) == (False, SaveResult.SUPERSEDED.text)
        assert await author.publish(second) == (False, SaveResult.ANSWERED.text)
        assert sold.node.made == []


async def test_what_waits_tells_nobody_who_would_pay_and_what_the_batch_refuses_is_unapplied(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    target = "ab" * 32
    first, second = (
        make_ring_note(text, kind=1018, tags=(("e", target),), scope=f"1018:{target}") for text in ("yes", "no")
    )
    async with (
        shop(database18, tmp_path, privacy={"publish_every_s": 86_400}) as sold,
        Client(sold.url) as free,
        Client(sold.expensive) as author,
    ):
        await free.publish_all(first)
        offer = await order(author, second)
        await sold.node.pay(offer.bolt11)
        assert (await author.next("OK"))[1] is True
        await sold.relay.publisher.publish(0)
        # Which of the two is published says nothing of which came first.
        (stored,) = await fetch(database18, "SELECT id, price_paid_msat FROM notes")
        unapplied = await fetch(database18, "SELECT amount_msat, reason FROM unapplied_payments")
        assert (stored, unapplied) in [
            ((bytes.fromhex(first.id), None), [(10_000_000, "refused")]),
            ((bytes.fromhex(second.id), 10_000_000), []),
        ]


async def test_an_order_for_which_no_invoice_comes_is_given_up_after_a_minute(
    database: dict[str, Any], tmp_path: Path
) -> None:
    now = 1_800_000_000
    note = make_ring_note()
    asked = Order(bytes(32), bytes(16), bytes.fromhex(note.id), "/1k", 1_000_000, now + 900, now + 90_000, "lnd a")
    pool = await asyncpg.create_pool(**database, min_size=0, max_size=2)
    try:
        for later_s, is_kept in ((0, True), (59, True), (60, False)):
            writer = Writer(pool, feed=Feed(pool, _ignore), publish=_ignore, report=lambda _: None)
            waiting = make_waiting(RememberedKeyFiles(tmp_path))
            ledger = Ledger(
                pool, pool, writer, waiting, PaymentTerms(InvoicePolicy(), 0.0), partial(int, now + later_s)
            )
            await ledger.prepare(has_other_hosts=False)
            if not later_s:
                assert await ledger.begin_order(asked, to_ring_note(note), lambda _: None) is None
            await ledger.delete_forgotten()
            kept = [await fetch(database, f"SELECT count(*) FROM {table}") for table in ("invoices", "unpaid_notes")]
            assert kept == [[(int(is_kept),)]] * 2, later_s
    finally:
        await pool.close()


async def _ignore(_: Iterable[Note]) -> None:
    return
