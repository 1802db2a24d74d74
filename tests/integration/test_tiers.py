"""Tiers on URL paths: what each takes and says of itself, what is read there, and how they change while the relay runs."""

import json
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from relay.config import Config, ConfigError
from relay.log import Log
from relay.protocol.event import Event
from relay.server import Relay, running
from relay.storage.row import Result, SaveResult
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note, make_unlucky, to_ring_note
from tests.support.paid import INVOICES, TIERS, shop
from tests.support.processes import serve
from tests.support.raw import port_of, request
from tests.support.relays import make_config, relay_on, to_url
from tests.support.waiting import until

FREE, CHEAP, EXPENSIVE = 0, 1_000_000, 10_000_000
# Nothing is sold in most of these tests, so nobody is ever asked.
NO_NODE = {"backend": "lnbits", "url": "http://127.0.0.1:1", "secret": "not used"}


def make_tiered(arguments: dict[str, Any], **sections: Any) -> Config:
    return make_config(arguments, **{"lightning": NO_NODE, "tiers": TIERS, **sections})


async def keep(relay: Relay, note: Event, price_paid_msat: int) -> Result:
    """Store a note, or raise it, as one that was paid for is."""
    return await relay._writer.save(replace(to_ring_note(note), price_paid_msat=price_paid_msat))


async def read_info(url: str, path: str) -> dict[str, Any]:
    head = f"GET {path} HTTP/1.1\nHost: x\nAccept: application/nostr+json"
    status, _, body = await request(port_of(url), head)
    assert status == 200
    info: dict[str, Any] = json.loads(body)
    return info


async def test_each_path_says_what_it_takes(database18: dict[str, Any], tmp_path: Path) -> None:
    tiers = [{"path": "/", "pow_bits": 9}, {"path": "/10k", "price_sat": 10_000, "max_ring": 100, "max_kib": 64}]
    sections: dict[str, Any] = {"tiers": tiers, "accept": {"plain": True}, "invoices": {"pow_bits": 7}}
    async with shop(database18, tmp_path, **sections) as sold:
        free, priced = await read_info(sold.url, "/"), await read_info(sold.url, "/10k?a=b")
        assert "fees" not in free
        assert "payments_url" not in free
        assert free["limitation"]["min_pow_difficulty"] == 9
        # A client that mines what it reads here is offered the note's price at once.
        assert priced["limitation"]["min_pow_difficulty"] == 7
        assert free["limitation"]["restricted_writes"] is False
        assert priced["fees"] == {"publication": [{"amount": 10_000_000, "unit": "msats"}]}
        assert priced["payments_url"] == f"http://127.0.0.1:{port_of(sold.url)}/10k"
        assert priced["limitation"]["restricted_writes"] is True
        assert priced["limitation"]["payment_required"] is free["limitation"]["payment_required"] is False
        assert priced["ring_notes"]["max_ring_size"] == 100
        assert free["tiers"] == priced["tiers"]
        assert free["tiers"] == [
            {"path": "/", "pow_bits": 9, "price_msat": 0, "shows_from_msat": 0},
            {
                "path": "/10k",
                "pow_bits": 0,
                "price_msat": 10_000_000,
                "shows_from_msat": 10_000_000,
                "max_ring": 100,
                "max_kib": 64,
            },
        ]
        status, _, page = await request(port_of(sold.url), "GET /10k HTTP/1.1\nHost: x\nAccept: text/html")
        assert status == 200
        assert b"10,000 sat" in page


@pytest.mark.parametrize("filter_", [{}, {"#t": ["x"]}, {"kinds": [1]}, {"search": "minring:3"}, {"limit": 9}])
async def test_a_path_shows_notes_of_its_price_and_above(database: dict[str, Any], filter_: dict[str, Any]) -> None:
    async with running(make_tiered(database), Log()) as relay:
        notes = []
        for place, price_paid_msat in enumerate((FREE, CHEAP, EXPENSIVE)):
            notes.append(make_ring_note(str(price_paid_msat), created_at=5 - place, tags=(("t", "x"),)))
            await keep(relay, notes[-1], price_paid_msat)
        for place, path in enumerate(("/", "/1k", "/10k")):
            visible = [as_json(note) for note in notes[place:]]
            async with Client(to_url(relay) + path) as client:
                assert await client.fetch(filter_) == visible
                await client.send("COUNT", "c", filter_)
                assert await client.next("COUNT") == ["c", {"count": len(visible), "counted": "notes"}]


async def test_an_upgraded_note_appears_once_where_it_was_not_shown_yet(database: dict[str, Any]) -> None:
    async with (
        running(make_tiered(database), Log()) as relay,
        running(make_tiered(database), Log()) as other,
        AsyncExitStack() as stack,
    ):
        # Subscribers of another process learn of it, too.
        followers = {}
        for path in ("", "/1k", "/10k"):
            followers[path] = [await stack.enter_async_context(Client(to_url(each) + path)) for each in (relay, other)]
            for client in followers[path]:
                await client.follow()
        note, last = make_ring_note("note"), make_ring_note("last")
        for path, price_paid_msat in (("", FREE), ("/1k", CHEAP), ("/10k", EXPENSIVE)):
            await keep(relay, note, price_paid_msat)
            for client in followers[path]:
                assert await client.next("EVENT") == ["live", as_json(note)]
        # It never falls.
        assert await keep(relay, note, CHEAP) is SaveResult.DUPLICATE
        await keep(relay, last, EXPENSIVE)
        for client in chain.from_iterable(followers.values()):
            assert await client.next("EVENT") == ["live", as_json(last)]
        for client in followers["/10k"]:
            assert as_json(note) in await client.fetch({})


