"""The public port: accept connections, limit them, and stop them. The only file that sees a client's address.

An address becomes a bucket, which identifies a network for an hour. Then the address and all headers are dropped.
"""

import asyncio
import socket
import time
from collections import Counter
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from relay.config import ServerSection
from relay.delivery.outbox import LOW_BUFFER_BYTES
from relay.gateway.connection import HARD_FACTOR, Connection
from relay.gateway.network_bucket import NetworkBuckets
from relay.gateway.public_web import Web, find_path, refuse
from relay.gateway.websocket import make_bounded_connection
from relay.handlers.context import Services
from relay.limits import Limits
from relay.metrics import Metrics
from relay.policy.tiers import ROOT

# From SIGTERM to exit are 10 s: this much for clients, the rest for the database.
_STOP_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
_MAX_UNSENT_BYTES = 131_072


class Listener:
    """The public port and its connections."""

    def __init__(self, section: ServerSection, limits: Limits, web: Web, services: Services, metrics: Metrics) -> None:
        self._section = section
        self._limits = limits
        self._web = web
        self._services = services
        self._metrics = metrics
        self._buckets = NetworkBuckets(section.trusted_proxies, time.monotonic())
        self._bucket_counts: Counter[bytes] = Counter()
        self._connections: set[Connection] = set()
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Return the public port, also if the system chose it (port 0)."""
        if self._server is None:
            raise RuntimeError("the relay does not listen yet")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def listen(self) -> None:
        """Start to accept connections. Raises OSError if the port is in use."""
        limits = self._limits
        self._server = await serve(
            self._serve_client,
            self._section.host,
            self._section.port,
            process_request=self._answer_request,
            process_response=_hide_handshake_error,
            server_header=None,
            # Off, so that authors can pad their frames and an observer learns nothing from how well they compress.
            compression=None,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=limits.max_message_bytes,
            # A frame can be large, so few are read ahead. A chunk of small frames is read whole in any case.
            max_queue=4,
            write_limit=LOW_BUFFER_BYTES,
            create_connection=make_bounded_connection(HARD_FACTOR * limits.max_pending_bytes),
        )

    async def stop(self) -> None:
        """Accept no more connections, answer what is in flight, and close every connection with 1001."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        for connection in self._connections:
            connection.stop_reading()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._server.wait_closed()
        except TimeoutError:
            for websocket in self._server.connections:
                websocket.transport.abort()

    async def _answer_request(self, websocket: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP, and refuse a connection above the limits."""
        response = await self._web.respond(request)
        if response is not None:
            return response
        limits = self._limits
        if len(self._connections) >= limits.max_connections:
            return refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the relay is full; try again later\n", request)
        bucket = self._find_bucket(websocket, request)
        is_many = bucket is not None and self._bucket_counts[bucket] >= limits.max_connections_per_network
        if limits.max_connections_per_network and is_many:
            text = "too many connections from your network; close some and try again\n"
            return refuse(HTTPStatus.TOO_MANY_REQUESTS, text, request)
        return None

    def _find_bucket(self, websocket: ServerConnection, request: Request) -> bytes | None:
        forwarded_for = ",".join(request.headers.get_all("X-Forwarded-For"))
        return self._buckets.find_bucket(str(websocket.remote_address[0]), forwarded_for, time.monotonic())

    async def _serve_client(self, websocket: ServerConnection) -> None:
        bucket, path = None, ROOT
        if websocket.request is not None:
            path = find_path(websocket.request)
            bucket = self._find_bucket(websocket, websocket.request)
            # The library would keep User-Agent, Cookie, Origin and forwarded addresses for as long as the connection lasts.
            websocket.request.headers.clear()
            websocket.protocol.origin = None
        _keep_kernel_buffer_small(websocket)
        connection = Connection(websocket, self._services, self._metrics, path)
        self._connections.add(connection)
        self._metrics.connections.inc()
        if bucket is not None:
            self._bucket_counts[bucket] += 1
        try:
            await connection.serve_client()
        finally:
            self._connections.discard(connection)
            self._metrics.connections.dec()
            if bucket is not None:
                self._bucket_counts[bucket] -= 1
                if not self._bucket_counts[bucket]:
                    del self._bucket_counts[bucket]

    async def keep_closing_idle(self, every_s: float) -> None:
        """Close idle connections, and replace the hourly key of the network buckets, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self._buckets.replace_old_key(time.monotonic())
            now_s = asyncio.get_running_loop().time()
            for connection in list(self._connections):
                connection.close_if_idle(now_s)


def _keep_kernel_buffer_small(websocket: ServerConnection) -> None:
    """Limit the unsent bytes in the kernel. Behind megabytes of them a slow client's pong would come too late."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connection = websocket.transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT_BYTES)


def _hide_handshake_error(websocket: ServerConnection, request: Request, response: Response) -> Response | None:
    """Replace the library's refusal of a handshake, which repeats the client's headers, by a constant text."""
    if websocket.protocol.handshake_exc is None:
        return None
    return refuse(
        HTTPStatus(response.status_code),
        "not a WebSocket handshake that this relay understands; use version 13 (RFC 6455)\n",
        request,
    )
