"""What a client sends is read as the websockets library alone reads it, whatever it is and in whatever pieces it comes."""

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from relay.gateway.websocket import WebSocketConnection
from relay.http.head import parse_head
from relay.limits import Limits
from tests.support.raw import make_handshake

_HEAD = parse_head(make_handshake().removesuffix(b"\r\n\r\n"))
_LIMITS = Limits(max_message_bytes=1_024)


class Wire(asyncio.Transport):
    """A socket that takes everything, and remembers what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.written += b"<end>"


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    # Mostly text and its fragments, sometimes what no client may send.
    first = draw(st.sampled_from((0x81, 0x81, 0x81, 0x01, 0x00, 0x80, 0x89, 0x8A, 0x82, 0x88, 0xC1, 0x83)))
    payload = draw(
        st.binary(max_size=5) | st.sampled_from((b"\x03\xe8", b"x" * 125, b"x" * 126, b"x" * 1_024, b"x" * 1_025))
    )
    is_masked = draw(st.sampled_from((True,) * 9 + (False,)))
    # The longer forms of a length may also be used for a short payload.
    width = draw(
        st.sampled_from([width for width, most in ((0, 125), (2, 65_535), (8, 2**63)) if len(payload) <= most])
    )
    short = {0: len(payload), 2: 126, 8: 127}[width]
    header = bytes((first, 0x80 * is_masked | short)) + (len(payload).to_bytes(width, "big") if width else b"")
    mask = draw(st.binary(min_size=4, max_size=4)) if is_masked else b""
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if is_masked else payload
    return header + mask + masked


async def read_both(pieces: list[bytes]) -> tuple[list[object], list[object]]:
    """Return what is known after some pieces, by our connection and by the library's own."""

    async def serve(_: ServerConnection) -> None:
        await asyncio.Event().wait()

    async def open_port() -> asyncio.Server:
        raise AssertionError

    server = Server(open_port, serve)
    ours = WebSocketConnection(server, _HEAD, _LIMITS, 1_000_000, lambda: None)
    theirs = ServerConnection(
        ServerProtocol(max_size=_LIMITS.max_message_bytes, state=State.OPEN), server, ping_interval=None, max_queue=4
    )
    theirs.request = Request("/", Headers())
    found: list[list[object]] = []
    for connection in (ours, theirs):
        wire = Wire()
        connection.connection_made(wire)
        wire.written = b""
        for piece in pieces:
            connection.data_received(piece)
        messages = [(frame.opcode, bytes(frame.data), frame.fin) for frame in connection.recv_messages.frames.queue]
        protocol = connection.protocol
        found.append([messages, wire.written, wire.is_paused, protocol.state, protocol.close_rcvd, protocol.close_sent])
    tasks = list(server.handler_tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ours.connection_lost(None)
    return found[0], found[1]


@given(st.lists(frames(), max_size=8), st.lists(st.integers(0, 2_500), max_size=8))
@settings(max_examples=500, deadline=None)
def test_a_client_s_bytes_are_read_as_the_library_reads_them(sent: list[bytes], cuts: list[int]) -> None:
    data = b"".join(sent)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    ours, theirs = asyncio.run(read_both(pieces))
    assert ours == theirs


@given(st.lists(frames(), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_byte_by_byte_as_well(sent: list[bytes]) -> None:
    ours, theirs = asyncio.run(read_both([bytes((byte,)) for byte in b"".join(sent)]))
    assert ours == theirs
