"""Notes that are paid for from another wallet of a real LNbits. `make lnbits` installs it."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from relay.pricing.offer import Offer
from relay.protocol.event import Event
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.lnbits import LnbitsRig, find_package
from tests.support.paid import INVOICES, order
from tests.support.paid_notes import PATH, TIERS, PaidNotes
from tests.support.relays import relay_on
from tests.support.time_factor import scaled

# Where it is not installed, one line says so.
find_package()

_OPEN = 1_000
_CONNECTIONS = 8
_MAX_S = scaled(2.0)


@pytest.mark.xdist_group("lnbits")
class TestPaidAtLnbits(PaidNotes):
    @pytest.fixture
    def rig(self, lnbits: LnbitsRig) -> LnbitsRig:
        return lnbits


async def order_all(client: Client, notes: list[Event]) -> list[tuple[Event, Offer]]:
    return [(note, await order(client, note)) for note in notes]


@pytest.mark.serial
@pytest.mark.more("takes two minutes")
@pytest.mark.xdist_group("lnbits")
async def test_a_paid_note_is_published_within_two_seconds_where_a_thousand_invoices_are_open(
    lnbits: LnbitsRig, database18: dict[str, Any]
) -> None:
    notes = [make_ring_note(f"one of many, {number}", ring_size=3) for number in range(_OPEN)]
    invoices = {**INVOICES, "max_open": _OPEN, "max_open_per_connection": _OPEN}
    async with relay_on(database18, lightning=lnbits.section, tiers=TIERS, invoices=invoices) as url:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(Client(url + PATH)) for _ in range(_CONNECTIONS)]
            shares = [notes[start::_CONNECTIONS] for start in range(_CONNECTIONS)]
            ordered = await asyncio.gather(*map(order_all, clients, shares))
        async with Client(url) as reader:
            await reader.follow(kinds=[1])
            took_s = []
            # The oldest, the newest, and some in between; nobody waits for any of them.
            for share, number in [(0, 0), (7, -1), (3, 40), (4, 80), (5, 20), (1, 60), (2, 100), (6, 5)]:
                note, offer = ordered[share][number]
                await lnbits.pay(offer.bolt11)
                paid_s = time.monotonic()
                assert (await reader.next("EVENT"))[1]["id"] == note.id
                took_s.append(time.monotonic() - paid_s)
    print(f"with {_OPEN} open: {', '.join(f'{s:.2f}' for s in took_s)} s from the payment to the subscriber")
    assert max(took_s) < _MAX_S
