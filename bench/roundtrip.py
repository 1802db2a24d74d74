"""A WebSocket round trip: how long one client waits for an answer that needs no database.

`python -m bench.roundtrip [--before CHECKOUT]` starts a relay of its own. With another checkout, it measures that one and
this one in five alternating pairs, and prints the median of their ratios: 1.05 is five percent slower than before.
"""

import argparse
import statistics
import time
from pathlib import Path

from bench.relay_process import run_relay
from bench.sockets import frame_text, send_frames

_PAIRS = 5
_ROUND_TRIPS = 20_000
_WARM_UP = 1_000
# The same id replaces the previous subscription.
_FRAME = frame_text(b'["REQ","q",{"limit":0}]')
_ANSWER = b'["EOSE","q"]'
# Keys that older checkouts know, too.
_SETTINGS = {"RELAY_LIMITS__REQS_PER_S": "1000000", "RELAY_LIMITS__READ_BYTES_PER_S": "1000000000"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="compare with the relay of this directory")
    before = parser.parse_args().before
    with run_relay(_SETTINGS) as relay:
        if before is None:
            print(f"round_trip_us {measure(relay.port):10.1f}")
            return
        with run_relay(_SETTINGS, checkout=before.resolve()) as before_it:
            pairs = [(measure(before_it.port), measure(relay.port)) for _ in range(_PAIRS)]
    for first, second in pairs:
        print(f"round_trip_us before {first:8.1f} now {second:8.1f} ratio {second / first:.3f}")
    print(f"median_ratio {statistics.median(second / first for first, second in pairs):.3f}")


def measure(port: int) -> float:
    """Return the mean time of a round trip in microseconds, over one new connection."""
    send_frames(port, [_FRAME] * _WARM_UP, _ANSWER, window=1)
    started_s = time.perf_counter()
    send_frames(port, [_FRAME] * _ROUND_TRIPS, _ANSWER, window=1)
    return (time.perf_counter() - started_s) / _ROUND_TRIPS * 1_000_000


if __name__ == "__main__":
    main()
