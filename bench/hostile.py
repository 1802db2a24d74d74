"""What a second client feels while another one is hostile: its worst publish and REQ, as multiples of those of a quiet relay.

`python -m bench.hostile [--json]` starts a relay of its own in a temporary directory with the default limits, and with
notes that were stored before. The neighbour posts a note and asks for ten, again and again, on a connection of its own: first
alone, then under each burst, which is sent three times. What it feels is the worst of two seconds, and of all such windows the
median: a machine with other guests has hiccups that no relay can help. Every burst is bounded in number and time.
"""

import argparse
import asyncio
import hashlib
import json
import secrets
import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from coincurve import PrivateKey

from bench.relay_process import run_relay
from bench.sockets import RUN_TIMEOUT_S, frame_text, shake_hands
from relay.limits import Limits
from relay.log import Log
from relay.postgres.open import open_database
from relay.postgres.settings import DatabaseSection
from relay.protocol.event import Event, Tag, compute_id, encode_event
from relay.protocol.ring_terms import Form, Scheme
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.verify.claim import Claim
from relay.verify.encoding import RingSignature

_SETTINGS = {"RELAY_ACCEPT__PLAIN": "true", "RELAY_TIERS": '[{"path": "/"}]'}
_LARGE_NOTES = 1_900
_LARGE_RING = 1_000
_WINDOW_S = 2.0
_QUIET_WINDOWS = 8
_REPEATS = 3
# A burst that takes longer is watched for so long.
_MAX_WINDOWS = 15
# Until a client has all of its rates again: limits.burst_factor, and a little.
_REST_S = 5.0
_PAUSE_S = 0.01
_AUTHOR = PrivateKey()
_PUBKEY = _AUTHOR.public_key.format()[1:].hex()
_NOW = int(time.time())
# Of the notes that are stored before, as nobody checks them again.
_UNCHECKED_ID = "00" * 24

# What each of some connections sends. A burst is another one each time.
Burst = Sequence[Sequence[bytes]]
MakeBurst = Callable[[int], Burst]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with run_relay(_SETTINGS, prepare=_store_large_notes) as relay:
        with _Neighbour(relay.port) as neighbour:
            quiet = [neighbour.watch_window() for _ in range(_QUIET_WINDOWS)]
        felt = {"quiet": quiet, **{name: _feel(relay.port, make_burst) for name, make_burst in _BURSTS.items()}}
    described = {name: _describe(windows, quiet) for name, windows in felt.items()}
    if arguments.json:
        print(json.dumps(described))
        return
    print(f"{'worst in two seconds':44}{'publish ms':>12}{'x quiet':>9}{'REQ ms':>12}{'x quiet':>9}{'windows':>9}")
    for name, figures in described.items():
        print(
            f"{name:44}{''.join(f'{figures[key]:>{width}.1f}' for key, width in _COLUMNS.items())}{len(felt[name]):>9}"
        )


_COLUMNS = {"publish_ms": 12, "publish": 9, "req_ms": 12, "req": 9}


@dataclass(frozen=True)
class _Window:
    """The worst that a client felt in two seconds."""

    publish_s: float
    req_s: float


def _describe(windows: Sequence[_Window], quiet: Sequence[_Window]) -> dict[str, float]:
    """Return the medians of the worst in ms, and as multiples of those of a quiet relay."""
    figures: dict[str, float] = {}
    for name in ("publish", "req"):
        felt, before = (statistics.median(getattr(one, f"{name}_s") for one in some) for some in (windows, quiet))
        figures[f"{name}_ms"] = felt * 1e3
        figures[name] = felt / before
    return figures


class _Neighbour:
    """An honest client: a note of one tag, and a REQ for ten."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S)
        shake_hands(self._connection)
        self._req = frame_text(b'["REQ","q",{"kinds":[1],"limit":10}]')

    def __enter__(self) -> "_Neighbour":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def watch_window(self) -> _Window:
        published: list[float] = []
        asked: list[float] = []
        until_s = time.monotonic() + _WINDOW_S
        while time.monotonic() < until_s:
            note = _make_event(1, (("t", "neighbour"),), secrets.token_hex(8))
            published.append(self._ask(frame_text(b'["EVENT",' + encode_event(note) + b"]"), b'["OK",'))
            time.sleep(_PAUSE_S)
            asked.append(self._ask(self._req, b'["EOSE","q"'))
            # Twenty of each a second are what a client may send.
            time.sleep(0.05)
        return _Window(max(published), max(asked))

    def _ask(self, frame: bytes, answer: bytes) -> float:
        started_s = time.perf_counter()
        self._connection.sendall(frame)
        told = b""
        while answer not in told:
            data = self._connection.recv(1_048_576)
            if not data:
                raise SystemExit("the relay closed the neighbour's connection")
            # What comes live of its own notes is cut off in the middle, too.
            told = told[-len(answer) :] + data
        return time.perf_counter() - started_s


def _feel(port: int, make_burst: MakeBurst) -> list[_Window]:
    """Return what the neighbour feels from a burst's first frame until its last answer, of each repetition."""
    windows: list[_Window] = []
    for repetition in range(_REPEATS):
        burst = make_burst(repetition)
        threads = [threading.Thread(target=_send, args=(port, frames), daemon=True) for frames in burst]
        time.sleep(_REST_S)
        with _Neighbour(port) as neighbour:
            for thread in threads:
                thread.start()
            watched = [neighbour.watch_window()]
            while len(watched) < _MAX_WINDOWS and any(map(threading.Thread.is_alive, threads)):
                watched.append(neighbour.watch_window())
        windows += watched
    return windows


