"""Where a process that takes payments gets time and randomness from."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sources:
    """Unix time in whole seconds, a monotonic time in seconds, and bytes that nobody can guess."""

    now: Callable[[], int]
    monotonic: Callable[[], float]
    token_bytes: Callable[[int], bytes] = secrets.token_bytes
