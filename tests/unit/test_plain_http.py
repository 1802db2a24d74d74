"""Plain HTTP on a socket of its own: answers that fail, and clients that do not read theirs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from relay.delivery.visitor import Visitor
from relay.gateway.plain_http import PlainHttp, Respond
from relay.http.answer import Answer, build_answer
from relay.http.request import Request
from relay.limits import Limits
from tests.support.client import TIMEOUT_S
from tests.support.raw import exchange, parse_answer

SIMPLE = b"GET /canary HTTP/1.1\r\nHost: x\r\nAccept: text/html, canary/*\r\n\r\n"


class Failure(Exception):
    """What no one foresaw."""


async def read_nothing(request: web.BaseRequest) -> bytes:
    return b""


@asynccontextmanager
async def listening(
    respond: Respond, errors: list[BaseException], ended: asyncio.Event, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[int]:
    http = PlainHttp(respond, read_nothing, errors.append, timeout_s)
    loop, visitor = asyncio.get_running_loop(), Visitor(Limits(), 0.0)
    async with await loop.create_server(lambda: http.make_connection(ended.set, visitor), "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await http.stop()


async def test_what_fails_in_an_unforeseen_way_is_500_reported_and_not_repeated() -> None:
    async def fail(request: Request, visitor: Visitor) -> Answer:
        raise Failure(request.method, request.target, request.accept)

    errors: list[BaseException] = []
    ended = asyncio.Event()
    async with listening(fail, errors, ended) as port:
        status, headers, body = parse_answer(await exchange(port, SIMPLE))
        await ended.wait()
    assert (status, body) == (500, b"error: the relay failed to handle this; try again later\n")
    assert "server" not in headers
    assert [error.args for error in errors if isinstance(error, Failure)] == [("GET", "/canary", "text/html, canary/*")]


async def test_a_client_that_does_not_read_its_answer_is_not_waited_for() -> None:
    async def say_much(request: Request, visitor: Visitor) -> Answer:
        return build_answer(HTTPStatus.OK, "text/plain", bytes(50_000_000))

    errors: list[BaseException] = []
    ended = asyncio.Event()
    async with listening(say_much, errors, ended, timeout_s=0.2) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        writer.write(SIMPLE)
        async with asyncio.timeout(TIMEOUT_S):
            await ended.wait()
        writer.close()
    assert errors == []


async def test_a_request_under_way_is_answered_before_the_end() -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer_late(request: Request, visitor: Visitor) -> Answer:
        asked.set()
        await may_answer.wait()
        return build_answer(HTTPStatus.OK, "text/plain", b"late")

    ended = asyncio.Event()
    http = PlainHttp(answer_late, read_nothing, lambda error: None)
    loop, visitor = asyncio.get_running_loop(), Visitor(Limits(), 0.0)
    async with await loop.create_server(lambda: http.make_connection(ended.set, visitor), "127.0.0.1", 0) as server:
        answer = asyncio.create_task(exchange(server.sockets[0].getsockname()[1], SIMPLE))
        await asked.wait()
        stopping = asyncio.create_task(http.stop())
        await asyncio.sleep(0)
        may_answer.set()
        await stopping
        assert (await answer).endswith(b"\r\n\r\nlate")
        await ended.wait()
