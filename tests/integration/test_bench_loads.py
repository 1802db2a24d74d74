"""The loads of make bench against real relays, and against relays that refuse."""

import asyncio
import json
from typing import Any

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve

from bench.client import LoadError, connected
from bench.loads import deliver_all, post_all, post_one_by_one, query_all, subscribe
from bench.neighbour import watching
from bench.relay_process import run_prototype
from relay.protocol.event import encode_event
from tests.support.events import make_event
from tests.support.priced_relay import ok, run_priced_relay
from tests.support.relays import OPEN_HOUSE, relay_on


def make_notes(count: int) -> list[bytes]:
    return [
        encode_event(make_event(content=f"note {number}", created_at=1_700_000_000 + number)) for number in range(count)
    ]


async def test_every_note_is_posted_and_every_query_answered(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **OPEN_HOUSE) as url:
        posted = await post_all(url, make_notes(50), connections=3, window=4)
        alone = await post_one_by_one(url, make_notes(50)[:5])
        asked = await query_all(url, [b'{"limit":10}'] * 25, connections=4)
    assert (posted.count, alone.count, len(alone.waits_s)) == (50, 5, 5)
    assert (asked.count, asked.notes, asked.failed, len(asked.waits_s)) == (25, 250, 0, 25)
    assert min(*alone.waits_s, *asked.waits_s, posted.seconds) > 0


async def test_a_fan_out_ends_when_each_subscriber_has_each_note(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **OPEN_HOUSE) as url, connected(url, 5) as clients:
        await subscribe(clients)
        at_once = await deliver_all(url, clients, make_notes(10))
        paced = await deliver_all(
            url, clients, [encode_event(make_event(content=f"paced {n}")) for n in range(4)], 100.0
        )
    assert (at_once.count, len(at_once.waits_s)) == (50, 50)
    assert (paced.count, len(paced.waits_s)) == (20, 20)
    assert paced.seconds >= 0.03


async def test_a_refusal_ends_a_load_with_its_reason() -> None:
    async with run_priced_relay(ok(False, "blocked: not here")) as relay:
        with pytest.raises(LoadError, match="blocked: not here"):
            await post_all(relay.url, make_notes(3), connections=1)
        with pytest.raises(LoadError, match="blocked: not here"):
            await post_one_by_one(relay.url, make_notes(3))


async def test_a_query_that_a_relay_gives_up_is_counted_apart() -> None:
    async def refuse(connection: ServerConnection) -> None:
        async for frame in connection:
            await connection.send(json.dumps(["CLOSED", json.loads(frame)[1], "error: the query took too long"]))

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        asked = await query_all(f"ws://127.0.0.1:{port}", [b"{}"] * 6, connections=2)
    assert (asked.count, asked.failed, asked.notes) == (6, 6, 0)


async def test_a_relay_that_is_not_there_is_named() -> None:
    with pytest.raises(LoadError, match=r"127\.0\.0\.1:1 refuses a connection"):
        await post_all("ws://127.0.0.1:1", make_notes(1))


def test_a_second_client_tells_what_it_felt_while_others_posted() -> None:
    with run_prototype() as prototype, watching(prototype.url) as felt:
        uvloop.run(_post_for_a_while(prototype.url))
    assert len(felt.events_s) >= len(felt.reqs_s) >= 2
    measures = felt.describe()
    assert measures["event_p99_ms"] >= measures["event_p50_ms"] > 0
    assert measures["req_p99_ms"] >= measures["req_p50_ms"] > 0


async def _post_for_a_while(url: str) -> None:
    async with asyncio.timeout(60.0):
        for _ in range(5):
            await post_all(url, make_notes(400))
