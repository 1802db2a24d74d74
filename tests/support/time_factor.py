"""How slow this machine is: RELAY_TEST_TIME_FACTOR (1 unless set) stretches every bound on time that a test fails over."""

import os

_FACTOR = float(os.environ.get("RELAY_TEST_TIME_FACTOR") or 1)


def scaled(bound: float) -> float:
    """Return a bound, in whatever unit of time, as it is on this machine."""
    return bound * _FACTOR