def _send(port: int, frames: Sequence[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S) as connection:
        shake_hands(connection)
        reader = threading.Thread(target=_read_answers, args=(connection, len(frames)))
        reader.start()
        for frame in frames:
            connection.sendall(frame)
        reader.join()


def _read_answers(connection: socket.socket, count: int) -> None:
    told = b""
    while told.count(b'["OK",') < count and (data := connection.recv(65_536)):
        told += data


def _list_tags(name: str, first: int, count: int) -> tuple[Tag, ...]:
    return tuple((name, hashlib.sha256(f"{first + number}".encode()).hexdigest()) for number in range(count))


def _make_deletions(count: int, tags: int) -> MakeBurst:
    return lambda repetition: [
        [_post(5, _list_tags("e", 10_000 * (count * repetition + n), tags)) for n in range(count)]
    ]


def _make_tagged(repetition: int) -> Burst:
    numbers = range(30 * repetition, 30 * (repetition + 1))
    return [[_post(1, _list_tags("t", 10_000 * number, 1_000), str(number)) for number in numbers]]


def _make_large_deletion(repetition: int) -> Burst:
    # A third of the notes each time.
    numbers = range(repetition, _LARGE_NOTES, _REPEATS)
    return [[_post(5, tuple(("e", _to_id(number)) for number in numbers))]]


def _make_texts(repetition: int) -> Burst:
    return [[_post(1, (), _make_text(20 * repetition + number))] * 20 for number in range(20)]


_BURSTS: dict[str, MakeBurst] = {
    "47 deletions of 1,000 tags": _make_deletions(47, 1_000),
    "30 notes of 1,000 indexed tags": _make_tagged,
    "15 deletions of 1,990 tags": _make_deletions(15, 1_990),
    f"deletions over {_LARGE_NOTES} notes of {_LARGE_RING} members": _make_large_deletion,
    "20 connections of texts of 100 KB": _make_texts,
}


def _make_text(number: int) -> str:
    """Return a text that looks like a ring-signed one, and is dear to read."""
    keys = "".join(f"word {hashlib.sha256(f'{number} {key}'.encode()).hexdigest()} " for key in range(1_350))
    return f"{keys}\nringA{'A' * 200}"


def _post(kind: int, tags: tuple[Tag, ...], content: str = "") -> bytes:
    return frame_text(b'["EVENT",' + encode_event(_mine(kind, tags, content)) + b"]")


def _mine(kind: int, tags: tuple[Tag, ...], content: str) -> Event:
    """Return an event with the proof of work that its rows cost."""
    limits = Limits()
    rows = len(tags) * (2 if kind == 5 else 1)
    if rows <= limits.pow_free_rows:
        return _make_event(kind, tags, content)
    bits = (rows * limits.pow_hashes_per_row).bit_length() - 1
    draft = msgspec.json.encode([0, _PUBKEY, _NOW, kind, [*tags, ["nonce", "@", str(bits)]], content])
    head, tail = draft.split(b'"@"')
    begun = hashlib.sha256(head + b'"')
    nonce = 0
    while True:
        hashed = begun.copy()
        hashed.update(b"%d" % nonce + b'"' + tail)
        if int.from_bytes(hashed.digest()) >> (256 - bits) == 0:
            return _make_event(kind, (*tags, ("nonce", str(nonce), str(bits))), content)
        nonce += 1


def _make_event(kind: int, tags: tuple[Tag, ...], content: str) -> Event:
    event_id = compute_id(_PUBKEY, _NOW, kind, tags, content)
    return Event(event_id, _PUBKEY, _NOW, kind, tags, content, _AUTHOR.sign_schnorr(bytes.fromhex(event_id)).hex())


def _to_id(number: int) -> str:
    return f"{_UNCHECKED_ID}{number:016x}"


def _store_large_notes(data_dir: Path) -> None:
    """Store notes over large rings as the writer does, without their signatures: to make these would take an hour."""
    asyncio.run(_store_all(data_dir))


async def _store_all(data_dir: Path) -> None:
    signature = RingSignature(Scheme.SAG, bytes(32), ())
    async with (
        open_database(DatabaseSection(), data_dir, 60.0, Log()) as database,
        database.writers.acquire() as connection,
    ):
        for number in range(_LARGE_NOTES):
            ring = tuple(hashlib.sha256(f"{number} {member}".encode()).digest() for member in range(_LARGE_RING))
            claim = Claim(
                form=Form.BOUND,
                ring=ring,
                ring_id=hashlib.sha256(b"".join(ring)).hexdigest(),
                signature=signature,
                candidates=(),
                signed_id=_to_id(number),
            )
            event = Event(_to_id(number), _PUBKEY, _NOW - 1_000_000, 1, (), f"large {number}", "00" * 64)
            async with connection.transaction():
                await insert_batch(connection, [Note(event, encode_event(event), claim)])
        # Else Postgres does it by itself while the quiet rounds are timed.
        await connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main()
