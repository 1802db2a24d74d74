"""Notes that are paid for from another LND node, over a channel. `make test-lnd` builds them and runs this."""

from typing import Any

import asyncpg
import pytest

from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.lnd import LndRig, check_binaries
from tests.support.paid import order
from tests.support.paid_notes import PATH, POW_BITS, TIERS, PaidNotes
from tests.support.relays import relay_on
from tests.support.waiting import until

# Where they are not built, one line says so.
check_binaries()


class TestPaidAtLnd(PaidNotes):
    @pytest.fixture
    def rig(self, lnd: LndRig) -> LndRig:
        return lnd

    async def test_invoice_outlives_a_stop_of_its_node(self, rig: LndRig, database18: dict[str, Any]) -> None:
        note = make_ring_note("paid after all", pow_bits=POW_BITS)
        async with (
            relay_on(database18, lightning=rig.section, tiers=TIERS) as url,
            Client(url) as reader,
            Client(url + PATH) as author,
        ):
            await reader.follow(kinds=[1])
            offer = await order(author, note)
            await rig.stop()
            try:
                accepted, text = await author.publish(make_ring_note("another", pow_bits=POW_BITS))
                assert (accepted, text) == (False, "error: invoices are unavailable, try again later")
            finally:
                await rig.start()
            await rig.pay(offer.bolt11)
            assert await reader.next("EVENT") == ["live", as_json(note)]

    async def test_invoice_of_a_withdrawn_note_cannot_be_paid(self, rig: LndRig, database18: dict[str, Any]) -> None:
        note = make_ring_note("not this one", pow_bits=POW_BITS, author=KEYS[70])
        deletion = make_event(key=KEYS[70], kind=5, content="", tags=(("e", note.id),))
        connection = await asyncpg.connect(**database18)

        async def is_cancelled() -> bool:
            count: int = await connection.fetchval("SELECT count(*) FROM invoices")
            return count == 0

        try:
            async with (
                relay_on(database18, lightning=rig.section, tiers=TIERS) as url,
                Client(url + PATH) as author,
            ):
                offer = await order(author, note)
                assert await author.publish(deletion) == (True, "")
                await until(is_cancelled)
        finally:
            await connection.close()
        with pytest.raises(AssertionError, match="INCORRECT_PAYMENT_DETAILS"):
            await rig.pay(offer.bolt11)

    async def test_what_is_paid_beyond_the_price_is_kept(self, rig: LndRig, database18: dict[str, Any]) -> None:
        note = make_ring_note("generously paid", pow_bits=POW_BITS)
        async with (
            relay_on(database18, lightning=rig.section, tiers=TIERS) as url,
            Client(url) as reader,
            Client(url + PATH) as author,
        ):
            await reader.follow(kinds=[1])
            offer = await order(author, note)
            await rig.pay(offer.bolt11, more_msat=5_000)
            assert await reader.next("EVENT") == ["live", as_json(note)]
            assert (await author.next("OK"))[:2] == [note.id, True]
        connection = await asyncpg.connect(**database18)
        try:
            kept = await connection.fetch("SELECT amount_msat, reason, note_id FROM unapplied_payments")
        finally:
            await connection.close()
        assert [tuple(record) for record in kept] == [(5_000, "over", None)]
