"""A WebSocket from its handshake on: what the library would answer, pings, and what the kernel holds of it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from relay.gateway.listener import keep_kernel_buffers_small
from relay.gateway.websocket import accept_handshake
from relay.http.answer import Refused
from relay.http.head import parse_head
from tests.support.raw import SilentClient, connect_silently, make_handshake
from tests.support.relays import relay_on
from tests.support.time_factor import scaled

_PING, _CLOSE, _INTERNAL_ERROR = 9, 8, 1011
_HEAD = make_handshake({"Origin": "https://x", "Sec-WebSocket-Protocol": "nostr", "Cookie": "a=b"}).removesuffix(
    b"\r\n\r\n"
)


@asynccontextmanager
async def pinged_client(database: dict[str, Any], **limits: float) -> AsyncIterator[SilentClient]:
    """Give a client that answers no ping."""
    async with relay_on(database, limits=limits) as url, connect_silently(url) as client:
        yield client


def make_pong(payload: bytes) -> bytes:
    """Return a pong, masked with zeros."""
    return bytes((0x8A, 0x80 | len(payload))) + bytes(4) + payload


def answer_of_library(head: bytes) -> tuple[int, bytes]:
    """Return what the websockets library answers to a handshake that it reads itself, without the Date."""
    lines = head.decode().split("\r\n")
    headers = Headers([tuple(line.split(": ", 1)) for line in lines[1:]])  # type: ignore[misc]
    response = ServerProtocol().accept(Request("/", headers))
    del response.headers["Date"]
    return response.status_code, response.serialize()


def test_a_handshake_is_answered_as_the_library_answers_it() -> None:
    assert accept_handshake(parse_head(_HEAD), ServerProtocol()) == answer_of_library(_HEAD)[1]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"),
        (b"Sec-WebSocket-Version: 13\r\n", b""),
        (b"MTIzNDU2Nzg5MDEyMzQ1Ng==", b"MTIz"),
        (b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
        (b"Connection: Upgrade", b"Connection: close"),
        (b"Sec-WebSocket-Protocol: nostr", b"Sec-WebSocket-Protocol: (nostr)"),
    ],
)
def test_a_wrong_handshake_is_refused_with_the_status_of_the_library(right: bytes, wrong: bytes) -> None:
    head = _HEAD.replace(right, wrong)
    assert head != _HEAD
    with pytest.raises(Refused) as caught:
        accept_handshake(parse_head(head), ServerProtocol())
    assert caught.value.answer.status == answer_of_library(head)[0]


def test_what_a_handshake_says_of_its_client_is_not_kept() -> None:
    protocol = ServerProtocol()
    accept_handshake(parse_head(_HEAD), protocol)
    assert protocol.origin is None


async def test_a_client_that_answers_pings_gets_them_again_and_again(database18: dict[str, Any]) -> None:
    # The time to answer is longer than the interval, as it is by default.
    async with pinged_client(database18, ping_interval_s=0.05, ping_timeout_s=scaled(30.0)) as client:
        payloads = set()
        for _ in range(4):
            opcode, payload = await client.receive()
            assert opcode == _PING
            payloads.add(payload)
            await client.send_raw(make_pong(payload))
        assert len(payloads) == 4


async def test_a_client_that_answers_no_ping_is_closed(database18: dict[str, Any]) -> None:
    async with pinged_client(database18, ping_interval_s=0.05, ping_timeout_s=0.1) as client:
        # A pong to no ping does not count.
        await client.send_raw(make_pong(b"none"))
        assert (await client.receive())[0] == _PING
        opcode, payload = await client.receive()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (_CLOSE, _INTERNAL_ERROR)
        with pytest.raises(EOFError):
            await client.receive()


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no TCP_NOTSENT_LOWAT")
async def test_a_connection_has_few_unsent_bytes_in_the_kernel() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))
        writer.close()

    async with await asyncio.start_server(look, "127.0.0.1", 0) as server:
        keep_kernel_buffers_small(server)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await accepted == 131_072
        writer.close()
