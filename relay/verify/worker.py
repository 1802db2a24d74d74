"""The processes that verify, and do nothing else: no event loop, no database, no key. They end when the relay does.

`python -m relay.verify.worker FD` is given sockets over the socket FD, and forks a worker for each.
"""

import gc
import os
import signal
import socket
import sys
import time

from relay.log import Log, LogEvent
from relay.no_dumps import forbid_dumps
from relay.protocol.refusal import Rejected
from relay.verify import ring_equations, schnorr
from relay.verify.ring_equations import Dialect
from relay.verify.task import FOR_LARGE, Task, Verdict, cut_frames, decode_batch, to_frame

_READ_BYTES = 2**18
# What takes long gives way to all else, and still gets a quarter of a core that others want. While rings of 1,000 are verified,
# the p99 of a second client's EVENT is 40 to 45 ms, of its REQ 8; with the same workers for all notes 50 to 71, and 13 to 18.
_NICE_OF_LARGE = 5


def serve(link: socket.socket, log: Log) -> None:
    """Answer the batches that come over a socket until its other end is closed."""
    received = bytearray()
    while data := link.recv(_READ_BYTES):
        received += data
        for message in cut_frames(received):
            link.sendall(to_frame(tuple(_judge(task, log) for task in decode_batch(message))))


def _judge(task: Task, log: Log) -> Verdict:
    """Return the verdict on a task, with the seconds it took."""
    place, dialect, reason, is_fault = 0, None, None, False
    started_s = time.perf_counter()
    try:
        place, dialect = _verify(task)
    except Rejected as rejected:
        reason = rejected.reason
    except Exception as error:  # noqa: BLE001 - it is for who sent the note, and others go on
        log.write_error(LogEvent.INTERNAL_ERROR, error)
        is_fault = True
    return Verdict(time.perf_counter() - started_s, reason, place, dialect, is_fault)


def _verify(task: Task) -> tuple[int, Dialect | None]:
    """Return the place of the text that the ring signed, and the dialect, None without a ring. Raises Rejected."""
    schnorr.verify(task.pubkey, task.id, task.sig)
    ring = task.ring
    if ring is None:
        return 0, None
    members = list(map(ring_equations.to_member, ring.keys))
    return ring_equations.find_signed(ring.texts, members, ring.signature, ring.dialects)


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
            size, given, _, _ = socket.recv_fds(control, 1, 1)
            if not given:
                return
            with socket.socket(fileno=given[0]) as link:
                if not os.fork():
                    control.close()
                    if size == FOR_LARGE:
                        os.nice(_NICE_OF_LARGE)
                    serve(link, log)
                    return


if __name__ == "__main__":
    main(int(sys.argv[1]))
