"""What pages cost: the processor time of one that is kept, and what a client's REQ feels while many are asked for.

`python -m bench.pages [--json] [--pages-per-s N] [--runs N]` starts a relay of its own in a temporary directory, with the default
limits but for rates, and with notes on it. The first figures are the relay's own processor time a page, all threads, without its
Postgres: the median of some rounds, each of new connections, as browsers make them. The others are the p95 of a client's REQ, on a
quiet relay and while visitors ask for so many pages a second, in turns of some seconds, and the medians of the turns. Half of what
they ask for is kept, the other half has to be read and rendered. They are a process of their own. All is limited in number and
time.
"""

import argparse
import itertools
import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import uvloop

from bench.corpus import Part, make_part
from bench.loads import post_all
from bench.meter import read_cpu_s
from bench.relay_process import SETTINGS, run_relay
from bench.sockets import RUN_TIMEOUT_S, frame_text, shake_hands
from relay.protocol.event import decode_event

_NOTES = 2_500
_RING = 10
_SEED = 14
# Of the notes, those that are asked for again and again.
_KEPT = 20
_PAGES_A_ROUND = 500
_ROUNDS = 5
_TURN_S = 3.0
_PAUSE_S = 0.02
_VISITORS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--pages-per-s", type=int, default=100, help="how many pages are asked for (default: 100)")
    parser.add_argument("--runs", type=int, default=5, help="turns of each, quiet and under load (default: 5)")
    arguments = parser.parse_args()
    notes = make_part(Part("ring10_one", _NOTES, _RING), _SEED)
    paths = [f"/note/{decode_event(note).id}" for note in notes]
    with run_relay(SETTINGS) as relay:
        port, pid = relay.port, relay.processes.relay
        uvloop.run(post_all(relay.url, notes))
        figures = {
            "cached_note_cpu_ms": _measure_cpu_ms(port, pid, paths[0]),
            "cached_feed_cpu_ms": _measure_cpu_ms(port, pid, "/"),
            "not_found_cpu_ms": _measure_cpu_ms(port, pid, "/nowhere"),
            **_compare_reqs(port, paths, arguments.pages_per_s, arguments.runs),
        }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:30} {figure:10.3f}")


def _measure_cpu_ms(port: int, pid: int, path: str) -> float:
    """Return the relay's processor time for one answer, in ms: the median of the rounds."""
    _get(port, path)
    rounds = []
    for _ in range(_ROUNDS):
        started_s = read_cpu_s(pid)
        for _ in range(_PAGES_A_ROUND):
            _get(port, path)
        rounds.append((read_cpu_s(pid) - started_s) / _PAGES_A_ROUND * 1e3)
    return statistics.median(rounds)


def _get(port: int, path: str) -> str:
    """Return the status line of an answer, once all of it is there."""
    with socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nAccept-Language: en\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        told = b""
        while data := connection.recv(1_048_576):
            told = told or data
    return told.partition(b"\r\n")[0].decode()


def _compare_reqs(port: int, paths: Sequence[str], pages_per_s: int, runs: int) -> dict[str, float]:
    """Return the p95 of a REQ in ms, quiet and while visitors read, and how many times the one is of the other."""
    quiet, loaded, read = [], [], 0
    fresh = paths[_KEPT:]
    for run in range(runs):
        quiet.append(_measure_req_p95_ms(port))
        wanted = _mix([*paths[:_KEPT], "/"], fresh[run * len(fresh) // runs : (run + 1) * len(fresh) // runs])
        with _visiting(port, wanted, pages_per_s) as count:
            loaded.append(_measure_req_p95_ms(port))
            read += count()
    return {
        "quiet_req_p95_ms": statistics.median(quiet),
        "loaded_req_p95_ms": statistics.median(loaded),
        "times_quiet": statistics.median(loaded) / statistics.median(quiet),
        "pages_per_s": read / (runs * _TURN_S),
    }


def _mix(kept: Sequence[str], fresh: Sequence[str]) -> list[str]:
    """Return the paths of both in turn, as many of each."""
    return [path for pair in zip(itertools.cycle(kept), fresh, strict=False) for path in pair]


def _measure_req_p95_ms(port: int) -> float:
    """Return the p95 of a REQ for ten notes, of a client that pauses between them."""
    frame = frame_text(b'["REQ","q",{"kinds":[1],"limit":10}]')
    felt = []
    with socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S) as connection:
        shake_hands(connection)
        until_s = time.monotonic() + _TURN_S
        while time.monotonic() < until_s:
            started_s = time.perf_counter()
            connection.sendall(frame)
            told = b""
            while b'["EOSE","q"' not in told:
                data = connection.recv(1_048_576)
                if not data:
                    raise SystemExit("the relay closed the client's connection")
                told = told[-32:] + data
            felt.append(time.perf_counter() - started_s)
            time.sleep(_PAUSE_S)
    return statistics.quantiles(felt, n=20)[-1] * 1e3


@contextmanager
def _visiting(port: int, paths: Sequence[str], pages_per_s: int) -> Iterator[Callable[[], int]]:
    """Let visitors ask for pages until the end; what is given counts the pages that came."""
    spawned = multiprocessing.get_context("spawn")
    is_over, count = spawned.Event(), spawned.Value("i", 0)
    visitors = spawned.Process(target=_visit, args=(port, paths, pages_per_s, is_over, count), daemon=True)
    visitors.start()
    try:
        # Until the process is there.
        while not count.value and visitors.is_alive():
            time.sleep(_PAUSE_S)
        count.value = 0
        yield lambda: int(count.value)
    finally:
        is_over.set()
        visitors.join(RUN_TIMEOUT_S)


def _visit(port: int, paths: Sequence[str], pages_per_s: int, is_over: Any, count: Any) -> None:
    """Ask for one page after another, each at its time, by as many threads as that takes."""
    with ThreadPoolExecutor(_VISITORS) as executor:
        started_s = time.monotonic()
        for number, path in enumerate(itertools.cycle(paths)):
            time.sleep(max(0.0, started_s + number / pages_per_s - time.monotonic()))
            if is_over.is_set():
                # What is late is not asked for any more.
                executor.shutdown(cancel_futures=True)
                return
            executor.submit(_visit_one, port, path, count)


def _visit_one(port: int, path: str, count: Any) -> None:
    if " 200 " in _get(port, path):
        with count.get_lock():
            count.value += 1


if __name__ == "__main__":
    main()
