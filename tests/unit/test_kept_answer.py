"""An answer that the front door gives by itself: whole, also to a client that reads it slowly."""

import asyncio
from http import HTTPStatus

import pytest

from relay.gateway import front_door
from relay.gateway.front_door import Doorway, FrontDoor
from relay.http.answer import Answer, build_answer
from relay.http.head import Head
from tests.support.client import TIMEOUT_S
from tests.unit.test_guests import find_nothing, make

# More than all buffers on the way take.
SIZE = 30_000_000


async def test_a_client_that_reads_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    linger_s = 0.05
    monkeypatch.setattr(front_door, "_LINGER_S", linger_s)

    def find_kept(head: Head) -> Answer:
        return build_answer(HTTPStatus.OK, "text/plain", bytes(SIZE))

    guests = make()
    doorway = Doorway(guests, TIMEOUT_S, find_kept, find_nothing, takes_proxy_header=False)
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: FrontDoor(doorway), "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1_024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        # Longer than a refused request is read past. Nothing may happen meanwhile.
        await asyncio.sleep(4 * linger_s)
        async with asyncio.timeout(TIMEOUT_S):
            assert len(await reader.read()) == SIZE
        writer.close()
