"""Clients that do not read: what they cost the relay is bounded, and nobody else notices."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from relay.log import Log
from relay.server import Relay, running
from tests.adversity.test_crash import serve
from tests.support.client import Client, to_json
from tests.support.events import make_event
from tests.support.relays import make_config, to_database_url, to_url

_TEXT, _CLOSE = 1, 8
_TIMEOUT_S = 30.0
# A send that does not get on for so long does not get on at all.
_STUCK_S = 2.0
_MEBIBYTE = 1_048_576
# More than the kernel keeps for a connection on the relay's side (tcp_wmem) and on ours together.
_MOST_FLOOD_BYTES = 64 * _MEBIBYTE

OPEN_HOUSE: dict[str, dict[str, Any]] = {
    "accept": {"plain": True},
    "limits": {"events_per_s": 100_000, "reqs_per_s": 1_000},
}


class SilentClient:
    """Speak WebSocket by hand: read only when told to, and answer no ping and no close."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()

    async def send(self, *message: Any) -> None:
        await self.send_raw(self.frame(*message))

    async def send_raw(self, data: bytes) -> None:
        async with asyncio.timeout(_TIMEOUT_S):
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
        """Return a text frame, masked with zeros, which change nothing (RFC 6455 5.3)."""
        payload = json.dumps([to_json(part) for part in message]).encode()
        if len(payload) < 126:
            length = bytes((0x80 | len(payload),))
        elif len(payload) < 65_536:
            length = b"\xfe" + len(payload).to_bytes(2, "big")
        else:
            length = b"\xff" + len(payload).to_bytes(8, "big")
        return b"\x81" + length + bytes(4) + payload

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
        async with asyncio.timeout(_TIMEOUT_S):
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
    loop = asyncio.get_running_loop()
    port = urlsplit(url).port
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        request = (
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        client = SilentClient(sock)
        await client.send_raw(request.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await client._take(1)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield client


@asynccontextmanager
async def relay_in_process(arguments: dict[str, Any], **sections: dict[str, Any]) -> AsyncIterator[Relay]:
    sections = {name: {**OPEN_HOUSE.get(name, {}), **sections.get(name, {})} for name in {*OPEN_HOUSE, *sections}}
    async with running(make_config(arguments, **sections), Log()) as relay:
        yield relay


def read_metric(relay: Relay, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", relay.metrics.render().decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


async def publish_many(url: str, count: int, content_chars: int, kind: int = 1) -> list[str]:
    """Post so many large notes, each after the answer to the one before, and return their ids."""
    events = [make_event(kind=kind, content=f"{number} " + "x" * content_chars) for number in range(count)]
    async with Client(url) as author:
        await author.publish_all(*events)
    return [event.id for event in events]


def count_closes(relay: Relay) -> float:
    return read_metric(relay, "ringrelay_slow_client_closes_total")


async def test_a_subscriber_that_never_reads_is_closed_and_counted_and_the_others_get_everything(
    database18: dict[str, Any],
) -> None:
    async with relay_in_process(database18, limits={"max_pending_bytes": _MEBIBYTE}) as relay:
        url = to_url(relay)
        async with connect_silently(url) as silent, Client(url) as reader:
            for client in (silent, reader):
                await client.send("REQ", "live", {"kinds": [1], "limit": 0})
            assert await silent.receive_message() == ["EOSE", "live"]
            assert await reader.next("EOSE") == ["live"]
            posted = asyncio.create_task(publish_many(url, 150, 90_000))
            received = [(await reader.next("EVENT"))[1]["id"] for _ in range(150)]
            assert received == await posted
            assert count_closes(relay) == 1
            messages, code = await silent.read_to_end()
            # The closing frame waits behind what was not read: it arrives, or the connection is cut.
            assert code in (1013, None)
            assert len(messages) < 150


async def test_a_subscriber_that_reads_too_slowly_but_reads_is_told_1013(database18: dict[str, Any]) -> None:
    async with relay_in_process(database18, limits={"max_pending_bytes": 65_536}) as relay:
        async with connect_silently(to_url(relay)) as slow:
            await slow.send("REQ", "live", {"kinds": [20001], "limit": 0})
            assert await slow.receive_message() == ["EOSE", "live"]
            posting = asyncio.create_task(publish_many(to_url(relay), 150, 90_000, kind=20001))
            while not count_closes(relay):
                await asyncio.wait([posting], timeout=0.01)
                assert not posting.done() or count_closes(relay)
            _, code = await slow.read_to_end()
            await posting
        assert code == 1013
        assert count_closes(relay) == 1


async def test_many_subscribers_that_never_read_take_a_bounded_amount_of_memory(
    database18: dict[str, Any], reachable_directory: Path
) -> None:
    settings = {
        "DATABASE__URL": to_database_url(database18),
        "ACCEPT__PLAIN": "true",
        "LIMITS__EVENTS_PER_S": "10000",
        "LIMITS__MAX_PENDING_BYTES": str(_MEBIBYTE),
    }
    clients, notes = 10, 150
    async with serve(reachable_directory, **settings) as relay:
        # What a relay takes for the notes alone is not what is measured.
        await publish_many(relay.url, 20, 90_000)
        before = read_peak_memory(relay.pid)
        async with connect_all_silently(relay.url, clients):
            await publish_many(relay.url, notes, 90_000)
            grown = read_peak_memory(relay.pid) - before
    # Kept for everyone it would be 135 MB. A write under way is copied once.
    assert grown < 4 * clients * _MEBIBYTE


@asynccontextmanager
async def connect_all_silently(url: str, count: int) -> AsyncIterator[None]:
    if not count:
        yield
        return
    async with connect_silently(url) as client, connect_all_silently(url, count - 1):
        await client.send("REQ", "live", {"kinds": [1], "limit": 0})
        assert await client.receive_message() == ["EOSE", "live"]
        yield


def read_peak_memory(pid: int) -> int:
    """Return the most bytes that a process ever had resident."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    assert found
    return int(found[1]) * 1024


async def test_a_slow_reader_of_stored_notes_gets_everything_and_holds_no_database_connection(
    database18: dict[str, Any],
) -> None:
    async with relay_in_process(
        database18, database={"pool_size": 1}, limits={"max_pending_bytes": _MEBIBYTE}
    ) as relay:
        url = to_url(relay)
        stored = await publish_many(url, 150, 90_000)
        async with connect_silently(url) as slow, Client(url) as other:
            await slow.send("REQ", "all", {"limit": 1000})
            # The first page has come; what follows is more than the kernel takes off the relay's hands.
            first = await slow.receive_message()
            for _ in range(20):
                assert len(await other.fetch({"ids": stored[:1]})) == 1
            # Newer than all that is stored: one of the same second could be on a page that is not read yet.
            live = make_event(content="meanwhile", created_at=make_event().created_at + 60)
            await other.publish_all(live)
            messages = [first]
            while messages[-1][0] != "EOSE":
                messages.append(await slow.receive_message())
            assert sorted(message[2]["id"] for message in messages[:-1]) == sorted(stored)
            assert (await slow.receive_message())[2]["id"] == live.id
        assert count_closes(relay) == 0


async def test_a_client_that_never_reads_its_answers_is_not_read_from_any_more(database18: dict[str, Any]) -> None:
    event = make_event()
    async with relay_in_process(database18, limits={"events_per_s": 1, "burst_factor": 2}) as relay:
        url = to_url(relay)
        async with connect_silently(url) as silent, Client(url) as other:
            # Almost all are refused for their rate, which is the cheapest way to be sent an OK.
            sent = await silent.flood(SilentClient.frame("EVENT", event) * 1_000, _MOST_FLOOD_BYTES)
            assert sent < _MOST_FLOOD_BYTES
            taken = read_metric(relay, 'ringrelay_messages_total{verb="EVENT"}')
            # Others are served as before.
            assert len(await other.fetch({"ids": [event.id]})) == 1
            assert read_metric(relay, 'ringrelay_messages_total{verb="EVENT"}') == taken
            # Once it reads, it gets an answer to each, and is read from again.
            for _ in range(int(taken) + 1_000):
                assert (await silent.receive_message())[:2] == ["OK", event.id]
            assert read_metric(relay, 'ringrelay_messages_total{verb="EVENT"}') > taken


async def test_a_client_that_never_reads_the_answers_to_good_notes_leaves_no_note_half_done(
    database18: dict[str, Any],
) -> None:
    events = [make_event(content=str(number)) for number in range(300)]
    async with relay_in_process(database18) as relay:
        async with connect_silently(to_url(relay)) as silent:
            for event in events:
                await silent.send("EVENT", event)
            answers = [await silent.receive_message() for _ in events]
        assert sorted(answer[1] for answer in answers) == sorted(event.id for event in events)
        assert all(answer[2] for answer in answers)
