"""What pages cost: the processor time of one that is cached, and what a client's REQ feels while many are asked for.

`python -m bench.pages [--json] [--visitors N] [--runs N]` starts a relay of its own in a temporary directory, with the default
limits but for rates, and with notes on it. The first figure is the relay's own processor time a page, all threads, without its
Postgres: the median of some rounds, each of new connections, as browsers make them. The second is the p95 of a client's REQ,
first on a quiet relay and then while visitors open notes and feeds as fast as they get them, in turns of some seconds, and the
median of the turns. The load is limited in number and time.
"""

import argparse
import json
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.load import (
    RUN_TIMEOUT_S,
    SETTINGS,
    frame_text,
    make_ring_notes,
    measure_publish,
    run_relay_process,
    shake_hands,
)

_NOTES = 400
_RING = 10
_PAGES_A_ROUND = 500
_ROUNDS = 5
_TURN_S = 3.0
_PAUSE_S = 0.02
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--visitors", type=int, default=4, help="how many ask for pages at the same time (default: 4)")
    parser.add_argument("--runs", type=int, default=5, help="turns of each, quiet and under load (default: 5)")
    arguments = parser.parse_args()
    notes = make_ring_notes(_NOTES, _RING)
    paths = [f"/note/{note.id}" for note in notes]
    with run_relay_process(SETTINGS) as (port, pid):
        measure_publish(port, notes)
        figures = {
            "cached_note_cpu_ms": _measure_cpu_ms(port, pid, paths[0]),
            "cached_feed_cpu_ms": _measure_cpu_ms(port, pid, "/"),
            "not_found_cpu_ms": _measure_cpu_ms(port, pid, "/nowhere"),
            **_compare_reqs(port, ["/", *paths], arguments.visitors, arguments.runs),
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
        started_s = _read_cpu_s(pid)
        for _ in range(_PAGES_A_ROUND):
            _get(port, path)
        rounds.append((_read_cpu_s(pid) - started_s) / _PAGES_A_ROUND * 1e3)
    return statistics.median(rounds)


def _read_cpu_s(pid: int) -> float:
    """Return what a process and its threads have used, in user and system mode (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def _get(port: int, path: str) -> str:
    """Return the status line of an answer, once all of it is there."""
    with socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nAccept-Language: en\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        told = b""
        while data := connection.recv(1_048_576):
            told = told or data
    return told.partition(b"\r\n")[0].decode()


def _compare_reqs(port: int, paths: Sequence[str], visitors: int, runs: int) -> dict[str, float]:
    """Return the p95 of a REQ in ms, quiet and while visitors read, and how many times the one is of the other."""
    quiet, loaded, read = [], [], 0
    for _ in range(runs):
        quiet.append(_measure_req_p95_ms(port))
        with _visiting(port, paths, visitors) as count:
            loaded.append(_measure_req_p95_ms(port))
            read += count()
    return {
        "quiet_req_p95_ms": statistics.median(quiet),
        "loaded_req_p95_ms": statistics.median(loaded),
        "times_quiet": statistics.median(loaded) / statistics.median(quiet),
        "pages_per_s": read / (runs * _TURN_S),
    }


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
def _visiting(port: int, paths: Sequence[str], visitors: int) -> Iterator[Callable[[], int]]:
    """Let visitors ask for pages, one after another, until the end; what is given counts the pages that came."""
    is_over = threading.Event()
    counts = [0] * visitors

    def visit(number: int) -> None:
        # Each begins elsewhere, so that a page is cold now and then.
        at = number * len(paths) // visitors
        while not is_over.is_set():
            status = _get(port, paths[at % len(paths)])
            counts[number] += " 200 " in status
            at += 1

    threads = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(visitors)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(counts)
    finally:
        is_over.set()
        for thread in threads:
            thread.join(RUN_TIMEOUT_S)


if __name__ == "__main__":
    main()
