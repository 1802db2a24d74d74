"""The front door of the public ports: one connection until the whole head of its request is there.

A page and a WebSocket begin alike, so the head decides who serves the connection. That one then gets it with all its bytes,
and nothing of the door is in its way any more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, cast

from relay.gateway.guests import Guests
from relay.gateway.proxy_protocol import BadProxyHeader, is_proxy_header, parse_proxy_header
from relay.http.answer import Answer, Refused, refuse
from relay.http.head import Head, HeadReader

# So long the rest of an answered request is read past. A connection that is closed before it could lose the answer.
_LINGER_S = 2.0
# Enough for a slow client to read a page that is kept.
_ANSWER_TIMEOUT_S = 30.0


class Successor(NamedTuple):
    """What serves a connection from its head on, and whether it reads the head too."""

    protocol: asyncio.Protocol
    reads_head: bool


@dataclass(frozen=True, slots=True)
class Doorway:
    """What all doors of a port share. With `takes_proxy_header` each connection must begin with one (haproxy's PROXY).

    `find_kept` returns an answer that takes no work, which the door gives by itself: 0.26 ms of processor time, with
    the connection, where aiohttp takes 0.45 (python -m bench.pages).
    """

    guests: Guests
    timeout_s: float
    find_kept: Callable[[Head], Answer | None]
    find_successor: Callable[[asyncio.Transport, Head], Successor]
    takes_proxy_header: bool


class FrontDoor(asyncio.Protocol):
    """A connection whose head has not all come, or whose request is answered without further work."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._reader = HeadReader()
        self._awaits_proxy_header = doorway.takes_proxy_header
        # What a PROXY header says, until the network of the client is known.
        self._source = ""
        self._is_identified = False
        self._is_answered = False
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and let it in or tell it that there is no room."""
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(self._doorway.timeout_s, self._end_waiting)
        guests = self._doorway.guests
        try:
            guests.enter(self._transport)
            if not self._awaits_proxy_header:
                self._identify()
            elif not guests.may_speak_for_others(self._transport):
                self._transport.abort()
        except Refused as refused:
            self._refuse(refused.answer)

    def data_received(self, data: bytes) -> None:
        """Gather the head, and hand the connection over once it is whole."""
        if self._is_answered:
            return
        self._reader.received += data
        try:
            if self._awaits_proxy_header and not self._take_proxy_header():
                return
            head = self._read_head()
            if head is not None:
                self._hand_over(head)
        except Refused as refused:
            self._refuse(refused.answer)
        except BadProxyHeader:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection no longer."""
        self._timer.cancel()
        self._doorway.guests.leave(self._transport)

    def _take_proxy_header(self) -> bool:
        header = parse_proxy_header(self._reader.received)
        if header is None:
            return False
        del self._reader.received[: header.size]
        self._awaits_proxy_header = False
        self._source = header.source
        self._identify()
        return True

    def _identify(self, head: Head | None = None) -> None:
        if not self._is_identified:
            headers = None if head is None else head.headers
            self._is_identified = self._doorway.guests.identify(self._transport, self._source, headers)
        if self._is_identified:
            self._source = ""

    def _read_head(self) -> Head | None:
        if is_proxy_header(self._reader.received):
            # Here anybody could name any address.
            text = "a PROXY header is for a port of its own; send it to the one that server.proxy_port names"
            raise Refused(refuse(HTTPStatus.BAD_REQUEST, text))
        return self._reader.read()

    def _hand_over(self, head: Head) -> None:
        self._identify(head)
        if (kept := self._doorway.find_kept(head)) is not None:
            self._answer(kept, _ANSWER_TIMEOUT_S)
            return
        successor, reads_head = self._doorway.find_successor(self._transport, head)
        self._timer.cancel()
        data = bytes(self._reader.received) if reads_head else self._reader.take_rest()
        self._reader.received.clear()
        self._transport.set_protocol(successor)
        successor.connection_made(self._transport)
        if data:
            successor.data_received(data)

    def _end_waiting(self) -> None:
        if self._awaits_proxy_header or not self._reader.received or self._transport.is_closing():
            # It has not begun a request, and is no client that could read an answer.
            self._transport.abort()
        else:
            self._refuse(refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long; send all of it at once"))

    def _refuse(self, answer: Answer) -> None:
        self._answer(answer, _LINGER_S)

    def _answer(self, answer: Answer, timeout_s: float) -> None:
        self._is_answered = True
        method = bytes(self._reader.received[:5]).decode("latin-1").partition(" ")[0]
        self._reader.received.clear()
        self._transport.write(answer.encode(method))
        self._transport.write_eof()
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self._transport.abort)
