"""The rate of orders is a part of what is allowed for long: a burst is little of it, a flood all of it, and a minute later less."""

from itertools import pairwise

import pytest

from relay.policy.order_rate import OrderRate

PER_S = 5.0


def test_a_burst_is_a_small_part_and_a_flood_is_all() -> None:
    rate = OrderRate(0.0)
    assert rate.find_share(0.0, PER_S) == 0
    for _ in range(20):
        rate.add_order(0.0)
    assert rate.find_share(0.0, PER_S) == pytest.approx(20 / 300)
    shares = []
    for number in range(3_000):
        rate.add_order(number / PER_S)
        shares.append(rate.find_share(number / PER_S, PER_S))
    assert all(before <= after for before, after in pairwise(shares))
    assert shares[-1] == pytest.approx(1, abs=0.01)
    assert max(shares) <= 1


def test_it_falls_when_no_more_come() -> None:
    rate = OrderRate(100.0)
    for _ in range(300):
        rate.add_order(100.0)
    assert rate.find_share(100.0, PER_S) == 1
    assert rate.find_share(160.0, PER_S) == pytest.approx(0.37, abs=0.01)
    assert rate.find_share(1_000.0, PER_S) < 1e-3


def test_half_of_the_allowed_rate_is_half() -> None:
    rate = OrderRate(0.0)
    for number in range(3_000):
        rate.add_order(number / 2.5)
    assert rate.find_share(3_000 / 2.5, PER_S) == pytest.approx(0.5, abs=0.01)
