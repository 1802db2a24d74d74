"""How a Lightning node, or what stands in its place, can misbehave, and what its backend makes of that."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from relay.pricing.lightning import open_backend
from relay.pricing.lightning.http import BUSY, REFUSED, TIMED_OUT, UNEXPECTED, UNREACHABLE
from relay.pricing.lightning.invoices import MEMO, WRONG_AMOUNT
from relay.pricing.settings import LightningSection
from tests.support.backend_contract import AMOUNT_MSAT, EXPIRY_S, make, opened
from tests.support.backend_failures import REFERENCE, expect, expect_of_all, list_calls
from tests.support.lightning_stubs import STUBS
from tests.support.lightning_stubs.node import StubNode
from tests.support.time_factor import scaled

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest_asyncio.fixture(params=STUBS)
async def stub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StubNode]:
    async with STUBS[request.param](tmp_path).running() as made:
        yield made


@asynccontextmanager
async def serving(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Listen with a handler of bytes, and give the port."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def always(status: int, body: str | bytes, content_type: str = "application/json") -> Answering:
    async def answer(_: web.Request) -> web.Response:
        raw = body if isinstance(body, bytes) else body.encode()
        return web.Response(status=status, body=raw, content_type=content_type)

    return answer


async def hang(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=201)
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=200)
    await response.prepare(request)
    while True:
        await response.write(b"[" * 65_536)
        # On a connection that is gone, writing waits for nothing.
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "answering",
    [
        always(200, ""),
        always(201, ""),
        always(204, ""),
        always(200, "<!doctype html><title>Welcome</title>", "text/html"),
        always(201, "<!doctype html><title>Welcome</title>", "text/html"),
        # A wrong URL must never make an invoice look as if the node had given it up.
        always(404, "<!doctype html><title>Not Found</title>", "text/html"),
        always(404, '{"detail":"Not Found"}'),
        always(404, '{"code":5,"message":"Not Found","details":[]}'),
        always(404, "Unknown endpoint (check api doc)", "text/plain"),
        always(500, "Internal Server Error", "text/plain"),
        always(500, '{"code":-32602,"message":"missing required parameter"}'),
        always(400, '{"detail":"no"}'),
        always(200, "[]"),
        always(200, "null"),
        always(200, "[{}]"),
        always(201, '{"payment_hash":1,"bolt11":2,"paymentHash":3}'),
        always(200, "[" * 200_000),
        always(201, '{"a":' * 150_000),
        always(200, "1" * 100_000),
    ],
)
async def test_answers_that_no_node_gives_are_unexpected(answering: Answering, stub: StubNode) -> None:
    stub.answer_instead = answering
    await expect_of_all(UNEXPECTED, stub)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [b"{}", b'{"r_hash":"\xff","payment_hash":"\xff","paymentHash":"\xff"}'])
async def test_object_without_what_was_asked_for_is_unexpected(body: bytes, status: int, stub: StubNode) -> None:
    stub.answer_instead = always(status, body)
    async with opened(stub.section) as backend:
        create, look_up = list_calls(backend, cancels=False)
        await expect(UNEXPECTED, create, stub)
        # LNbits lets strangers look up, and answers them with less than the key's owner.
        await expect(REFUSED if (stub.backend, status) == ("lnbits", 200) else UNEXPECTED, look_up, stub)


async def test_endless_answer_is_given_up(stub: StubNode) -> None:
    stub.answer_instead = flood
    await expect_of_all(UNEXPECTED, stub)


@pytest.mark.parametrize("slow", [hang, drip])
async def test_node_that_is_slow_costs_no_more_than_the_time_out(slow: Answering, stub: StubNode) -> None:
    stub.answer_instead = slow
    # A wallet's relay that answers at all has refused to open a WebSocket.
    text = UNEXPECTED if (stub.backend, slow) == ("nwc", drip) else TIMED_OUT
    async with asyncio.timeout(scaled(5)):
        await expect_of_all(text, stub, timeout_s=0.2)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_proxy_before_a_node_that_is_down_is_unreachable(status: int, stub: StubNode) -> None:
    stub.answer_instead = always(status, "<title>Bad Gateway</title>", "text/html")
    await expect_of_all(UNREACHABLE, stub)


async def test_node_that_is_asked_too_often_is_said_to_be_so(stub: StubNode) -> None:
    stub.answer_instead = always(429, '{"error":"Rate limit exceeded: 200 per 1 minute"}')
    await expect_of_all(BUSY, stub)


@pytest.mark.parametrize("status", [401, 403])
async def test_refusal_in_the_words_of_http_is_of_the_secret(status: int, stub: StubNode) -> None:
    stub.answer_instead = always(status, f"{{{stub.secret}}}")
    await expect_of_all(REFUSED, stub)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(status: int, stub: StubNode, tmp_path: Path) -> None:
    visits = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.read(65_536))
        writer.close()

    async with serving(visit) as port:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{port}{request.path_qs}"})

        stub.answer_instead = redirect
        await expect_of_all(UNEXPECTED, stub)
        if stub.streams:
            async with opened(stub.section) as backend, aclosing(backend.stream_settlements("")) as stream:
                await expect(UNEXPECTED, lambda: anext(stream), stub)
    assert visits == []


async def test_what_is_no_http_is_an_error(stub: StubNode) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read(65_536)
        writer.close()

    async with serving(talk) as port:
        await expect_of_all(UNEXPECTED, stub, stub.section_at(f"http://127.0.0.1:{port}"))


async def test_connection_that_breaks_off_is_unreachable(stub: StubNode) -> None:
    # A WebSocket is opened by a head alone.
    answer = b"HTTP/1.1 101 Swi" if stub.backend == "nwc" else b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"'

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with serving(break_off) as port:
        await expect_of_all(UNREACHABLE, stub, stub.section_at(f"http://127.0.0.1:{port}"))


async def test_proxy_of_the_environment_is_not_used(stub: StubNode, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with opened(stub.section) as backend:
        await make(backend)


@pytest.mark.parametrize("amount_msat", [0, AMOUNT_MSAT - 1_000, AMOUNT_MSAT + 1_000, AMOUNT_MSAT * 1_000])
async def test_invoice_over_another_amount_is_refused(amount_msat: int, stub: StubNode) -> None:
    stub.change_amount = lambda _: amount_msat
    async with opened(stub.section) as backend:
        for _ in range(2):
            # The second time it is found, not made.
            await expect(WRONG_AMOUNT, lambda: backend.create_invoice(REFERENCE, AMOUNT_MSAT, MEMO, EXPIRY_S), stub)


async def test_same_reference_over_another_amount_is_refused(stub: StubNode) -> None:
    if not stub.remembers:
        pytest.skip(f"{stub.backend} makes each invoice anew, over the amount that is asked for")
    async with opened(stub.section) as backend:
        reference, _ = await make(backend)
        await expect(WRONG_AMOUNT, lambda: backend.create_invoice(reference, AMOUNT_MSAT + 1_000, MEMO, EXPIRY_S), stub)


async def test_node_learns_nothing_of_the_reference(stub: StubNode) -> None:
    async with opened(stub.section) as backend:
        reference, invoice = await make(backend)
    [made] = stub.made
    assert made.payment_hash == invoice.payment_hash
    assert (made.amount_msat, made.memo) == (AMOUNT_MSAT, MEMO)
    asked = repr(stub.requests)
    assert stub.requests
    for part in (reference, reference[:16], reference[16:]):
        assert part.hex() not in asked + made.preimage.hex() + made.label
    assert stub.backend == "lnd" or len(made.label) == 32


async def test_retention_is_passed_on(stub: StubNode) -> None:
    async with opened(stub.section) as backend:
        await make(backend, expiry_s=EXPIRY_S)
        await make(backend, expiry_s=2 * EXPIRY_S)
    first, second = (made.expires_at for made in stub.made)
    assert 0.9 * EXPIRY_S < second - first < 1.1 * EXPIRY_S


def test_no_backend_is_none() -> None:
    assert open_backend(LightningSection()) is None
