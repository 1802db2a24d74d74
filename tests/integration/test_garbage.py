"""What a relay does leaves no cycles: it is freed at once, and the garbage collector, which stops all clients, may be rare."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from relay.log import Log
from relay.server import Relay, running
from tests.support.events import make_event, make_ring_note
from tests.support.raw import SilentClient, connect_silently
from tests.support.relays import OPEN_HOUSE, make_config, read_metric, to_url
from tests.support.waiting import until

# Of these, each connection, message or note has at least one.
_WATCHED = ("ServerProtocol", "WebSocketConnection", "Connection", "Session", "Outbox", "Subscription", "Note", "Event")
_VISITS = 6
_CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def count_watched() -> Counter[str]:
    return Counter(type(found).__qualname__ for found in gc.get_objects() if type(found).__qualname__ in _WATCHED)


async def leave_abruptly(client: SilentClient) -> None:
    pass


async def leave_in_order(client: SilentClient) -> None:
    await client.send_raw(_CLOSE)
    await client.read_to_end()


async def send_nonsense(client: SilentClient) -> None:
    # A frame that no client may send.
    await client.send_raw(b"\xff\x80\x00\x00\x00\x00")
    await client.read_to_end()


async def subscribe_and_ask(client: SilentClient) -> None:
    await client.send("REQ", "s", {"limit": 10})
    while (await client.receive_message())[0] != "EOSE":
        pass
    await client.send("COUNT", "c", {"kinds": [1]})
    assert (await client.receive_message())[0] == "COUNT"
    await client.send("REQ", "bad", {"nonsense": 1})
    assert (await client.receive_message())[0] == "CLOSED"


async def post(client: SilentClient) -> None:
    for note in (make_ring_note(), make_event(), make_event(created_at=1)):
        await client.send("EVENT", note)
        assert (await client.receive_message())[0] == "OK"


@pytest.mark.parametrize("behave", [leave_abruptly, leave_in_order, send_nonsense, subscribe_and_ask, post])
async def test_a_connection_leaves_nothing_for_the_garbage_collector(database18: dict[str, Any], behave: Any) -> None:
    async with running(make_config(database18, **OPEN_HOUSE), Log()) as relay:
        await visit(relay, behave)
        with without_collector():
            before = count_watched()
            for _ in range(_VISITS):
                await visit(relay, behave)
            # A thread that verifies keeps its last note until the next.
            await until(lambda: max((count_watched() - before).values(), default=0) < _VISITS)


async def visit(relay: Relay, behave: Any) -> None:
    async with connect_silently(to_url(relay)) as client:
        await behave(client)
    await until(lambda: read_metric(relay, "ringrelay_connections") == 0)
