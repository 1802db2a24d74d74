"""The links to the workers: how one is started, and how batches go to it and verdicts come back. Knows no queue and no note."""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from relay.verify.task import Batch, Task, Verdict, cut_frames, decode_verdicts, to_frame

# Ctrl-C and the end of a service reach every process of the relay, which then still has answers to wait for. Blocked from the first
# instruction on, they cannot stop a worker that starts.
_LEFT_TO_THE_RELAY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Hears the verdicts on a batch, in its order; None if the worker has ended before.
Heard = Callable[[Sequence[Verdict] | None], None]


class WorkerLink(asyncio.Protocol):
    """The link to one worker. `ended` is set when there is none any more."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._received = bytearray()
        self._waiting: dict[bool, deque[Heard]] = {False: deque(), True: deque()}

    @property
    def is_there(self) -> bool:
        """Return whether there is a worker, as far as is known."""
        return not self.ended.is_set()

    def count_waiting(self, *, is_large: bool) -> int:
        """Return how many batches of this size have no answer yet."""
        return len(self._waiting[is_large])

    def send(self, tasks: tuple[Task, ...], *, is_large: bool, heard: Heard) -> None:
        """Have tasks verified, a large one alone."""
        self._waiting[is_large].append(heard)
        self._transport.write(to_frame(Batch(is_large, tasks)))

    def close(self) -> None:
        """End the worker. What has no answer yet gets none."""
        for waiting in self._waiting.values():
            waiting.clear()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        # uvloop's are of no class of asyncio.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass verdicts on to who waits for them."""
        self._received += data
        for message in cut_frames(self._received):
            is_large, verdicts = decode_verdicts(message)
            self._waiting[is_large].popleft()(verdicts)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell all who wait."""
        self.ended.set()
        for waiting in self._waiting.values():
            while waiting:
                waiting.popleft()(None)


class _ForkServer:
    """The process of which all workers are forked: to start an interpreter anew takes 70 ms of processor time, a fork 2."""

    def __init__(self) -> None:
        self._process_id = 0
        self._control: socket.socket | None = None

    def fork(self, link: socket.socket) -> None:
        """Fork a worker for the other end of a socket. Raises OSError."""
        if self._control is None:
            self._control = self._start()
        try:
            socket.send_fds(self._control, [b"\0"], [link.fileno()])
        except OSError:
            self._control.close()
            self._control = None
            os.waitpid(self._process_id, 0)
            raise

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            # Nothing else of the environment, which may hold what only the relay is to know.
            environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            to_null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
            as_3 = (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)
            command = [sys.executable, "-P", "-m", "relay.verify.worker", "3"]
            self._process_id = os.posix_spawn(
                sys.executable, command, environment, file_actions=[*to_null, as_3], setsigmask=_LEFT_TO_THE_RELAY
            )
        return ours


_fork_server = _ForkServer()


async def start_worker() -> WorkerLink:
    """Start a worker of this process, and return the link to it. Raises OSError."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            _fork_server.fork(theirs)
        _, link = await asyncio.get_running_loop().create_unix_connection(WorkerLink, sock=ours)
    except BaseException:
        ours.close()
        raise
    return link
