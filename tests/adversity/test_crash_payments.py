"""The relay, and in some rounds all of its Postgres, die while notes are ordered and paid for: what was paid appears, once."""

import asyncio
import json
import random
import secrets
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from relay.pricing.offer import Offer, read_offer
from relay.protocol.event import Event
from tests.support.client import Client, fetch_ids
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import LndStub
from tests.support.paid import TIERS
from tests.support.processes import ServeProcess, send_signal, serve
from tests.support.waiting import until

pytestmark = pytest.mark.serial

KILLS = 6
CUSTOMERS = ("/1k", "/1k", "/10k")
SETTINGS = {
    "TIERS": json.dumps(TIERS),
    "PRIVACY__ALLOW_LINKABLE_PAYMENTS": "true",
    "INVOICES__POW_BITS": "0",
    "INVOICES__POW_BITS_WHEN_FULL": "0",
    "INVOICES__PER_S": "10000",
    "INVOICES__MAX_OPEN_PER_CONNECTION": "10000",
    "LIMITS__EVENTS_PER_S": "100000",
    "LIMITS__RING_LINKS_PER_S": "1000000",
}
PRICES = {tier["path"]: tier.get("price_sat", 0) for tier in TIERS}


@dataclass
class Market:
    """What customers have in hand, whatever becomes of the relay; `seen` counts what a reader was shown."""

    node: LndStub
    draw: random.Random
    notes: dict[str, Event] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    async def pay(self, note_id: str) -> None:
        await self.node.pay(self.offers[note_id].bolt11)
        self.paid.add(note_id)

    async def pay_some(self) -> None:
        """Pay about half of what is open; a wallet does not ask whether the relay is there."""
        for note_id in sorted(self.offers.keys() - self.paid):
            if self.draw.random() < 0.5:
                await self.pay(note_id)

    @property
    def msat(self) -> int:
        return sum(made.received_msat for made in self.node.made)


async def buy(url: str, path: str, market: Market) -> None:
    """Order one note after another and pay for most of them, until the relay is gone."""
    try:
        async with Client(url + path) as client:
            while True:
                note = make_ring_note(secrets.token_hex(8), ring_size=3)
                market.notes[note.id], market.paths[note.id] = note, path
                await client.send("EVENT", note)
                await read_offer_for(note.id, client, market)
                if market.draw.random() < 0.6:
                    await market.pay(note.id)
    except (ConnectionClosed, OSError, EOFError):
        return


async def read_offer_for(note_id: str, client: Client, market: Market) -> None:
    """Read answers up to the one that asks for the note's price; those before it say that others are kept."""
    while note_id not in market.offers:
        answered, accepted, text = await client.next("OK")
        if accepted:
            market.told.add(answered)
            continue
        offer = read_offer(text)
        assert offer is not None, text
        market.offers[answered] = offer


async def watch(url: str, market: Market) -> None:
    """Count what is shown live, until the relay is gone."""
    try:
        async with Client(url) as client:
            await client.send("REQ", "live", {"limit": 0})
            async for frame in client.websocket:
                message = json.loads(frame)
                if message[0] == "EVENT":
                    market.seen[message[2]["id"]] += 1
    except (ConnectionClosed, OSError, EOFError):
        return


async def order_again(url: str, market: Market) -> None:
    """Send what is open once more, and expect the same invoice: no crash has lost one that was shown."""
    for path in sorted(set(CUSTOMERS)):
        async with Client(url + path) as client:
            for note_id in sorted(market.offers.keys() - market.paid):
                if market.paths[note_id] == path:
                    _, text = await client.publish(market.notes[note_id])
                    offer = read_offer(text)
                    assert offer is not None, text
                    assert offer.bolt11 == market.offers[note_id].bolt11


async def kill_while_selling(relay: ServeProcess, market: Market, takes_postgres: bool) -> None:
    wanted = len(market.offers) + market.draw.randrange(5, 60)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(relay.url, market))
        for path in CUSTOMERS:
            group.create_task(buy(relay.url, path, market))
        await until(lambda: len(market.offers) >= wanted)
        if takes_postgres:
            await relay.kill_everything()
        else:
            send_signal(relay.pid, signal.SIGKILL)
            await relay.wait_for_end()


async def read_rows(relay: ServeProcess, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query)
        return rows
    finally:
        await connection.close()


async def test_every_note_that_was_paid_for_around_kills_is_published_once_and_no_other(
    reachable_directory: Path, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    market = Market(LndStub(tmp_path), random.Random(seed))
    await market.node.start()
    section = market.node.section.model_dump(exclude_none=True, exclude={"backend"})
    lightning = {f"LIGHTNING__{name.upper()}": str(value) for name, value in section.items()}
    try:
        async with serve(reachable_directory, LIGHTNING__BACKEND="lnd", **lightning, **SETTINGS) as relay:
            for number in range(KILLS):
                await kill_while_selling(relay, market, takes_postgres=number % 2 == 0)
                await market.pay_some()
                await relay.start()
                await relay.wait_until_ready()
            await order_again(relay.url, market)
            await market.pay_some()

            async def is_all_shown() -> bool:
                return len(await read_rows(relay, "SELECT id FROM notes")) >= len(market.paid)

            await until(is_all_shown)
            ranks = {
                row["id"].hex(): row["price_paid_msat"]
                for row in await read_rows(relay, "SELECT id, price_paid_msat FROM notes")
            }
            assert ranks == {note_id: 1_000 * PRICES[market.paths[note_id]] for note_id in market.paid}
            assert sorted(await fetch_ids(relay.url, market.notes)) == sorted(market.paid)
            assert await read_rows(relay, "SELECT FROM unapplied_payments") == []
            assert sum(ranks.values()) == market.msat
    finally:
        await market.node.stop()
    assert market.told <= market.paid
    assert market.seen.keys() <= market.paid
    assert set(market.seen.values()) <= {1}
    # Else no kill came between a payment and its publication.
    assert market.paid - market.seen.keys()
    assert market.offers.keys() - market.paid
