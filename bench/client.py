"""WebSocket connections of the load generator, over picows: text messages in and out, nothing of Nostr but who answers what."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

HANDSHAKE_TIMEOUT_S = 30.0
# Handshakes at once: more only wait in the relay's queue.
_CONNECTING = 20
_OTHER_OPEN_FILES = 200


class LoadError(Exception):
    """The reason why a load could not be carried out, such as a relay that refuses what it is sent."""


class Connection(WSListener):
    """An open connection; `on_text` is called with each whole message, also one that came in several frames."""

    def __init__(self) -> None:
        self.on_text: Callable[[bytes], None] = _ignore
        self.is_closed = False
        self._transport: WSTransport | None = None
        self._begun: bytearray | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep what frames are sent with."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Join the frames of a message."""
        kind = frame.msg_type
        if kind is WSMsgType.TEXT and frame.fin:
            self.on_text(frame.get_payload_as_bytes())
        elif kind is WSMsgType.TEXT:
            self._begun = bytearray(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CONTINUATION and self._begun is not None:
            self._begun += frame.get_payload_as_bytes()
            if frame.fin:
                whole, self._begun = bytes(self._begun), None
                self.on_text(whole)
        elif kind is WSMsgType.CLOSE:
            self.is_closed = True
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Remember that nothing comes any more."""
        del transport
        self.is_closed = True

    def send(self, text: bytes) -> None:
        """Send a message."""
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, text)

    def close(self) -> None:
        """Close without waiting for the other side."""
        assert self._transport is not None
        self._transport.disconnect()


def _ignore(_: bytes) -> None:
    return


@asynccontextmanager
async def connected(url: str, count: int = 1) -> AsyncIterator[list[Connection]]:
    """Give so many open connections. Raises LoadError where one is refused."""
    _allow_open_files(count)
    turns = asyncio.Semaphore(_CONNECTING)
    connections = await asyncio.gather(*(_connect(url, turns) for _ in range(count)))
    try:
        yield connections
    finally:
        for connection in connections:
            if not connection.is_closed:
                connection.close()


async def _connect(url: str, turns: asyncio.Semaphore) -> Connection:
    async with turns:
        try:
            _, listener = await ws_connect(Connection, url, websocket_handshake_timeout=HANDSHAKE_TIMEOUT_S)
        except Exception as error:
            raise LoadError(f"{url} refuses a connection: {error!r}") from error
    assert isinstance(listener, Connection)
    return listener


async def ask(connection: Connection, text: bytes, answer: bytes) -> bytes:
    """Send a message, and return the first one that begins with `answer`."""
    [given] = await ask_all(connection, [text], answer)
    return given


async def ask_all(connection: Connection, texts: Sequence[bytes], answer: bytes) -> list[bytes]:
    """Send messages at once, and return as many that begin with `answer`. Raises LoadError where the relay hangs up."""
    done = asyncio.get_running_loop().create_future()
    given: list[bytes] = []

    def take(text: bytes) -> None:
        if text.startswith(answer):
            given.append(text)
            if len(given) == len(texts) and not done.done():
                done.set_result(None)

    connection.on_text = take
    for text in texts:
        connection.send(text)
    async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
        await done
    return given


def _allow_open_files(count: int) -> None:
    """Raise the soft limit of open files to what so many connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_OPEN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
