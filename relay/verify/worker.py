"""The processes that verify, and do nothing else: no event loop, no database, no key. They end when the relay does.

`python -m relay.verify.worker FD` is given sockets over the socket FD, and forks a worker for each.
"""

import gc
import os
import signal
import socket
import sys
import time
from collections import deque

from relay.log import Log, LogEvent
from relay.no_dumps import forbid_dumps
from relay.protocol.refusal import Rejected
from relay.verify import ring_equations, schnorr
from relay.verify.ring_equations import Dialect
from relay.verify.steps import Steps, finish
from relay.verify.task import Batch, Task, Verdict, Verdicts, cut_frames, decode_batch, to_frame

_READ_BYTES = 2**18


class Worker:
    """A worker: it answers the batches that come over a socket, small ones between the steps of a large one."""

    def __init__(self, link: socket.socket, log: Log) -> None:
        self._link = link
        self._log = log
        self._received = bytearray()
        self._small: deque[Batch] = deque()
        self._large: deque[Steps[Verdict]] = deque()

    def serve(self) -> None:
        """Work until the other end of the socket is closed."""
        while self._receive():
            if self._small:
                batch = self._small.popleft()
                self._answer(Verdicts(False, tuple(finish(self._judge_in_steps(task)) for task in batch.tasks)))
            if self._large:
                try:
                    next(self._large[0])
                except StopIteration as end:
                    self._large.popleft()
                    self._answer(Verdicts(True, (end.value,)))

    def _receive(self) -> bool:
        """Take what has come, and wait for it where there is nothing to do. Return whether the other end is open."""
        try:
            while True:
                data = self._link.recv(_READ_BYTES, socket.MSG_DONTWAIT if self._small or self._large else 0)
                if not data:
                    return False
                self._received += data
                for message in cut_frames(self._received):
                    self._accept(decode_batch(message))
        except BlockingIOError:
            return True

    def _accept(self, batch: Batch) -> None:
        if batch.is_large:
            self._large.extend(map(self._judge_in_steps, batch.tasks))
        else:
            self._small.append(batch)

    def _judge_in_steps(self, task: Task) -> Steps[Verdict]:
        """Return the verdict on a task after steps of bounded work; its seconds are theirs."""
        steps = _verify_in_steps(task)
        place, dialect, reason, is_fault = 0, None, None, False
        seconds, started_s = 0.0, time.perf_counter()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                place, dialect = end.value
                break
            except Rejected as rejected:
                reason = rejected.reason
                break
            except Exception as error:  # noqa: BLE001 - it is for who sent the note, and others go on
                self._log.write_error(LogEvent.INTERNAL_ERROR, error)
                is_fault = True
                break
            seconds += time.perf_counter() - started_s
            yield
            started_s = time.perf_counter()
        return Verdict(seconds + time.perf_counter() - started_s, reason, place, dialect, is_fault)

    def _answer(self, verdicts: Verdicts) -> None:
        self._link.sendall(to_frame(verdicts))


def _verify_in_steps(task: Task) -> Steps[tuple[int, Dialect | None]]:
    """Return the place of the text that the ring signed, and the dialect, None without a ring. Raises Rejected."""
    schnorr.verify(task.pubkey, task.id, task.sig)
    ring = task.ring
    if ring is None:
        return 0, None
    members = list(map(ring_equations.to_member, ring.keys))
    return (yield from ring_equations.find_signed(ring.texts, members, ring.signature, ring.dialects))


def main(control_fd: int) -> None:
    """Fork a worker for each socket that comes over the control socket, until its other end is closed."""
    log = Log()
    log.log_unhandled_errors()
    # Nobody waits for a worker that has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    forbid_dumps()
    # So that the workers go on sharing what was made until here.
    gc.freeze()
    with socket.socket(fileno=control_fd) as control:
        while True:
            _, given, _, _ = socket.recv_fds(control, 1, 1)
            if not given:
                return
            with socket.socket(fileno=given[0]) as link:
                if not os.fork():
                    control.close()
                    Worker(link, log).serve()
                    return


if __name__ == "__main__":
    main(int(sys.argv[1]))
