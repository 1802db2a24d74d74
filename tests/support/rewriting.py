"""A rewrite of the tables of the day, as a relay does it at night: at any hour, and as fast as a test likes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from relay.limits import InternalLimits
from relay.postgres.open import _WRITE_SETTINGS
from relay.storage.rewrite import Rewriter
from relay.storage.sorted_rows import TABLES

IMPATIENT = InternalLimits(check_rewrite_every_s=0.05)


@asynccontextmanager
async def rewriter_on(arguments: dict[str, Any], internal: InternalLimits = IMPATIENT) -> AsyncIterator[Rewriter]:
    """Give a rewriter with connections like the relay's own."""
    async with asyncpg.create_pool(
        **arguments, min_size=0, max_size=2, server_settings=_WRITE_SETTINGS, statement_cache_size=64
    ) as pool:
        yield Rewriter(pool, 3, lambda: int(time.time()), internal)


async def rewrite(arguments: dict[str, Any], internal: InternalLimits = IMPATIENT) -> None:
    async with rewriter_on(arguments, internal) as rewriter:
        await rewriter.rewrite()


async def count_of_day(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many rows of each table lie in the order of arrival."""
    return {table: await connection.fetchval(f"SELECT count(*) FROM day_{table}") for table in TABLES}
