"""Forms on a server of their own: how many bytes of them may be under way."""

import asyncio
from http import HTTPStatus

from relay.delivery.visitor import Visitor
from relay.gateway.body import BodyReader
from relay.gateway.plain_http import PlainHttp
from relay.http.answer import Answer, build_answer
from relay.http.request import Request
from relay.limits import Limits
from tests.support.client import TIMEOUT_S
from tests.support.forms import encode_post
from tests.support.raw import exchange, parse_answer
from tests.support.waiting import until


async def test_the_forms_under_way_are_bounded_all_together() -> None:
    async def say_size(request: Request, visitor: Visitor) -> Answer:
        return build_answer(HTTPStatus.OK, "text/plain", b"%d" % len(request.body))

    bodies = BodyReader(max_form_bytes=2_000, timeout_s=TIMEOUT_S, max_under_way=2_500)
    http = PlainHttp(say_size, bodies.read, lambda error: None)
    loop, visitor = asyncio.get_running_loop(), Visitor(Limits(), 0.0)
    async with await loop.create_server(lambda: http.make_connection(lambda: None, visitor), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(encode_post(b"x" * 1_999, {"Content-Length": "2000"}))
        await until(lambda: bodies.bytes_under_way == 1_999)
        status, _, body = parse_answer(await exchange(port, encode_post(b"x" * 1_000)))
        text = "too many forms are being sent; try again in a minute, or send the note by WebSocket"
        assert (status, body.decode()) == (503, f"{text}\n")
        assert bodies.bytes_under_way == 1_999
        writer.write(b"x")
        assert (await reader.read()).endswith(b"2000")
        writer.close()
        await until(lambda: bodies.bytes_under_way == 0)
        assert parse_answer(await exchange(port, encode_post(b"x" * 1_000)))[0] == 200
        await http.stop()


async def test_a_form_is_under_way_until_it_is_answered_and_its_client_has_read_that() -> None:
    is_due = asyncio.Event()

    async def say_much(request: Request, visitor: Visitor) -> Answer:
        await is_due.wait()
        return build_answer(HTTPStatus.OK, "text/plain", bytes(50_000_000))

    bodies = BodyReader(max_form_bytes=2_000, timeout_s=TIMEOUT_S, max_under_way=2_500)
    http = PlainHttp(say_much, bodies.read, lambda error: None)
    loop, visitor = asyncio.get_running_loop(), Visitor(Limits(), 0.0)
    async with await loop.create_server(lambda: http.make_connection(lambda: None, visitor), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(encode_post(b"x" * 2_000))
        await until(lambda: bodies.bytes_under_way == 2_000)
        # It has come whole, and waits for its turn.
        assert parse_answer(await exchange(port, encode_post(b"x" * 1_000)))[0] == 503
        is_due.set()
        await reader.readuntil(b"\r\n\r\n")
        # Now it waits for its client.
        assert parse_answer(await exchange(port, encode_post(b"x" * 1_000)))[0] == 503
        assert len(await reader.read()) == 50_000_000
        writer.close()
        await until(lambda: bodies.bytes_under_way == 0)
        await http.stop()
