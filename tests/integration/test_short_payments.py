"""What becomes of a payment that is too little, too late, or for a note that is over: its payer hears of it, and the rest is asked.

Over a stub of LND, which takes any amount; a real node refuses less than its invoice is for, and others do not.
"""

import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.limits import InternalLimits
from relay.pricing.offer import Purpose
from relay.storage.row import SaveResult
from tests.support.client import Client, as_json
from tests.support.events import make_ring_note
from tests.support.paid import order, reopened, shop, token_of
from tests.support.raw import port_of, request
from tests.support.waiting import until

SHORT = [False, SaveResult.SHORT_PAID.text]


async def fetch(arguments: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(**arguments)
    try:
        return [tuple(record) for record in await connection.fetch(query)]
    finally:
        await connection.close()


async def read_unapplied(arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
    return await fetch(
        arguments, "SELECT amount_msat, reason, note_id IS NOT NULL FROM unapplied_payments ORDER BY 1, 2"
    )


@pytest.mark.parametrize("privacy", [{}, {"publish_every_s": 86_400}], ids=["at once", "in batches"])
async def test_a_short_payment_is_told_and_the_rest_buys_the_note(
    database: dict[str, Any], tmp_path: Path, privacy: dict[str, Any]
) -> None:
    note = make_ring_note()
    async with shop(database, tmp_path, privacy=privacy) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
        await sold.node.pay(offer.bolt11, more_msat=-400_000)
        text = "restricted: less was paid than the invoice asks for; it counts: send the note again, and pay the rest"
        assert await author.next("OK") == [note.id, False, text]
        rest = await order(author, note)
        assert (rest.amount_sat, rest.purpose) == (400, Purpose("/1k", 1_000))
        # It is the same one as long as it is open, and its page asks for as much.
        assert await order(author, note) == rest
        _, _, page = await request(
            port_of(sold.url), f"GET /pay/{token_of(rest)} HTTP/1.1\nHost: x\nAccept: application/json"
        )
        assert b'"amount_msat":400000' in page
        await sold.node.pay(rest.bolt11)
        assert (await author.next("OK"))[:2] == [note.id, True]
        await sold.relay.publisher.publish(0)
        assert await author.fetch({}) == [as_json(note)]
    assert await read_unapplied(database) == []


async def test_a_rest_of_less_than_a_sat_is_asked_as_a_sat_and_what_is_over_is_kept(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
        await sold.node.pay(offer.bolt11, more_msat=-1)
        assert await author.next("OK") == [note.id, *SHORT]
        rest = await order(author, note)
        assert rest.amount_sat == 1
        await sold.node.pay(rest.bolt11)
        assert await author.next("OK") == [note.id, True, ""]
    assert await read_unapplied(database18) == [(999, "over", False)]


async def test_a_rest_that_is_paid_short_again_leaves_a_smaller_rest(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        for asked_sat, paid_sat in ((1_000, 300), (700, 200), (500, 500)):
            offer = await order(author, note)
            assert offer.amount_sat == asked_sat
            await sold.node.pay(offer.bolt11, more_msat=(paid_sat - asked_sat) * 1_000)
            assert (await author.next("OK"))[1] is (paid_sat == asked_sat)
    assert await read_unapplied(database18) == []


async def test_a_rest_that_lacks_what_came_before_is_short_and_not_lost(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with (
        shop(database18, tmp_path) as sold,
        Client(sold.cheap) as cheap,
        Client(sold.expensive) as expensive,
    ):
        offer = await order(expensive, note)
        await sold.node.pay(offer.bolt11, more_msat=-5_000_000)
        assert await expensive.next("OK") == [note.id, *SHORT]
        rest = await order(expensive, note)
        assert rest.amount_sat == 5_000
        # What came before buys the note on a cheaper path meanwhile, and the rest is asked for no longer.
        assert await cheap.publish(note) == (True, "")
        assert await fetch(database18, "SELECT count(*) FROM invoices WHERE state = 'open'") == [(0,)]
        # The payer was quicker than that.
        await sold.node.pay(rest.bolt11)
        assert await expensive.next("OK") == [note.id, *SHORT]
        assert await read_unapplied(database18) == [(4_000_000, "over", False), (5_000_000, "short", True)]


async def test_who_waits_at_another_process_hears_of_a_short_payment(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    internal = InternalLimits(forget_payments_every_s=0.2)
    async with (
        shop(database18, tmp_path, internal=internal) as sold,
        reopened(database18, sold.node, internal=internal) as other,
    ):
        # Whichever of the two finds a payment.
        for number in range(8):
            note = make_ring_note(str(number))
            async with Client((sold, other)[number % 2].cheap) as author:
                offer = await order(author, note)
                await sold.node.pay(offer.bolt11, more_msat=-400_000)
                assert await author.next("OK") == [note.id, *SHORT]


async def test_who_waits_on_a_cheaper_path_hears_nothing_of_a_short_payment(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as cheap, Client(sold.expensive) as expensive:
        cheap_offer = await order(cheap, note)
        offer = await order(expensive, note)
        await sold.node.pay(offer.bolt11, more_msat=-9_500_000)
        assert await expensive.next("OK") == [note.id, *SHORT]
        await sold.node.pay(cheap_offer.bolt11)
        assert await cheap.next("OK") == [note.id, True, ""]


async def test_a_payer_hears_that_the_note_has_expired_meanwhile(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note(tags=(("expiration", str(int(time.time()) + 1_200)),))
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
        assert sold.relay._payments is not None
        ledger = sold.relay._payments.checkout._ledger
        ledger._now = lambda: int(time.time()) + 1_300
        await sold.node.pay(offer.bolt11)
        text = "invalid: the event expired before its payment came; ask the operator for the money"
        assert await author.next("OK") == [note.id, False, text]

        async def is_kept() -> bool:
            return await read_unapplied(database18) == [(1_000_000, "refused", False)]

        await until(is_kept)
