"""A random wait before anything is sent: whoever saw an author at work cannot tell then which note is theirs."""

import argparse
import secrets
import time

from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice

_HOUR_S = 3_600.0
_MAX_MEAN_HOURS = 168.0
# An exponential wait is above five times its mean once in 150 times; nobody should wait for that.
_MAX_MEANS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --delay."""
    parser.add_argument(
        "--delay",
        type=float,
        default=0.0,
        metavar="HOURS",
        help="wait a random time before anything is sent, HOURS on average (2 is good; default: send at once)",
    )


def read_mean_s(arguments: argparse.Namespace) -> float:
    """Return how long to wait on average, in seconds. Raises BadInput."""
    hours: float = arguments.delay
    if not 0 <= hours <= _MAX_MEAN_HOURS:
        raise BadInput(f"--delay takes hours, from 0 to {_MAX_MEAN_HOURS:g}")
    return hours * _HOUR_S


def draw_s(mean_s: float) -> float:
    """Return a wait by lot, in seconds: exponential, so that the time waited says nothing of the time that is left."""
    return min(secrets.SystemRandom().expovariate(1 / mean_s), _MAX_MEANS * mean_s) if mean_s else 0.0


def wait(mean_s: float) -> None:
    """Wait a random time, and say so."""
    if mean_s:
        print_notice(
            f"waiting by lot before anything is sent, at most {_MAX_MEANS * mean_s / _HOUR_S:g} hours; Ctrl-C: nothing is sent"
        )
        time.sleep(draw_s(mean_s))
