"""The WebSocket connections of the websockets library, for connections that the front door hands over. Knows no address."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from relay.delivery.outbox import LOW_BUFFER_BYTES
from relay.http.answer import refuse
from relay.limits import Limits

_CLOSE_TIMEOUT_S = 2.0


class WebSocketConnection(ServerConnection):
    """A connection that is aborted when the library's own answers, mainly to pings, pile up unread.

    The library answers every ping at once and checks no buffer. A client that only sends pings could fill the memory.
    """

    def __init__(self, server: Server, limits: Limits, max_unread_bytes: int, on_lost: Callable[[], None]) -> None:
        # No extensions, so no compression: authors can pad their frames, and an observer learns nothing from how well
        # they compress.
        protocol = ServerProtocol(max_size=limits.max_message_bytes)
        super().__init__(
            protocol,
            server,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            close_timeout=_CLOSE_TIMEOUT_S,
            # A frame can be large, so few are read ahead. A chunk of small frames is read whole in any case.
            max_queue=4,
            write_limit=LOW_BUFFER_BYTES,
        )
        self._max_unread_bytes = max_unread_bytes
        self._on_lost = on_lost

    def data_received(self, data: bytes) -> None:
        """Pass data on to the library, unless too much is unread."""
        if self.transport.get_write_buffer_size() > self._max_unread_bytes:
            self.transport.abort()
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the connection has ended."""
        self._on_lost()
        super().connection_lost(exc)


async def run_websocket(
    websocket: ServerConnection, timeout_s: float, serve_client: Callable[[ServerConnection], Awaitable[None]]
) -> None:
    """Shake hands, serve, and close. This is what the library's `serve` does with a connection that it accepted itself."""
    try:
        async with asyncio.timeout(timeout_s):
            await websocket.handshake(process_response=_change_response, server_header=None)
        if websocket.protocol.state is State.OPEN:
            websocket.start_keepalive()
            async with websocket:
                await serve_client(websocket)
    except (ConnectionClosed, OSError):
        # The client went away, or did not take its answer in time.
        return
    finally:
        # Also after a refused handshake. A connection that has ended is not touched.
        websocket.transport.abort()
        task = asyncio.current_task()
        if task is not None:
            websocket.server.handler_tasks.discard(task)


def _change_response(websocket: ServerConnection, request: Request, response: Response) -> Response | None:
    """Replace the library's refusal of a handshake, which repeats the client's headers, by a constant text."""
    if websocket.protocol.handshake_exc is None:
        # As in all answers of the relay.
        del response.headers["Date"]
        return None
    answer = refuse(
        HTTPStatus(response.status_code),
        "not a WebSocket handshake that this relay understands; use version 13 (RFC 6455)",
    )
    headers = Headers(answer.list_all_headers())
    return Response(answer.status.value, answer.status.phrase, headers, answer.body)
