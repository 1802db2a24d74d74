"""A note's whole way through a priced path, whatever node makes the invoice and whoever pays it; it must not know any node."""

from pathlib import Path
from typing import Any, Protocol

import pytest

from relay.pricing.bolt11 import read_amount_msat
from relay.pricing.offer import Offer
from relay.protocol import nip19
from tests.support.client import Client, as_json
from tests.support.command import start
from tests.support.events import KEYS, make_ring, make_ring_note
from tests.support.lightning_rig import LightningRig
from tests.support.paid import order, token_of
from tests.support.priced_relay import finish, read_until
from tests.support.relays import relay_on
from tests.support.rest import call

PRICE_SAT = 210
PATH = "/210"
TIERS = [{"path": "/"}, {"path": PATH, "price_sat": PRICE_SAT}]
# As the configuration has it.
POW_BITS = 12


async def find_pay_state(offer: Offer) -> str:
    """Return what the pay page says of a note that was paid for."""
    status = await call("GET", offer.pay_url, headers={"Accept": "application/json"})
    return str(status["state"])


class RealNode(LightningRig, Protocol):
    """Run a node that has files."""

    def read_files(self) -> bytes:
        """Return all that the node wrote down."""


class PaidNotes:
    """Hold the tests; a class beneath it has a fixture `rig`."""

    @pytest.fixture
    def signing(self, tmp_path: Path) -> tuple[str, ...]:
        """Give the options that name a ring and the key of one of its members."""
        ring, key = tmp_path / "ring.txt", tmp_path / "me.key"
        ring.write_text("".join(nip19.encode_npub(member) + "\n" for member in make_ring(12)))
        key.write_text(nip19.encode_nsec(KEYS[3].secret) + "\n")
        key.chmod(0o600)
        return "--ring", str(ring), "--key-file", str(key)

    async def test_paid_note_appears_to_waiting_subscribers(self, rig: RealNode, database18: dict[str, Any]) -> None:
        note = make_ring_note("worth its price", pow_bits=POW_BITS)
        async with (
            relay_on(database18, lightning=rig.section, tiers=TIERS) as url,
            Client(url) as reader,
            Client(url + PATH) as reader_of_paid,
            Client(url + PATH) as author,
        ):
            await reader.follow(kinds=[1])
            await reader_of_paid.follow(kinds=[1])
            offer = await order(author, note)
            assert (offer.amount_sat, read_amount_msat(offer.bolt11)) == (PRICE_SAT, PRICE_SAT * 1_000)
            assert await reader.fetch({"ids": [note.id]}) == []
            await rig.pay(offer.bolt11)
            assert await reader.next("EVENT") == ["live", as_json(note)]
            assert await reader_of_paid.next("EVENT") == ["live", as_json(note)]
            assert (await author.next("OK"))[:2] == [note.id, True]
            assert await find_pay_state(offer) == "published"

    async def test_author_who_waits_hears_of_the_publication(
        self, rig: RealNode, database18: dict[str, Any], signing: tuple[str, ...]
    ) -> None:
        async with relay_on(database18, lightning=rig.section, tiers=TIERS) as url, Client(url) as reader:
            await reader.follow(kinds=[1])
            process = await start("publish", url + PATH, *signing)
            assert process.stdin is not None
            process.stdin.write(b"said by one of us")
            process.stdin.close()
            shown = await read_until(process, "Waiting")
            (bolt11,) = [line for line in shown.splitlines() if line.startswith("ln")]
            await rig.pay(bolt11)
            _, note = await reader.next("EVENT")
            done = await finish(process)
        assert (done.status, done.out.split()[:2]) == (0, [note["id"], "accepted"]), done
        assert note["content"] == "said by one of us"

    async def test_node_writes_down_nothing_of_the_note(self, rig: RealNode, database18: dict[str, Any]) -> None:
        note = make_ring_note("known to its readers only", pow_bits=POW_BITS)
        async with (
            relay_on(database18, lightning=rig.section, tiers=TIERS) as url,
            Client(url) as reader,
            Client(url + PATH) as author,
        ):
            await reader.follow(kinds=[1])
            offer = await order(author, note)
            await rig.pay(offer.bolt11)
            assert await reader.next("EVENT") == ["live", as_json(note)]
        written = rig.read_files()
        assert offer.bolt11.encode() in written
        assert note.content.encode() not in written
        for unknown in (note.id, note.pubkey, note.sig, token_of(offer), *(member.hex() for member in make_ring())):
            assert unknown.encode() not in written
            assert bytes.fromhex(unknown) not in written

    async def test_note_paid_for_while_the_relay_is_away_is_published_when_it_is_back(
        self, rig: RealNode, database18: dict[str, Any]
    ) -> None:
        note = make_ring_note("paid in between", pow_bits=POW_BITS)
        sections: dict[str, Any] = {"lightning": rig.section, "tiers": TIERS}
        async with relay_on(database18, **sections) as url, Client(url + PATH) as author:
            offer = await order(author, note)
        await rig.pay(offer.bolt11)
        async with relay_on(database18, **sections) as url, Client(url) as reader:
            await reader.send("REQ", "any", {"ids": [note.id]})
            messages = [await reader.receive(), await reader.receive()]
        # It is there already, or comes live.
        assert sorted(messages) == [["EOSE", "any", ["finish"]], ["EVENT", "any", as_json(note)]]
