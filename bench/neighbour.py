"""What a second client feels while another one is hostile: its worst publish and REQ, as multiples of a quiet hour's.

`python -m bench.neighbour [--json]` starts a relay of its own in a temporary directory with the default limits, and with
notes that were stored before. The neighbour posts a note and asks for ten, again and again, on a connection of its own: first
alone, then under each burst. Every burst is bounded in number and time.
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
from pathlib import Path

import msgspec
from coincurve import PrivateKey

from bench.load import RUN_TIMEOUT_S, frame_text, run_relay, shake_hands
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
_QUIET_ROUNDS = 300
_SPARED_PERCENT = 1
_PAUSE_S = 0.01
# A burst is watched until it is answered, and for this long at least and at most.
_WATCH_S = (2.0, 60.0)
_AUTHOR = PrivateKey()
_PUBKEY = _AUTHOR.public_key.format()[1:].hex()
_NOW = int(time.time())
# Of the notes that are stored before, as nobody checks them again.
_UNCHECKED_ID = "00" * 24

Burst = Sequence[Sequence[bytes]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    bursts = _make_bursts()
    with run_relay(_SETTINGS, prepare=_store_large_notes) as port:
        with _Neighbour(port) as neighbour:
            quiet = neighbour.watch(lambda rounds: rounds >= _QUIET_ROUNDS)
        felt = {name: _feel(port, burst) for name, burst in bursts.items()}
    if arguments.json:
        print(json.dumps({name: one.describe(quiet) for name, one in {"quiet": quiet, **felt}.items()}))
        return
    print(f"{'':44}{'publish':>22}{'REQ':>30}")
    print(f"{'':44}{'median':>9}{'worst':>9}{'x':>8}{'median':>13}{'worst':>9}{'x':>8}")
    for name, one in {"quiet": quiet, **felt}.items():
        told = one.describe(quiet)
        figures = "".join(
            f"{value:>{width}.1f}" for value, width in zip(told.values(), (9, 9, 8, 13, 9, 8), strict=True)
        )
        print(f"{name:44}{figures}")
    print(f"ms; x: the worst, as a multiple of the worst of {100 - _SPARED_PERCENT} % of the quiet rounds")


class _Felt:
    """The latencies of publishing and of asking that a client saw, in seconds."""

    def __init__(self, published: list[float], asked: list[float]) -> None:
        self._published, self._asked = sorted(published), sorted(asked)

    def describe(self, quiet: "_Felt") -> dict[str, float]:
        """Return medians and worst values in ms, and the worst as multiples of a quiet client's."""
        figures: dict[str, float] = {}
        for name in ("published", "asked"):
            felt, before = getattr(self, f"_{name}"), getattr(quiet, f"_{name}")
            # One in a hundred waits for the machine: for its disk, or for other guests.
            bound = before[-1 - len(before) * _SPARED_PERCENT // 100]
            figures[f"{name}_median_ms"] = statistics.median(felt) * 1e3
            figures[f"{name}_worst_ms"] = felt[-1] * 1e3
            figures[f"{name}_multiple"] = felt[-1] / bound
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

    def watch(self, is_over: Callable[[int], bool]) -> _Felt:
        published: list[float] = []
        asked: list[float] = []
        while not published or not is_over(len(published)):
            note = _make_event(1, (("t", "neighbour"),), f"{len(published)} {secrets.token_hex(8)}")
            published.append(self._ask(frame_text(b'["EVENT",' + encode_event(note) + b"]"), b'["OK",'))
            time.sleep(_PAUSE_S)
            asked.append(self._ask(self._req, b'["EOSE","q"]'))
            # Twenty of each a second are what a client may send.
            time.sleep(0.05)
        return _Felt(published, asked)

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


def _feel(port: int, burst: Burst) -> _Felt:
    """Return what the neighbour feels from the burst's first frame until its last answer."""
    threads = [threading.Thread(target=_send, args=(port, frames), daemon=True) for frames in burst]
    begun_s = time.monotonic()
    with _Neighbour(port) as neighbour:
        for thread in threads:
            thread.start()

        def is_over(_: int) -> bool:
            watched_s = time.monotonic() - begun_s
            return watched_s > (_WATCH_S[1] if any(map(threading.Thread.is_alive, threads)) else _WATCH_S[0])

        return neighbour.watch(is_over)


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


def _make_bursts() -> dict[str, Burst]:
    def numbered(name: str, first: int, count: int) -> tuple[Tag, ...]:
        return tuple((name, hashlib.sha256(f"{first + number}".encode()).hexdigest()) for number in range(count))

    return {
        "47 deletions of 1,000 tags": [[_post(5, numbered("e", 10_000 * n, 1_000)) for n in range(47)]],
        "30 notes of 1,000 indexed tags": [[_post(1, numbered("t", 10_000 * n, 1_000), str(n)) for n in range(30)]],
        "15 deletions of 1,990 tags": [[_post(5, numbered("e", 10_000 * n, 1_990)) for n in range(15)]],
        f"a deletion over {_LARGE_NOTES} notes of {_LARGE_RING} members": [
            [_post(5, tuple(("e", _to_id(number)) for number in range(_LARGE_NOTES)))]
        ],
        "20 connections of texts of 100 KB": [[_post(1, (), text)] * 20 for text in map(_make_text, range(20))],
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
