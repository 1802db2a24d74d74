"""Answer questions that come at about the same time with one query. Knows neither the question nor who asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BatchedLookup(Generic[K, V]):
    """Gather keys while `ask` runs, and ask for them next; once there are `most`, the others come in the turn after that.

    So a flood of questions has one connection at a time, and gives it back after each turn, and everybody who waits for one
    query goes on in the same turn of the loop: `most` bounds how long others wait for that.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], most: int) -> None:
        self._ask = ask
        self._most = most
        self._keys: set[K] = set()
        self._last: asyncio.Task[Mapping[K, V]] | None = None
        self._turn = asyncio.Lock()

    async def look_up(self, *keys: K) -> Mapping[K, V]:
        """Return what was found, of these keys and of others. Raises what `ask` raises."""
        if self._last is None or len(self._keys) >= self._most:
            self._keys = set()
            self._last = asyncio.create_task(self._ask_in_turn(self._keys))
        self._keys.update(keys)
        return await asyncio.shield(self._last)

    async def _ask_in_turn(self, keys: set[K]) -> Mapping[K, V]:
        async with self._turn:
            if keys is self._keys:
                # Whoever comes from now on waits for the next one.
                self._last = None
            return await self._ask(list(keys))
