"""Authors can pad their frames: white space is taken and not kept, and nothing compresses it away."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from relay.limits import Limits
from relay.protocol.event import encode_event
from tests.support.client import TIMEOUT_S, Client, as_json, to_json
from tests.support.events import make_ring_note
from tests.support.raw import make_handshake, port_of
from tests.support.relays import relay_on

_MAX_BYTES = Limits().max_message_bytes


@pytest.fixture
async def url(database18: dict[str, Any]) -> AsyncIterator[str]:
    async with relay_on(database18) as url:
        yield url


def _pad(event: Any, size: int) -> str:
    frame = json.dumps(["EVENT", to_json(event)])
    return frame + " \t\r\n" * ((size - len(frame)) // 4) + " " * ((size - len(frame)) % 4)


@pytest.mark.parametrize("size", [4_096, 16_384, 65_536, _MAX_BYTES])
async def test_white_space_after_an_event_is_accepted_up_to_the_limit_and_not_stored(
    url: str, database18: dict[str, Any], size: int
) -> None:
    note = make_ring_note()
    frame = _pad(note, size)
    assert len(frame) == size
    async with Client(url) as client:
        await client.send_raw(frame)
        assert await client.next("OK") == [note.id, True, ""]
        assert await client.fetch({"ids": [note.id]}) == [as_json(note)]
    connection = await asyncpg.connect(**database18)
    try:
        assert await connection.fetchval("SELECT event FROM notes") == encode_event(note)
    finally:
        await connection.close()


async def test_white_space_between_the_parts_of_an_event_is_not_sent_on(url: str) -> None:
    note = make_ring_note()
    async with Client(url) as reader, Client(url) as author:
        await reader.follow()
        await author.send_raw(json.dumps(["EVENT", to_json(note)], indent="\n\t    ").center(20_000))
        assert (await author.next("OK"))[1]
        async with asyncio.timeout(TIMEOUT_S):
            frame = await reader.websocket.recv(decode=False)
    assert frame == b'["EVENT","live",' + encode_event(note) + b"]"


async def test_a_padded_frame_over_the_limit_closes_the_connection(url: str) -> None:
    async with Client(url) as client:
        await client.send_raw(_pad(make_ring_note(), _MAX_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    "offer", ["permessage-deflate", "permessage-deflate; client_max_window_bits; server_no_context_takeover"]
)
async def test_compression_is_not_negotiated_with_a_client_that_offers_it(url: str, offer: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
    writer.write(make_handshake({"Sec-WebSocket-Extensions": offer}))
    async with asyncio.timeout(TIMEOUT_S):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"extensions" not in head.lower()
        # A frame marked as compressed (RSV1) all the same is a protocol error (RFC 6455 5.2): close, code 1002.
        writer.write(bytes((0xC1, 0x80)) + secrets.token_bytes(4))
        frame = await reader.readexactly(4)
    writer.close()
    assert frame[0] == 0x88
    assert int.from_bytes(frame[2:4], "big") == 1002


async def test_a_client_of_the_library_gets_no_extension_either(url: str) -> None:
    async with Client(url, compression="deflate") as client:
        assert client.websocket.protocol.extensions == []
