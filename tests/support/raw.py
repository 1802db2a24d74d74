"""HTTP and WebSocket by hand: what a proper client would not send, and a client that does not read."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from tests.support.client import TIMEOUT_S, to_json
from tests.support.time_factor import scaled

_TEXT, _CLOSE = 1, 8
# A client's first message may wait behind megabytes.
_SILENT_TIMEOUT_S = scaled(30.0)
# A send that does not get on for so long does not get on at all.
_STUCK_S = scaled(2.0)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def exchange(port: int, data: bytes, *, source: str = "127.0.0.1", is_cut: bool = False) -> bytes:
    """Send bytes as they stand, with the end of the stream after them if cut, and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(data)
        if is_cut:
            writer.write_eof()
        async with asyncio.timeout(TIMEOUT_S):
            return await reader.read()
    finally:
        writer.close()


async def request(port: int, text: str) -> tuple[int, dict[str, str], bytes]:
    """Send one HTTP request, its lines apart by newlines, and return the answer's status, headers and body."""
    return parse_answer(await exchange(port, text.replace("\n", "\r\n").encode() + b"\r\n\r\n"))


def parse_answer(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of an HTTP answer, the names of the headers in lower case."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}, body


async def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    return await request(port, f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close")


def make_handshake(headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n{lines}\r\n"
    ).encode()


def make_text_frame(payload: bytes, size: int | None = None) -> bytes:
    """Return a text frame, masked with zeros, which change nothing (RFC 6455 5.3). It may claim another size."""
    size = len(payload) if size is None else size
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 65_536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return b"\x81" + length + bytes(4) + payload


class SilentClient:
    """Speak WebSocket by hand: read only when told to, and answer no ping and no close."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()

    async def shake_hands(self) -> None:
        await self.send_raw(make_handshake())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await self._take(1)
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    async def send(self, *message: Any) -> None:
        await self.send_raw(self.frame(*message))

    async def send_raw(self, data: bytes) -> None:
        async with asyncio.timeout(_SILENT_TIMEOUT_S):
            await self._loop.sock_sendall(self._socket, data)

    async def flood(self, data: bytes, most_bytes: int) -> int:
        """Send the same again and again until it does not get on, and return how many bytes did."""
        sent = 0
        view = memoryview(data)
        try:
            while sent < most_bytes:
                async with asyncio.timeout(_STUCK_S):
                    # Whole frames, except where it gets stuck: nothing is sent after that.
                    await self._loop.sock_sendall(self._socket, view)
                sent += len(data)
        except TimeoutError:
            pass
        return sent

    @staticmethod
    def frame(*message: Any) -> bytes:
        return make_text_frame(json.dumps([to_json(part) for part in message]).encode())

    async def receive(self) -> tuple[int, bytes]:
        """Return the next frame: opcode and payload. Raises EOFError at the end, however it came."""
        head = await self._take(2)
        size = head[1]
        if size >= 126:
            size = int.from_bytes(await self._take(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, await self._take(size)

    async def receive_message(self) -> list[Any]:
        """Return the next text message, skipping pings."""
        while True:
            opcode, payload = await self.receive()
            if opcode == _TEXT:
                message: list[Any] = json.loads(payload)
                return message

    async def follow(self, **filter_: Any) -> None:
        """Subscribe to what comes from now on, as `live`."""
        await self.send("REQ", "live", {**filter_, "limit": 0})
        assert await self.receive_message() == ["EOSE", "live"]

    async def read_to_end(self) -> tuple[list[list[Any]], int | None]:
        """Return all messages until the connection ends, and the code of the closing frame if there was one."""
        messages: list[list[Any]] = []
        code = None
        try:
            while True:
                opcode, payload = await self.receive()
                if opcode == _TEXT:
                    messages.append(json.loads(payload))
                elif opcode == _CLOSE:
                    code = int.from_bytes(payload[:2], "big")
        except EOFError:
            return messages, code

    async def _take(self, size: int) -> bytes:
        async with asyncio.timeout(_SILENT_TIMEOUT_S):
            while len(self._received) < size:
                try:
                    data = await self._loop.sock_recv(self._socket, 262_144)
                except ConnectionError:
                    data = b""
                if not data:
                    raise EOFError
                self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


@asynccontextmanager
async def connect_silently(url: str) -> AsyncIterator[SilentClient]:
    """Connect with a small receive buffer, so that little is kept by the kernel."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port_of(url)))
        client = SilentClient(sock)
        await client.shake_hands()
        yield client
