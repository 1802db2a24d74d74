"""Which of the notes that wait are published: enough stay to hide among, none waits too long, and the lot decides."""

import pytest

from relay.limits import PrivacyPolicy
from relay.policy.batch_pool import choose_published, find_held_bits, make_share


@pytest.mark.parametrize(
    ("waiting", "min_batch", "count"),
    [
        (0, 45, 0),
        (1, 45, 0),
        (45, 45, 0),
        (46, 45, 1),
        (60, 45, 15),
        (128, 45, 83),
        (129, 45, 83),
        (1000, 45, 650),
        (3, 1, 1),
    ],
)
def test_so_many_go_that_enough_stay(waiting: int, min_batch: int, count: int) -> None:
    chosen = choose_published(range(waiting), [], min_batch)
    assert len(chosen) == count
    assert chosen <= set(range(waiting))


def test_what_is_overdue_goes_however_few_stay() -> None:
    assert choose_published(range(10), [3, 4], 45) == {3, 4}
    assert choose_published(range(10), range(10), 45) == set(range(10))


def test_what_is_overdue_counts_among_those_that_go() -> None:
    overdue = [7, 8, 9]
    for _ in range(20):
        chosen = choose_published(range(60), overdue, 45)
        assert len(chosen) == 15
        assert chosen >= set(overdue)


def test_the_lot_decides() -> None:
    drawn = [frozenset(choose_published(range(60), [], 45)) for _ in range(50)]
    assert len(set(drawn)) == 50
    # Each of 60 is drawn a quarter of the time: none never in 50 times but once in a million.
    assert set().union(*drawn) == set(range(60))


@pytest.mark.parametrize(
    ("waiting", "lowest", "highest"),
    [(0, 0, 0), (100, 0, 0), (1_000, 0, 1), (5_000, 3, 4), (10_000, 7, 8), (99_999, 8, 8)],
)
def test_the_more_waited_the_more_work_the_next_costs(waiting: int, lowest: int, highest: int) -> None:
    policy = PrivacyPolicy(publish_every_s=900)
    found = {find_held_bits(waiting, policy) for _ in range(200)}
    assert min(found) >= lowest
    assert max(found) <= highest


def test_one_more_that_waits_does_not_show_in_the_work() -> None:
    policy = PrivacyPolicy(publish_every_s=900)
    # At a number where the work changes, both are asked for, whether one more waits or not.
    for waiting in (1_250, 1_251):
        assert {find_held_bits(waiting, policy) for _ in range(300)} == {0, 1}


def test_a_share_is_so_many_notes_a_period() -> None:
    share = make_share(3, PrivacyPolicy(publish_every_s=900), 0.0)
    assert [share.try_take(1.0) for _ in range(4)] == [True, True, True, False]
    assert share.try_take(303.0)
    assert not share.try_take(304.0)
    assert [share.try_take(1_300.0) for _ in range(4)] == [True, True, True, False]
