"""A token bucket gives its burst at once and its rate for ever."""

from relay.policy.rate_limit import TokenBucket


def test_the_burst_is_there_at_once_and_no_more() -> None:
    bucket = TokenBucket(rate_per_s=2.0, burst=3.0, now_s=100.0)
    assert [bucket.try_take(100.0) for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_at_the_rate_and_never_beyond_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=2.0, burst=3.0, now_s=0.0)
    for _ in range(3):
        bucket.try_take(0.0)
    assert not bucket.try_take(0.4)
    assert bucket.try_take(0.5)
    assert [bucket.try_take(1000.0) for _ in range(4)] == [True, True, True, False]
