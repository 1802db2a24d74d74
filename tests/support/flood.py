"""Send frames to a relay as fast as it takes them: a process of its own, so that who measures meanwhile is not slowed down.

`python -m tests.support.flood PORT PATH FILE CONNECTIONS PER_S` sends each line of a file as one frame, shared out over the
connections, so many a second on each (0: as they go), and prints as JSON how often the OKs said what. Every wait is bounded.
"""

import json
import re
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

from tests.support.raw import make_handshake, make_text_frame
from tests.support.time_factor import scaled

_BOUND_S = scaled(60.0)
_OFFER = re.compile(r"^restricted: payment required: .*")


def main() -> None:
    port, path, file, connections, per_s = sys.argv[1:]
    frames = [make_text_frame(line) for line in Path(file).read_bytes().splitlines()]
    shares = [frames[start :: int(connections)] for start in range(int(connections))]
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(len(shares)) as executor:
        driving = [executor.submit(_drive, _open(int(port), path), share, float(per_s)) for share in shares]
        for driven in driving:
            counts.update(driven.result())
    print(json.dumps(counts))


def _open(port: int, path: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=_BOUND_S)
    sock.sendall(make_handshake().replace(b"GET / ", f"GET {path} ".encode()))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return sock


def _drive(sock: socket.socket, frames: list[bytes], per_s: float) -> Counter[str]:
    """Send frames, and count what their OKs say; every offer counts as one text."""
    counts: Counter[str] = Counter()
    data = bytearray()
    # Apart, as a relay reads nothing from a client that does not read.
    sender = Thread(target=_send, args=(sock, frames, per_s), daemon=True)
    sender.start()
    with sock:
        while counts.total() < len(frames):
            received = sock.recv(262_144)
            assert received, "the relay closed a connection"
            data += received
            while (found := _find_end(data)) is not None:
                start, end = found
                if data[0] & 15 == 1:
                    message = json.loads(data[start:end])
                    assert message[0] == "OK", message
                    counts[_OFFER.sub("an offer", message[3])] += 1
                del data[:end]
    return counts


def _send(sock: socket.socket, frames: list[bytes], per_s: float) -> None:
    for frame in frames:
        sock.sendall(frame)
        if per_s:
            time.sleep(1 / per_s)


def _find_end(data: bytearray) -> tuple[int, int] | None:
    """Return where the payload of the first frame begins and ends, None while it is not all there."""
    if len(data) < 2:
        return None
    start, size = 2, data[1]
    if size >= 126:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start], "big")
    return (start, start + size) if len(data) >= start + size else None


if __name__ == "__main__":
    main()
