"""How fast orders come. Knows no order; the clock is an argument."""

import math

# Long enough that one honest burst costs nobody anything, short enough that a flood costs more before it has filled anything.
_FADES_IN_S = 60.0


class OrderRate:
    """A count of orders that fades: after a minute a third of one is left."""

    def __init__(self, now_s: float) -> None:
        self._count = 0.0
        self._counted_s = now_s

    def add_order(self, now_s: float) -> None:
        """Count an order at a monotonic time in seconds."""
        self._count = self._fade(now_s) + 1

    def find_share(self, now_s: float, per_s: float) -> float:
        """Return the rate as a part of one that is held for long, at most 1."""
        return min(1.0, self._fade(now_s) / (per_s * _FADES_IN_S))

    def _fade(self, now_s: float) -> float:
        self._count *= math.exp((self._counted_s - now_s) / _FADES_IN_S)
        self._counted_s = now_s
        return self._count
