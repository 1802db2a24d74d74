"""Plain HTTP by aiohttp, for connections that the front door hands over: one request each. Knows no page and no address."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from relay.delivery.visitor import Visitor
from relay.handlers.context import INTERNAL_ERROR
from relay.http.answer import Answer, Refused, refuse
from relay.http.head import refuse_malformed
from relay.http.request import Request

# So long a body is read past after its request is answered, in case it is a small one.
_BODY_TIMEOUT_S = 2.0
# Enough for a slow client to read a page.
_ANSWER_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 2.0
_OPTIONS: dict[str, Any] = {
    "access_log": None,
    # No body is unpacked: a small one can be a large one, packed.
    "auto_decompress": False,
    "lingering_time": _BODY_TIMEOUT_S,
}
Respond = Callable[[Request, Visitor], Awaitable[Answer]]
ReadBody = Callable[[web.BaseRequest], Awaitable[bytes]]


class PlainHttp:
    """The HTTP server of the public ports. `read_body` reads a form's, and may raise Refused."""

    def __init__(
        self,
        respond: Respond,
        read_body: ReadBody,
        report_error: Callable[[BaseException], None],
        timeout_s: float = _ANSWER_TIMEOUT_S,
    ) -> None:
        self._respond = respond
        self._read_body = read_body
        self._report_error = report_error
        self._timeout_s = timeout_s
        self._server = web.Server(self._answer, request_factory=_make_request)

    def make_connection(self, on_lost: Callable[[], None], visitor: Visitor) -> asyncio.Protocol:
        """Return what serves a connection from its first byte. `on_lost` is called when it has ended."""
        connection = _HttpConnection(self._server, self._report_error, self._timeout_s, on_lost)
        connection.visitor = visitor
        return connection

    async def stop(self) -> None:
        """Wait until the requests under way are answered, if that does not take long, and close all connections."""
        await self._server.shutdown(_STOP_TIMEOUT_S)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await self._read_body(request) if request.method == "POST" else b""
            # All connections of this server are ours.
            visitor: Visitor = request.protocol.visitor  # type: ignore[attr-defined]
            return _to_response(await self._respond(_read_request(request, body), visitor))
        except Refused as refused:
            return _to_response(refused.answer)


def _read_request(request: web.BaseRequest, body: bytes) -> Request:
    accept, accept_language = (",".join(request.headers.getall(name, [])) for name in ("Accept", "Accept-Language"))
    return Request(request.method, request.raw_path, accept, accept_language, body, request.headers.get("Host", ""))


class _Request(web.BaseRequest):
    """A request whose answer names neither the server's version nor its time."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)
        response.headers.popall("Date", None)


def _make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    return _Request(message, payload, protocol, writer, task, asyncio.get_running_loop())


class _HttpConnection(web.RequestHandler):
    """A connection that is closed after its first answer. One that stays could ask for a WebSocket next."""

    # aiohttp would keep the client's address with each request.
    peername = None
    sockname = None
    visitor: Visitor

    def __init__(
        self,
        server: web.Server,
        report_error: Callable[[BaseException], None],
        timeout_s: float,
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), keepalive_timeout=timeout_s, **_OPTIONS)
        self._report_error = report_error
        self._timeout_s = timeout_s
        self._on_lost = on_lost
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # A client that does not read its answer is not waited for.
        self._timer = self._loop.call_later(self._timeout_s, transport.abort)  # type: ignore[attr-defined]

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._on_lost()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the way to the client open: it may have sent all that it has to, and wait for the answer."""
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp does not understand, or what failed, by a constant text. Its own could repeat the request."""
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _to_response(refuse_malformed())
        if exc is not None:
            self._report_error(exc)
        return _to_response(refuse(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR))


def _to_response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status.value, headers=answer.headers, body=answer.body)
    response.force_close()
    return response
