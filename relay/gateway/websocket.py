"""The WebSocket connections of the websockets library, for connections that the front door hands over. Knows no address.

The door has read the head, so the library checks the handshake without reading it again, and it is answered at once. Pings
need a timer, not a task. What accepting a connection costs is in docs/performance.md.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake

# apply_mask is the C function where the library was built with it.
from websockets.frames import CloseCode, Frame, Opcode, apply_mask  # type: ignore[attr-defined]
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from relay.delivery.outbox import LOW_BUFFER_BYTES
from relay.gateway.frames import FINAL_TEXT, find_frame
from relay.http.answer import Refused, refuse
from relay.http.head import Head
from relay.limits import Limits

_CLOSE_TIMEOUT_S = 2.0
# What the library looks at. No extensions, so no compression: authors can pad their frames, and an observer learns nothing from how
# well they compress.
_HANDSHAKE_HEADERS = (
    "connection",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
)
# Of no client. The library would keep User-Agent, Cookie, Origin and forwarded addresses for as long as the connection lasts.
_NO_REQUEST = Request("/", Headers())


def accept_handshake(head: Head, protocol: ServerProtocol) -> bytes:
    """Return the answer that opens a WebSocket (RFC 6455, 4.2.2), without a Date, as all answers. Raises Refused."""
    headers = Headers()
    for name in _HANDSHAKE_HEADERS:
        for value in head.headers.get(name, ()):
            headers[name] = value
    request = Request(head.target, headers, head.method, "HTTP/1.1" if head.is_http_11 else "HTTP/1.0")
    try:
        accept, _, _ = protocol.process_request(request)
    except InvalidHandshake:
        text = "not a WebSocket handshake that this relay understands; use version 13 (RFC 6455)"
        raise Refused(refuse(HTTPStatus(protocol.accept(request).status_code), text)) from None
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


class WebSocketConnection(ServerConnection):
    """A connection to a tier's path, which begins with the answer to its handshake. Raises Refused if that is not right.

    It is aborted when the library's own answers, mainly to pings, pile up unread: the library answers every ping at once and
    checks no buffer. A client that only sends pings could fill the memory.
    """

    def __init__(
        self, server: Server, head: Head, limits: Limits, max_unread_bytes: int, on_lost: Callable[[], None]
    ) -> None:
        # The door has read the handshake, so what comes are frames.
        protocol = ServerProtocol(max_size=limits.max_message_bytes, state=State.OPEN)
        self._answer = accept_handshake(head, protocol)
        super().__init__(
            protocol,
            server,
            # These are below.
            ping_interval=None,
            close_timeout=_CLOSE_TIMEOUT_S,
            # A frame can be large, so few are read ahead. A chunk of small frames is read whole in any case.
            max_queue=4,
            write_limit=LOW_BUFFER_BYTES,
        )
        self.request = _NO_REQUEST
        self.path = head.path
        self._limits = limits
        self._max_unread_bytes = max_unread_bytes
        self._on_lost = on_lost
        # Of a frame whose header has not all come; and how much is missing of one that the library has begun.
        self._header = b""
        self._missing = 0
        self._awaited_pong: bytes | None = None
        self._pinged_s = 0.0
        self._ping_timer = self.loop.call_later(limits.ping_interval_s, self._ping)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer the handshake, and start to serve."""
        super().connection_made(transport)
        self.transport.write(self._answer)

    def data_received(self, data: bytes) -> None:
        """Take whole text messages, and pass all other frames on to the library, unless too much is unread.

        The library's parser is made of generators. A message cost 4.8 to 8.6 microseconds up to the reader, and now 3.2 to 6.3.
        """
        if self.transport.get_write_buffer_size() > self._max_unread_bytes:
            self.transport.abort()
            return
        if self._header:
            data, self._header = self._header + data, b""
        passed_on, place = 0, min(self._missing, len(data))
        self._missing -= place
        while place < len(data):
            found = find_frame(data, place)
            if found is None:
                self._header = data[place:]
                break
            start, end = found
            if data[place] == FINAL_TEXT and end <= len(data):
                # First what came before it.
                self._pass_on(data[passed_on:place])
                if self._take_message(data[place:start], data[start:end]):
                    place = passed_on = end
                    continue
                passed_on = place
            self._missing, place = max(0, end - len(data)), min(end, len(data))
        self._pass_on(data[passed_on:place])

    def _pass_on(self, data: bytes) -> None:
        if data:
            super().data_received(data)

    def _take_message(self, header: bytes, payload: bytes) -> bool:
        """Take a text message, and return whether it is for us: the library refuses what is not right (RFC 6455)."""
        protocol = self.protocol
        is_masked = header[1] >= 0x80
        # Between fragments no message may come, and after a close nothing counts.
        is_expected = protocol.current_size is None and protocol.state is State.OPEN
        if not is_masked or not is_expected or len(payload) > self._limits.max_message_bytes:
            return False
        self.recv_messages.put(Frame(Opcode.TEXT, apply_mask(payload, header[-4:])))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the connection has ended."""
        self._ping_timer.cancel()
        self._on_lost()
        super().connection_lost(exc)
        # The parser knows the protocol, and an exception its frame: only the garbage collector could free them.
        self.protocol.parser.close()
        if self.protocol.parser_exc is not None:
            self.protocol.parser_exc.__traceback__ = None

    def acknowledge_pings(self, data: bytes) -> None:
        """Wait for the next ping's time, if this is the answer to the last one."""
        if data == self._awaited_pong:
            self._awaited_pong = None
            self._ping_timer.cancel()
            # No interval is longer than it should be, or a router on the way could forget the connection.
            self._ping_timer = self.loop.call_at(self._pinged_s + self._limits.ping_interval_s, self._ping)

    def _ping(self) -> None:
        if self.protocol.state is State.OPEN:
            self._awaited_pong, self._pinged_s = os.urandom(4), self.loop.time()
            self.protocol.send_ping(self._awaited_pong)
            self.send_data()
            self._ping_timer = self.loop.call_later(self._limits.ping_timeout_s, self._fail_silent)

    def _fail_silent(self) -> None:
        """Close a connection that answers no ping, and cut it off if it does not take that either."""
        if self.protocol.state is State.OPEN:
            self.protocol.fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
            self.send_data()
            self._ping_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)


async def run_websocket(
    websocket: WebSocketConnection, serve_client: Callable[[WebSocketConnection], Awaitable[None]]
) -> None:
    """Serve, and close. This is what the library's `serve` does with a connection that it accepted itself."""
    try:
        if websocket.protocol.state is State.OPEN:
            async with websocket:
                await serve_client(websocket)
    except (ConnectionClosed, OSError):
        # The client went away, or did not take its answer in time.
        return
    finally:
        # A connection that has ended is not touched.
        websocket.transport.abort()
        task = asyncio.current_task()
        if task is not None:
            websocket.server.handler_tasks.discard(task)
