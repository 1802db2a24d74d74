"""Answer questions that come at about the same time with one query. Knows neither the question nor who asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BatchedLookup(Generic[K, V]):
    """Keys that are gathered while `ask` runs and asked for next; beyond `max_keys`, in the turn after that.

    A flood of questions has one connection at a time, and gives it back after each turn. All who wait for one query go on
    in the same turn of the loop: `max_keys` bounds how long others wait for that.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], max_keys: int) -> None:
        self._ask = ask
        self._max_keys = max_keys
        self._keys: set[K] = set()
        self._last: asyncio.Task[Mapping[K, V]] | None = None
        self._turn = asyncio.Lock()

    async def look_up(self, *keys: K) -> Mapping[K, V]:
        """Return what was found, of these keys and of others. Raises what `ask` raises."""
        if self._last is None or len(self._keys) >= self._max_keys:
            self._keys = set()
            self._last = asyncio.create_task(self._ask_in_turn(self._keys))
        self._keys.update(keys)
        return await asyncio.shield(self._last)

    async def _ask_in_turn(self, keys: set[K]) -> Mapping[K, V]:
        async with self._turn:
            if keys is self._keys:
                # Keys that come from now on wait for the next query.
                self._last = None
            return await self._ask(list(keys))
