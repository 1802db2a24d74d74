"""The public ports: accept connections, hand each to what serves it, and stop them. Knows no address and no page."""

import asyncio
import socket
from functools import partial
from typing import cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode

from relay.config import ServerSection
from relay.delivery.visitor import Visitor
from relay.gateway.body import BodyReader
from relay.gateway.connection import HARD_FACTOR, Connection
from relay.gateway.front_door import Doorway, FrontDoor, Successor
from relay.gateway.guests import Guests
from relay.gateway.plain_http import PlainHttp
from relay.gateway.public_web import Web
from relay.gateway.websocket import WebSocketConnection, run_websocket
from relay.handlers.context import Services
from relay.http.form import check_form_head, find_max_form_bytes
from relay.http.head import Head, check_servable
from relay.limits import Limits
from relay.metrics import Metrics
from relay.policy.batch_pool import make_share
from relay.policy.rate_limit import TokenBucket

# From SIGTERM to exit are 10 s: this much for clients, the rest for the database.
_STOP_TIMEOUT_S = 5.0
_MAX_UNSENT_BYTES = 131_072


class Listener:
    """The public ports and their connections."""

    def __init__(self, section: ServerSection, limits: Limits, web: Web, services: Services, metrics: Metrics) -> None:
        self._section = section
        self._limits = limits
        self._web = web
        self._services = services
        self._metrics = metrics
        loop = asyncio.get_running_loop()
        privacy = services.intake.privacy
        self._make_share = partial(make_share, privacy.max_held_per_connection, privacy)
        self._guests = Guests(
            section.trusted_proxies,
            limits,
            loop.time,
            partial(make_share, privacy.max_held_per_network, privacy),
            self._make_visitor,
        )
        self._max_form_bytes = find_max_form_bytes(limits.max_message_bytes)
        bodies = BodyReader(self._max_form_bytes, limits.request_timeout_s)
        self._http = PlainHttp(web.respond, bodies.read, services.report_error)
        self._connections: set[Connection] = set()
        # The library's own: it keeps the tasks of WebSockets, and ends with the last of them.
        self._server = Server(partial(self._open_port, section.port), self._run_websocket)
        self._proxy_server: asyncio.Server | None = None
        self._is_listening = self._is_stopping = False

    @property
    def port(self) -> int:
        """Return the public port, also if the system chose it (port 0)."""
        if not self._is_listening:
            raise RuntimeError("the relay does not listen yet")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def listen(self) -> None:
        """Start to accept connections. Raises OSError if the port is in use."""
        await self._server
        self._is_listening = True

    async def listen_to_proxies(self) -> None:
        """Start to accept connections that begin with a PROXY header. Raises OSError if the port is in use."""
        self._proxy_server = await self._open_port(self._section.proxy_port, takes_proxy_header=True)

    async def _open_port(self, port: int, *, takes_proxy_header: bool = False) -> asyncio.Server:
        doorway = Doorway(
            self._guests, self._limits.request_timeout_s, self._web.find_kept, self._find_successor, takes_proxy_header
        )
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: FrontDoor(doorway), self._section.host, port)
        keep_kernel_buffers_small(server)
        return server

    async def stop(self) -> None:
        """Accept no more connections, answer what is in flight, and close every connection, WebSockets with 1001."""
        if not self._is_listening:
            return
        self._is_stopping = True
        self._server.close(close_connections=False)
        if self._proxy_server is not None:
            self._proxy_server.close()
        for transport in self._guests.list_all():
            if isinstance(transport.get_protocol(), FrontDoor):
                transport.abort()
        for connection in self._connections:
            connection.stop_reading()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._http.stop()
                await self._server.wait_closed()
                if self._proxy_server is not None:
                    await self._proxy_server.wait_closed()
        except TimeoutError:
            for transport in self._guests.list_all():
                transport.abort()

    def _find_successor(self, transport: asyncio.Transport, head: Head) -> Successor:
        """Return what serves a connection from its head on. Raises Refused."""
        takes_forms = self._web.takes_forms(head.path)
        check_servable(head, takes_forms=takes_forms)
        if head.method == "POST":
            check_form_head(head, self._max_form_bytes)
        leave = partial(self._guests.leave, transport)
        if self._web.leads_to_websocket(head):
            max_unread_bytes = HARD_FACTOR * self._limits.max_pending_bytes
            websocket = WebSocketConnection(self._server, head, self._limits, max_unread_bytes, leave)
            return Successor(websocket, reads_head=False)
        return Successor(self._http.make_connection(leave, self._guests.find_visitor(transport)), reads_head=True)

    def _make_visitor(self, now_s: float, network_share: TokenBucket | None) -> Visitor:
        return Visitor(self._limits, now_s, self._list_shares(network_share))

    def _list_shares(self, network_share: TokenBucket | None) -> list[TokenBucket]:
        """Return what a connection may have held: a share of its own, and its network's where that is known."""
        own_share = self._make_share(asyncio.get_running_loop().time())
        return [own_share] if network_share is None else [own_share, network_share]

    async def _run_websocket(self, websocket: ServerConnection) -> None:
        # The server has no other.
        await run_websocket(cast(WebSocketConnection, websocket), self._serve_client)

    async def _serve_client(self, websocket: WebSocketConnection) -> None:
        if self._is_stopping:
            # Its handshake was answered just before.
            await websocket.close(CloseCode.GOING_AWAY)
            return
        shares = self._list_shares(self._guests.find_share(websocket.transport))
        connection = Connection(websocket, self._services, self._metrics, websocket.path, shares)
        self._connections.add(connection)
        self._metrics.connections += 1
        try:
            await connection.serve_client()
        finally:
            self._connections.discard(connection)
            self._metrics.connections -= 1

    async def keep_closing_idle(self, every_s: float) -> None:
        """Close idle connections, and forget the hourly key of the network buckets, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self._guests.forget_old()
            now_s = asyncio.get_running_loop().time()
            for connection in list(self._connections):
                connection.close_if_idle(now_s)


def keep_kernel_buffers_small(server: asyncio.Server) -> None:
    """Limit the unsent bytes in the kernel. Behind megabytes of them a slow client's pong would come too late.

    A connection has this option from the socket that accepted it.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        for listening in server.sockets:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT_BYTES)
