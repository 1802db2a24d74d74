"""Where a process that takes payments gets time and randomness from."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sources:
    """Unix time in whole seconds, a monotonic time in seconds, bytes that nobody can guess, and a pause of so many seconds."""

    now: Callable[[], int]
    monotonic: Callable[[], float]
    token_bytes: Callable[[int], bytes] = secrets.token_bytes
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
