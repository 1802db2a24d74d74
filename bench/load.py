"""A relay under load: how many events it stores per second, and how many stored events it returns per second.

`python -m bench.load [--json]` starts a relay of its own in a temporary directory, with fsync on. It sends
prepared frames over plain sockets on loopback and counts the answers. The load is limited in number and time.
"""

import argparse
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from coincurve import PrivateKey

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.protocol.event import Event, compute_id, encode_event

_CHECKOUT = Path(__file__).resolve().parents[1]
CONNECTIONS = 8
PLAIN_EVENTS = 30_000
START_TIMEOUT_S = 60.0
RUN_TIMEOUT_S = 120.0
SETTINGS = {
    "RELAY_ACCEPT__PLAIN": "true",
    "RELAY_TIERS": '[{"path": "/"}]',
    "RELAY_LIMITS__EVENTS_PER_S": "1000000",
    "RELAY_LIMITS__REQS_PER_S": "1000000",
    "RELAY_LIMITS__READ_BYTES_PER_S": "1000000000",
    "RELAY_LIMITS__RING_LINKS_PER_S": "1000000000",
    "RELAY_LIMITS__ROWS_PER_S": "1000000000",
}

# Ring notes wait for a batch that is far away, and nobody's share of it is small.
HELD_SETTINGS = {
    **SETTINGS,
    "RELAY_PRIVACY__PUBLISH_EVERY_S": "86400",
    "RELAY_PRIVACY__MAX_HELD_PER_CONNECTION": "1000000",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with run_relay() as port:
        figures = {
            "plain_events_per_s": measure_publish(port, _make_plain(PLAIN_EVENTS)),
            "queries_of_100_events_per_s": _measure_queries(port, 6_000),
            "ring_10_notes_per_s": measure_publish(port, make_ring_notes(2_000, 10)),
            "ring_100_notes_per_s": measure_publish(port, make_ring_notes(300, 100)),
        }
    with run_relay(HELD_SETTINGS) as port:
        figures["ring_10_notes_held_per_s"] = measure_publish(port, make_ring_notes(2_000, 10))
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:30} {figure:10.0f}")


@contextmanager
def run_relay(
    settings: Mapping[str, str] = SETTINGS,
    *,
    checkout: Path = _CHECKOUT,
    prepare: Callable[[Path], None] | None = None,
) -> Iterator[int]:
    """Run the relay of a checkout in a temporary directory, and give its port.

    `prepare` is given its data directory before it starts.
    """
    with run_relay_process(settings, checkout=checkout, prepare=prepare) as (port, _):
        yield port


@contextmanager
def run_relay_process(
    settings: Mapping[str, str] = SETTINGS,
    *,
    checkout: Path = _CHECKOUT,
    prepare: Callable[[Path], None] | None = None,
) -> Iterator[tuple[int, int]]:
    """Do the same, and give the relay's port and its process id."""
    with tempfile.TemporaryDirectory(prefix="ringrelay-bench-", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        port, private_port = _find_free_port(), _find_free_port()
        environment = {
            **os.environ,
            **settings,
            "PYTHONPATH": str(checkout),
            "RELAY_DATA_DIR": directory + "/data",
            "RELAY_SERVER__PORT": str(port),
            "RELAY_SERVER__PRIVATE_PORT": str(private_port),
        }
        if prepare is not None:
            prepare(Path(directory) / "data")
        process = subprocess.Popen(
            [sys.executable, "-m", "relay", "serve"], env=environment, stdout=subprocess.PIPE, cwd=directory
        )
        try:
            _wait_until_ready(process)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _wait_until_ready(process: "subprocess.Popen[bytes]") -> None:
    watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"ringrelay is ready"):
            watchdog.cancel()
            return
    raise SystemExit("the relay did not start; see its messages above")


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _make_plain(count: int) -> list[Event]:
    key = PrivateKey()
    pubkey = key.public_key.format()[1:].hex()
    now = int(time.time())
    events = []
    for number in range(count):
        content = f"{number} " + "lorem ipsum dolor sit amet " * 6
        tags = (("p", secrets.token_hex(32)), ("t", f"topic{number % 50}"))
        event_id = compute_id(pubkey, now - number % 5000, 1, tags, content)
        sig = key.sign_schnorr(bytes.fromhex(event_id)).hex()
        events.append(Event(event_id, pubkey, now - number % 5000, 1, tags, content, sig))
    return events


def make_ring_notes(count: int, size: int) -> list[Event]:
    """Return ring notes over one ring of so many members."""
    keys = [PrivateKey() for _ in range(size)]
    ring = sorted(key.public_key.format()[1:] for key in keys)
    return [
        make_bound_note(
            Draft(
                ring=ring,
                secret=keys[number % size].secret,
                content=f"note {number}",
                created_at=int(time.time()),
            )
        )
        for number in range(count)
    ]


def measure_publish(port: int, events: list[Event]) -> float:
    """Return how many events a second a relay takes, stored or held."""
    frames = [frame_text(b'["EVENT",' + encode_event(event) + b"]") for event in events]
    shares = [frames[start::CONNECTIONS] for start in range(CONNECTIONS)]
    return _measure_rate(port, shares, b',true,"')


def _measure_queries(port: int, count: int) -> float:
    # The same id replaces the previous subscription, so a query is never cancelled and never adds a subscription.
    frame = frame_text(b'["REQ","q",{"kinds":[1],"limit":100}]')
    shares = [[frame] * (count // CONNECTIONS) for _ in range(CONNECTIONS)]
    return _measure_rate(port, shares, b'["EOSE","q"', window=1)


def _measure_rate(port: int, shares: list[list[bytes]], answer: bytes, window: int = 64) -> float:
    started_s = time.perf_counter()
    with ThreadPoolExecutor(len(shares)) as executor:
        for finished in [executor.submit(send_frames, port, share, answer, window) for share in shares]:
            finished.result()
    return sum(map(len, shares)) / (time.perf_counter() - started_s)


def send_frames(port: int, frames: list[bytes], answer: bytes, window: int) -> None:
    """Send frames with at most `window` unanswered, and count answers until all frames are answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S) as connection:
        shake_hands(connection)
        sent = answered = 0
        tail = b""
        while answered < len(frames):
            room = min(window - (sent - answered), len(frames) - sent)
            if room > 0:
                connection.sendall(b"".join(frames[sent : sent + room]))
                sent += room
            data = tail + connection.recv(1_048_576)
            if data == tail:
                raise SystemExit("the relay closed a connection under load")
            answered += data.count(answer)
            # This could be the beginning of an answer that the next read completes.
            tail = data[-(len(answer) - 1) :] if not data.endswith(answer) else b""


def shake_hands(connection: socket.socket) -> None:
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    connection.sendall(
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)


def frame_text(payload: bytes) -> bytes:
    """Frame a client's text message. A mask of zeros is valid (RFC 6455 5.3) and does not change the payload."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, 0x80 | size))
    elif size < 65_536:
        head = b"\x81\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + size.to_bytes(8, "big")
    return head + bytes(4) + payload


if __name__ == "__main__":
    main()
