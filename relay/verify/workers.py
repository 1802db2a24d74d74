"""The links to the workers: how one is started, and how batches go to it and verdicts come back. Knows no queue and no note."""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from relay.verify.task import FOR_LARGE, FOR_SMALL, Batch, Verdict, cut_frames, decode_verdicts, to_frame

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
        self._waiting: deque[Heard] = deque()

    @property
    def is_there(self) -> bool:
        """Return whether there is a worker, as far as is known."""
        return not self.ended.is_set()

    @property
    def batches_waiting(self) -> int:
        """Return how many batches have no answer yet."""
        return len(self._waiting)

    def send(self, batch: Batch, heard: Heard) -> None:
        """Have tasks verified."""
        self._waiting.append(heard)
        self._transport.write(to_frame(batch))

    def close(self) -> None:
        """End the worker. What has no answer yet gets none."""
        self._waiting.clear()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        # uvloop's are of no class of asyncio.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass verdicts on to who waits for them."""
        self._received += data
        for message in cut_frames(self._received):
            self._waiting.popleft()(decode_verdicts(message))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell all who wait."""
        self.ended.set()
        while self._waiting:
            self._waiting.popleft()(None)


class _ForkServer:
    """The process of which all workers are forked: to start an interpreter anew takes 70 ms of processor time, a fork 2."""

    def __init__(self) -> None:
        self._process_id = 0
        self._control: socket.socket | None = None

    def fork(self, link: socket.socket, size: bytes) -> None:
        """Fork a worker for the other end of a socket, for notes of a size. Raises OSError."""
        if self._control is not None:
            try:
                socket.send_fds(self._control, [size], [link.fileno()])
            except OSError:
                # It has ended.
                self._control.close()
                self._control = None
                os.waitpid(self._process_id, 0)
            else:
                return
        self._control = self._start()
        socket.send_fds(self._control, [size], [link.fileno()])

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


async def start_worker(*, is_for_large: bool) -> WorkerLink:
    """Start a worker of this process, and return the link to it. One for large notes gives way to all others. Raises OSError."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            _fork_server.fork(theirs, FOR_LARGE if is_for_large else FOR_SMALL)
        _, link = await asyncio.get_running_loop().create_unix_connection(WorkerLink, sock=ours)
    except BaseException:
        ours.close()
        raise
    return link
