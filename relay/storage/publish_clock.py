"""When held notes are published: at every full period of the clock. Knows neither notes nor database."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from relay.postgres.errors import DATABASE_FAILURES

_RETRY_S = 1.0


async def keep_publishing(
    publish: Callable[[int], Awaitable[None]], period_s: float, report: Callable[[BaseException], None]
) -> None:
    """Publish every `period_s` seconds until cancelled; where that is 0, once, what was held when the relay last ended.

    `publish` takes Unix time. While the database is away it is tried again every second.
    """
    while period_s:
        # By the clock: all relays of a database publish at once, and the time of a batch says nothing of when one was started.
        await asyncio.sleep(period_s - time.time() % period_s)
        await _publish(publish, report)
    await _publish(publish, report)


async def _publish(publish: Callable[[int], Awaitable[None]], report: Callable[[BaseException], None]) -> None:
    while True:
        try:
            await publish(int(time.time()))
        except DATABASE_FAILURES as error:
            report(error)
            await asyncio.sleep(_RETRY_S)
        else:
            return
