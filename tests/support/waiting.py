"""Wait for what sets no event: a process, a file, a row. Every wait is bounded."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import asyncpg

from tests.support.time_factor import scaled

_POLL_S = 0.01
_BOUND_S = scaled(20.0)


async def until(
    condition: Callable[[], object], bound_s: float = _BOUND_S, tell: Callable[[], object] = lambda: ""
) -> None:
    """Wait until something holds, and fail when it takes too long; the condition may be a coroutine function.

    `tell` returns what a failure is to say of how far it came.
    """
    try:
        async with asyncio.timeout(bound_s):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        error.add_note(f"waited {bound_s:g} s for {condition!r}: {tell()}")
        raise


async def until_blocked(connect_arguments: dict[str, Any], wanted: int) -> None:
    """Wait until so many sessions of a database wait for a lock on notes.

    Those that read the feed do so every second, whatever clients ask, and are not counted: they hold a lock on it.
    """
    watcher = await asyncpg.connect(**connect_arguments)

    async def is_so() -> bool:
        # The text of statements is not to be had: track_activities is off.
        count: int = await watcher.fetchval(
            """
            SELECT count(*) FROM pg_locks waiting
            -- An insertion names the table of the day.
            WHERE relation IN ('notes'::regclass, 'day_notes'::regclass) AND NOT granted AND NOT EXISTS
            (SELECT FROM pg_locks held WHERE held.pid = waiting.pid AND held.relation = 'feed'::regclass)
            """
        )
        return count == wanted

    try:
        await until(is_so)
    finally:
        await watcher.close()
