"""The streams of the Lightning backends: what they tell, and that they end rather than hang."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from relay.pricing.lightning import open_backend
from relay.pricing.lightning.backend import Backend, BackendError, SettlementHint
from relay.pricing.lightning.http import MAX_ANSWER_BYTES, TIMED_OUT, UNEXPECTED
from tests.support.backend_contract import BOUND_S, make, pay_until_told
from tests.support.lightning_stubs import STUBS, ClnrestStub, LndStub, PhoenixdStub
from tests.support.lightning_stubs.node import StubNode
from tests.support.waiting import until

# Of a stream in these tests, and shorter than that of an answer.
IDLE_S, TIMEOUT_S = 0.4, 0.2


@pytest_asyncio.fixture(params=["lnd", "clnrest", "phoenixd", "nwc"])
async def stub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StubNode]:
    async with STUBS[request.param](tmp_path).running() as made:
        yield made


@asynccontextmanager
async def opened(stub: StubNode, idle_s: float = IDLE_S, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Backend]:
    backend = open_backend(stub.section.model_copy(update={"timeout_s": timeout_s}), stream_idle_s=idle_s)
    assert backend is not None
    try:
        yield backend
    finally:
        await backend.close()


async def read_all(backend: Backend, cursor: str = "") -> list[SettlementHint]:
    async with asyncio.timeout(BOUND_S), aclosing(backend.stream_settlements(cursor)) as stream:
        return [settlement async for settlement in stream]


async def test_quiet_stream_outlives_the_time_out_of_an_answer(stub: StubNode) -> None:
    async with opened(stub, idle_s=BOUND_S) as backend, aclosing(backend.stream_settlements("")) as stream:
        await pay_until_told(stub, backend, stream)
        told = asyncio.ensure_future(anext(stream))
        await asyncio.wait({told}, timeout=3 * TIMEOUT_S)
        assert not told.done()
        _, invoice = await make(backend)
        await stub.pay(invoice.bolt11)
        async with asyncio.timeout(BOUND_S):
            assert (await told).payment_hash == invoice.payment_hash


async def test_stream_of_a_node_that_hangs_ends(stub: StubNode) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    stub.answer_instead = hang
    async with opened(stub) as backend:
        try:
            assert await read_all(backend) == []
        except BackendError as error:
            assert str(error) == TIMED_OUT  # noqa: PT017 - LND's begins with its first message, and may be quiet till then


async def test_quiet_stream_of_lnd_ends_without_an_error(tmp_path: Path) -> None:
    stub = LndStub(tmp_path)
    async with stub.running(), opened(stub) as backend:
        started = time.monotonic()
        async with aclosing(backend.stream_settlements("")) as stream:
            await pay_until_told(stub, backend, stream)
            assert [settlement async for settlement in stream] == []
        assert IDLE_S < time.monotonic() - started < BOUND_S


async def test_stream_of_clnrest_goes_on_where_nobody_pays(tmp_path: Path) -> None:
    stub = ClnrestStub(tmp_path)

    def waits() -> int:
        return sum(path == "/v1/waitanyinvoice" for _, path, _ in stub.requests)

    async with stub.running(), opened(stub) as backend, aclosing(backend.stream_settlements("")) as stream:
        told = asyncio.ensure_future(anext(stream))
        # After it was asked for its last payment, the node said once that nobody paid.
        await until(lambda: waits() == 3)
        _, invoice = await make(backend)
        await stub.pay(invoice.bolt11)
        async with asyncio.timeout(BOUND_S):
            assert await told == SettlementHint(invoice.payment_hash, "1", is_ours=True)


@pytest.mark.parametrize("paid", [0, 1, 2, 3, 7, 8, 100])
async def test_stream_of_clnrest_begins_now_and_does_not_read_the_nodes_books(tmp_path: Path, paid: int) -> None:
    stub = ClnrestStub(tmp_path)
    async with stub.running(), opened(stub, timeout_s=BOUND_S, idle_s=BOUND_S) as backend:
        for number in range(paid):
            made = stub.make(str(number), 1_000, "before", 900)
            await stub.pay(made.bolt11)
            # A node's owner deletes some of what is paid.
            if number % 3 == 1 and number + 1 < paid:
                stub.made.remove(made)
        async with aclosing(backend.stream_settlements("")) as stream:
            told = asyncio.ensure_future(anext(stream))
            await until(
                lambda: any(asked["timeout"] for _, path, asked in stub.requests if path == "/v1/waitanyinvoice")
            )
            waits = [asked for _, path, asked in stub.requests if path == "/v1/waitanyinvoice"]
            assert waits[-1]["lastpay_index"] == max((made.index for made in stub.made), default=0)
            assert len(waits) <= 20
            _, invoice = await make(backend)
            await stub.pay(invoice.bolt11)
            async with asyncio.timeout(BOUND_S):
                assert (await told).payment_hash == invoice.payment_hash


async def test_stream_of_clnrest_goes_on_after_a_cursor(tmp_path: Path) -> None:
    stub = ClnrestStub(tmp_path)
    async with stub.running(), opened(stub) as backend:
        hashes = []
        for _ in range(3):
            _, invoice = await make(backend)
            await stub.pay(invoice.bolt11)
            hashes.append(invoice.payment_hash)
        async with aclosing(backend.stream_settlements("1")) as stream:
            assert [(await anext(stream)).payment_hash for _ in range(2)] == hashes[1:]


async def test_stream_of_phoenixd_ends_where_no_ping_is_answered(tmp_path: Path) -> None:
    stub = PhoenixdStub(tmp_path)
    stub.answers_pings = False
    async with stub.running(), opened(stub) as backend:
        assert await read_all(backend) == []


async def test_stream_of_phoenixd_keeps_the_cursor_and_skips_what_is_no_payment(tmp_path: Path) -> None:
    stub = PhoenixdStub(tmp_path)
    messages = [
        {"type": "something_new", "paymentHash": "00" * 32},
        {"type": "payment_received", "amountSat": 1},
        {"type": "payment_received", "amountSat": 1, "paymentHash": "11" * 32, "timestamp": 1},
    ]
    stub.answer_instead = _sending(*map(json.dumps, messages))
    async with stub.running(), opened(stub) as backend:
        assert await read_all(backend) == [SettlementHint(b"\x11" * 32, "", is_ours=False)]


@pytest.mark.parametrize(
    "message", ["", "no JSON", "[]", '{"type":"payment_received","paymentHash":"11"}', " " * (MAX_ANSWER_BYTES + 1)]
)
async def test_stream_of_phoenixd_refuses_what_it_cannot_read(message: str, tmp_path: Path) -> None:
    stub = PhoenixdStub(tmp_path)
    stub.answer_instead = _sending(message)
    async with stub.running(), opened(stub) as backend:
        if len(message) > MAX_ANSWER_BYTES:
            # It is told to go, and that is the end.
            assert await read_all(backend) == []
        else:
            with pytest.raises(BackendError, match=UNEXPECTED.partition(";")[0]):
                await read_all(backend)


@pytest.mark.parametrize(
    "line",
    [
        "no JSON\n",
        "{}\n",
        "[]\n",
        '{"result":null}\n',
        '{"result":{"state":"SETTLED"}}\n',
        '{"error":{"code":14,"message":"the node is going down","details":[]}}\n',
        "[" * 200_000 + "\n",
        " " * (2 * MAX_ANSWER_BYTES),
    ],
)
async def test_stream_of_lnd_refuses_what_it_cannot_read(line: str, tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=line.encode(), content_type="application/json")

    stub = LndStub(tmp_path)
    stub.answer_instead = answer
    async with stub.running(), opened(stub) as backend:
        with pytest.raises(BackendError, match=UNEXPECTED.partition(";")[0]):
            await read_all(backend)


def _sending(*messages: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler that opens a WebSocket, sends these, and closes it."""

    async def answer(request: web.Request) -> Any:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for message in messages:
            await socket.send_str(message)
        await socket.close()
        return socket

    return answer
