"""A token bucket. The clock is an argument, and the bucket does not know its owner."""


class TokenBucket:
    """A bucket that allows `rate_per_s` on average and `burst` at once."""

    __slots__ = ("_burst", "_rate_per_s", "_tokens", "_updated_s")

    def __init__(self, rate_per_s: float, burst: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._updated_s = now_s

    def try_take(self, now_s: float, amount: float = 1.0) -> bool:
        """Take tokens at a monotonic time in seconds, and return whether there were enough. A full bucket always has enough.

        So an amount above the burst passes now and then, and leaves a debt.
        """
        self._refill(now_s)
        if self._tokens < min(amount, self._burst):
            return False
        self._tokens -= amount
        return True

    def has_tokens(self, now_s: float, amount: float = 1.0) -> bool:
        """Return whether `try_take` would succeed at a monotonic time in seconds, and take nothing."""
        self._refill(now_s)
        return self._tokens >= min(amount, self._burst)

    def is_full(self, now_s: float) -> bool:
        """Return whether the bucket is as a new one at a monotonic time in seconds."""
        self._refill(now_s)
        return self._tokens >= self._burst

    def take_on_credit(self, amount: float, now_s: float) -> float:
        """Take tokens even if there are too few, and return the seconds until the debt is paid back."""
        self._refill(now_s)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate_per_s)

    def _refill(self, now_s: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now_s - self._updated_s) * self._rate_per_s)
        self._updated_s = now_s