async def test_ephemeral_events_are_not_sold(database18: dict[str, Any]) -> None:
    config = make_tiered(database18, invoices=INVOICES)
    async with running(config, Log()) as relay, Client(f"{to_url(relay)}/1k") as client:
        text = "blocked: ephemeral events are not stored, so they are not sold; send it on a path without a price"
        assert await client.publish(make_ring_note(kind=20_001)) == (False, text)


async def test_a_bare_deletion_of_what_is_here_is_free_and_shown_where_that_was(database: dict[str, Any]) -> None:
    author = KEYS[9]
    async with running(make_tiered(database, tiers=[{"path": "/", "pow_bits": 30}, *TIERS[1:]]), Log()) as relay:
        for path in ("/", "/1k", "/10k"):
            note = make_ring_note(path, author=author)
            await keep(relay, note, CHEAP)
            bare = make_event(key=author, kind=5, content="", tags=(("e", note.id), ("k", "1")))
            async with Client(to_url(relay) + path) as client, Client(f"{to_url(relay)}/1k") as reader:
                await reader.follow()
                wordy = make_event(key=author, kind=5, content="words", tags=(("e", note.id),))
                other = make_event(key=KEYS[8], kind=5, content="", tags=(("e", note.id),))
                nothing = make_event(key=author, kind=5, content="", tags=(("e", "0" * 64),))
                # What is named beside it could be anything, put before readers for nothing.
                more = make_event(key=author, kind=5, content="", tags=(("e", note.id), ("e", "5" * 64)))
                for costly in (wordy, other, nothing, more):
                    accepted, text = await client.publish(costly)
                    assert not accepted
                    assert text.startswith("pow: ")
                assert await client.publish(bare) == (True, "")
                assert await reader.next("EVENT") == ["live", as_json(bare)]
                assert await reader.fetch({"ids": [note.id]}) == []
                assert await client.publish(bare) == (True, "duplicate: already have this event")
            async with Client(f"{to_url(relay)}/10k") as expensive:
                # It was not shown there, and a note that costs nothing is no way in.
                assert await expensive.fetch({"ids": [bare.id]}) == []


async def test_a_path_that_is_taken_away_says_so(database18: dict[str, Any]) -> None:
    async with running(make_tiered(database18), Log()) as relay, Client(f"{to_url(relay)}/1k") as client:
        assert await relay.reload(make_tiered(database18, tiers=TIERS[:1])) is False
        text = "restricted: this path is gone; reconnect to one that the info document names"
        assert await client.publish(make_ring_note()) == (False, text)
        await client.send("REQ", "s", {})
        assert await client.next("CLOSED") == ["s", text]
        await client.send("COUNT", "s", {})
        assert await client.next("CLOSED") == ["s", text]
        with pytest.raises(InvalidStatus) as caught:
            async with Client(f"{to_url(relay)}/1k"):
                pass
        assert caught.value.response.status_code == 404


async def test_a_price_needs_a_node_also_after_a_reload(database18: dict[str, Any]) -> None:
    config = make_config(database18)
    async with running(config, Log()) as relay:
        with pytest.raises(ConfigError, match="started without a Lightning node"):
            await relay.reload(make_tiered(database18))
        assert relay._tiers.find_tier("/1k") is None


async def test_sighup_reads_the_tiers_again_and_disconnects_nobody(reachable_directory: Path) -> None:
    file = reachable_directory / "relay.toml"
    file.write_text('[[tiers]]\npath = "/"\n')
    unlucky = make_unlucky()
    async with serve(reachable_directory) as relay, Client(relay.url) as client:

        def has_logged(text: str) -> bool:
            return text in relay.log

        for text, logged, answer in (
            ('[[tiers]]\npath = "/"\npow_bits = 1\n', "'in force now'", (False, "pow: 1 bits")),
            ('[[tiers]]\npath = "/other"\n', "reload_refused", (False, "pow: 1 bits")),
            ("[limits\n", "nothing has changed", (False, "pow: 1 bits")),
            ('[limits]\nmax_tags = 5\n[[tiers]]\npath = "/"\n', "restart the relay for the other keys", (True, "")),
        ):
            file.write_text(text)
            relay.process.send_signal(signal.SIGHUP)
            await until(partial(has_logged, logged))
            accepted, said = await client.publish(unlucky)
            assert (accepted, said[:11]) == answer
        await relay.stop()


async def test_the_default_takes_a_note_with_sixteen_bits_and_asks_for_them(database18: dict[str, Any]) -> None:
    async with relay_on(database18, tiers=Config().tiers) as url, Client(url) as client:
        text = "pow: 16 bits of proof of work are needed for this note (NIP-13); mine a nonce"
        assert await client.publish(make_ring_note()) == (False, text)
        assert await client.publish(make_ring_note(pow_bits=16)) == (True, "")
