"""The loop's time for large messages: one at a time, and after each as long a pause, so that half of it is for small ones.

Every message is worked on in the one thread that serves all clients, and a large one takes up to 10 ms of it. Twenty
connections that sent texts of 100 KB kept the others waiting for 0.2 s.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LargeWork:
    """The turns of those who have large messages."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def take_turn(self) -> AsyncIterator[None]:
        """Wait for a turn. What is done in it should not await anything; the pause after it is as long."""
        async with self._turn:
            started_s = time.perf_counter()
            try:
                yield
            finally:
                await asyncio.sleep(time.perf_counter() - started_s)
