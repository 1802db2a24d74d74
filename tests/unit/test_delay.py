"""The random wait before anything is sent."""

import argparse
import statistics

import pytest

from relay.client.network import delay
from relay.client.terminal.bad_input import BadInput


def read(*words: str) -> float:
    parser = argparse.ArgumentParser()
    delay.add_arguments(parser)
    return delay.read_mean_s(parser.parse_args(words))


def test_by_default_nothing_waits() -> None:
    assert read() == 0.0
    assert delay.draw_s(0.0) == 0.0


def test_it_is_given_in_hours() -> None:
    assert read("--delay", "2") == 7_200.0


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "169"])
def test_what_is_no_wait_is_refused(hours: str) -> None:
    with pytest.raises(BadInput, match="--delay takes hours"):
        read("--delay", hours)


def test_the_wait_is_by_lot_with_the_mean_that_was_asked_for_and_an_end() -> None:
    waits = [delay.draw_s(7_200.0) for _ in range(4_000)]
    assert max(waits) <= 5 * 7_200.0
    # The standard error of the mean is 1.6 %.
    assert statistics.mean(waits) == pytest.approx(7_150, rel=0.1)
    assert statistics.median(waits) == pytest.approx(4_990, rel=0.12)
