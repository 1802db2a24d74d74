"""The loads: what is sent to a relay, and how it is timed, each bounded in count and time. Knows no relay's processes.

All run on the loop of the caller, against a relay that is another process. Times are seconds.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.client import Connection, LoadError, ask, ask_all, connected

CONNECTIONS = 20
WINDOW = 10
_MAX_S = 60.0
# A relay that gives each query up after two seconds is not asked all of them.
_MAX_QUERYING_S = 20.0


@dataclass(slots=True)
class Outcome:
    """How many operations a load had, in how many seconds, and how long some of them took; of queries, the notes that came.

    A query that the relay gave up is one of `failed`.
    """

    count: int
    seconds: float
    waits_s: list[float] = field(default_factory=list)
    notes: int = 0
    failed: int = 0


def to_event_frame(note: bytes) -> bytes:
    """Return the message that posts an encoded note."""
    return b'["EVENT",' + note + b"]"


def is_accepted(answer: bytes) -> bool:
    """Return whether an OK says true: `["OK","<64 hex>",true,...`, with blanks or without."""
    return b"true" in answer[72:84]


async def post_all(
    url: str, notes: Sequence[bytes], *, connections: int = CONNECTIONS, window: int = WINDOW
) -> Outcome:
    """Post notes as fast as they are taken, with so many unanswered a connection. Raises LoadError for a refusal."""
    async with connected(url, connections) as clients:
        posting = _Posting(map(to_event_frame, notes), len(notes))
        started_s = time.perf_counter()
        posting.begin(clients, window)
        async with asyncio.timeout(_MAX_S):
            await posting.done
        return Outcome(len(notes), time.perf_counter() - started_s)


class _Posting:
    """What is left to send, and how much is answered."""

    def __init__(self, frames: Iterator[bytes], count: int) -> None:
        self._frames = frames
        self._left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, clients: Sequence[Connection], window: int) -> None:
        for client in clients:
            client.on_text = self._answer_with(client)
        for _ in range(window):
            for client in clients:
                self._send_next(client)

    def _send_next(self, client: Connection) -> None:
        frame = next(self._frames, None)
        if frame is not None:
            client.send(frame)

    def _answer_with(self, client: Connection) -> Callable[[bytes], None]:
        def take(text: bytes) -> None:
            if text[:5] != b'["OK"':
                return
            if not is_accepted(text):
                self._fail(text)
                return
            self._left -= 1
            if self._left:
                self._send_next(client)
            elif not self.done.done():
                self.done.set_result(None)

        return take

    def _fail(self, text: bytes) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(f"a note was refused: {text[:200].decode(errors='replace')}"))


async def post_one_by_one(url: str, notes: Sequence[bytes]) -> Outcome:
    """Post notes over one connection, each after the answer to the one before."""
    async with connected(url) as [client]:
        waits_s: list[float] = []
        started_s = time.perf_counter()
        for note in notes:
            sent_s = time.perf_counter()
            answer = await ask(client, to_event_frame(note), b'["OK"')
            waits_s.append(time.perf_counter() - sent_s)
            if not is_accepted(answer):
                raise LoadError(f"a note was refused: {answer[:200].decode(errors='replace')}")
        return Outcome(len(notes), time.perf_counter() - started_s, waits_s)


async def query_all(url: str, filters: Sequence[bytes], *, connections: int = 10) -> Outcome:
    """Ask for filters, one at a time a connection, each until its EOSE."""
    async with connected(url, connections) as clients:
        querying = _Querying(filters, clients, time.perf_counter() + _MAX_QUERYING_S)
        started_s = time.perf_counter()
        querying.begin()
        async with asyncio.timeout(_MAX_S):
            await querying.done
        return Outcome(
            len(querying.waits_s), time.perf_counter() - started_s, querying.waits_s, querying.notes, querying.failed
        )


class _Querying:
    """What is left to ask, and what has come."""

    def __init__(self, filters: Sequence[bytes], clients: Sequence[Connection], until_s: float) -> None:
        self._filters = iter(filters)
        self._until_s = until_s
        self._running = 0
        self._clients = clients
        self.waits_s: list[float] = []
        self.notes = 0
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        for client in self._clients:
            self._ask_next(client)

    def _ask_next(self, client: Connection) -> None:
        filter_ = next(self._filters, None)
        sent_s = time.perf_counter()
        if filter_ is None or sent_s > self._until_s:
            if not self._running and not self.done.done():
                self.done.set_result(None)
            return
        self._running += 1

        def take(text: bytes) -> None:
            if text[:8] == b'["EVENT"':
                self.notes += 1
                return
            self.failed += text[:7] != b'["EOSE"'
            self.waits_s.append(time.perf_counter() - sent_s)
            self._running -= 1
            self._ask_next(client)

        client.on_text = take
        # The same id replaces the subscription of before.
        client.send(b'["REQ","q",' + filter_ + b"]")


async def subscribe(clients: Sequence[Connection]) -> None:
    """Have all ask for what comes live, and wait until all are told that nothing is stored."""
    await asyncio.gather(
        *(ask_all(client, [b'["REQ","live",{"kinds":[1],"limit":0}]'], b'["EOSE"') for client in clients)
    )


async def deliver_all(url: str, clients: Sequence[Connection], notes: Sequence[bytes], per_s: float = 0.0) -> Outcome:
    """Post notes, at once or so many a second, and wait until each subscriber has each; the waits are of all deliveries."""
    delivering = _Delivering(len(notes) * len(clients))
    for client in clients:
        client.on_text = delivering.take
    async with connected(url) as [author]:
        started_s = time.perf_counter()
        for number, note in enumerate(notes):
            if per_s:
                await asyncio.sleep(max(0.0, started_s + number / per_s - time.perf_counter()))
            delivering.sent_s[note[7:71]] = time.perf_counter()
            author.send(to_event_frame(note))
        async with asyncio.timeout(_MAX_S):
            await delivering.done
        return Outcome(len(notes) * len(clients), time.perf_counter() - started_s, delivering.waits_s)


class _Delivering:
    """When each note was sent, and how long each delivery took."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.sent_s: dict[bytes, float] = {}
        self.waits_s: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, text: bytes) -> None:
        # Not every relay writes the id first.
        begin = text.find(b'"id":"') + 6
        sent_s = self.sent_s.get(text[begin : begin + 64])
        if sent_s is None:
            return
        self.waits_s.append(time.perf_counter() - sent_s)
        self._left -= 1
        if not self._left:
            self.done.set_result(None)


class Arrivals:
    """A count of the events that subscribers are sent, until as many came as are awaited."""

    def __init__(self, clients: Sequence[Connection], count: int) -> None:
        self._left = count
        self._last: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        for client in clients:
            client.on_text = self._take

    def _take(self, text: bytes) -> None:
        if text[:8] == b'["EVENT"':
            self._left -= 1
            if not self._left:
                self._last.set_result(time.perf_counter())

    async def wait(self) -> float:
        """Return when the last one came (time.perf_counter)."""
        async with asyncio.timeout(_MAX_S):
            return await self._last
