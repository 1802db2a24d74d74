"""The outbox frames as RFC 6455 says, joins a loop turn's messages, and leans on websockets only where it may."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.protocol import OPEN, State

from relay.delivery.live_note import LiveNote
from relay.delivery.outbox import LOW_BUFFER_BYTES, Outbox
from relay.protocol.messages import encode_event_prefix
from tests.support.events import make_event, to_note
from tests.support.time_factor import scaled


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[ServerConnection, ClientConnection, list[int]]]:
    """Give both ends of a real connection."""
    arrived: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def keep(websocket: ServerConnection) -> None:
        arrived.set_result(websocket)
        await websocket.wait_closed()

    async with serve(keep, "127.0.0.1", 0, compression=None, write_limit=LOW_BUFFER_BYTES) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None) as client:
            yield await arrived, client, []


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
async def test_a_message_of_any_size_arrives_whole(size: int) -> None:
    async with connected() as (server, client, counted):
        outbox = Outbox(server, counted.append)
        outbox.send(b"x" * (size // 2), b"y" * (size - size // 2))
        assert await client.recv() == "x" * (size // 2) + "y" * (size - size // 2)
        assert size < sum(counted) <= size + 10


async def test_messages_of_one_loop_turn_leave_in_one_write_and_in_order() -> None:
    async with connected() as (server, client, counted):
        outbox = Outbox(server, counted.append)
        for number in range(100):
            outbox.send(b"%d" % number)
        assert outbox.pending_bytes >= 190
        assert [await client.recv() for _ in range(100)] == [str(number) for number in range(100)]
        assert len(counted) == 1


async def test_the_library_s_own_frames_interleave_whole() -> None:
    async with connected() as (server, client, counted):
        outbox = Outbox(server, counted.append)
        for _ in range(50):
            outbox.send(b"z" * 5000)
            pong = await server.ping()
            outbox.send(b"after the ping")
            assert await client.recv() == "z" * 5000
            assert await client.recv() == "after the ping"
            await pong


async def test_after_the_closing_handshake_began_nothing_is_sent() -> None:
    async with connected() as (server, client, counted):
        outbox = Outbox(server, counted.append)
        await client.close()
        await server.wait_closed()
        outbox.send(b"too late")
        outbox.flush()
        assert counted == []
        assert outbox.pending_bytes == 0


async def test_drain_waits_for_a_client_that_does_not_read() -> None:
    async with connected() as (server, client, counted):
        outbox = Outbox(server, counted.append)
        client.transport.pause_reading()
        for _ in range(200):
            outbox.send(b"x" * 65_536)
        outbox.flush()
        assert outbox.is_congested
        draining = asyncio.ensure_future(outbox.drain())
        done, _ = await asyncio.wait([draining], timeout=0.2)
        assert not done
        client.transport.resume_reading()
        for _ in range(200):
            await client.recv()
        await asyncio.wait_for(draining, scaled(10))


async def test_a_live_note_s_frame_is_that_of_its_event_message() -> None:
    note = to_note(make_event(content="x" * 200))
    async with connected() as (server, client, counted):
        outbox, live_note = Outbox(server, counted.append), LiveNote(note)
        # Ids of two lengths, and one that JSON escapes.
        for name in ("s", 'long "name"', "t"):
            outbox.send_frame(live_note.frame(encode_event_prefix(name)))
            assert json.loads(await client.recv()) == ["EVENT", name, json.loads(note.encoded)]


async def test_what_may_be_unread_is_never_said_to_be_less_than_it_is() -> None:
    async with connected() as (server, client, counted):
        outbox = Outbox(server, counted.append)
        client.transport.pause_reading()
        for _ in range(300):
            outbox.send(b"x" * 65_536)
            assert outbox.most_pending_bytes >= 65_536
            outbox.flush()
            await asyncio.sleep(0)
            most = outbox.most_pending_bytes
            assert most >= outbox.pending_bytes == outbox.most_pending_bytes
        assert outbox.pending_bytes > LOW_BUFFER_BYTES
        client.transport.resume_reading()
        for _ in range(300):
            await client.recv()
        await outbox.drain()
        assert outbox.pending_bytes == 0


async def test_what_the_outbox_leans_on_is_as_it_was() -> None:
    """websockets is pinned; when the pin moves, these are what to look at first."""
    assert version("websockets").startswith("17.")
    async with connected() as (server, _, __):
        assert server.protocol.state is OPEN is State.OPEN
        assert isinstance(server.transport, asyncio.Transport)
        assert asyncio.iscoroutinefunction(server.drain)
        # The library writes whole frames to the transport at once and keeps no buffer of its own in between.
        assert list(server.protocol.data_to_send()) == []
        assert server.protocol.extensions == []
        assert server.send_in_progress is None
