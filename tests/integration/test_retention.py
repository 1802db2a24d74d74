"""Deleting what has expired, beside the writer."""

import asyncio
from typing import Any

import asyncpg

from relay.storage.insert import insert_batch
from relay.storage.retention import delete_expired
from relay.storage.writer_lock import lock_writers
from tests.support.events import make_event, to_note
from tests.support.waiting import until


async def test_retention_and_the_writer_take_turns_so_that_neither_waits_for_rows_of_the_other(
    database18: dict[str, Any],
) -> None:
    writer, expiry = [await asyncpg.connect(**database18) for _ in range(2)]
    async with writer.transaction():
        await insert_batch(writer, [to_note(make_event(tags=(("expiration", "5"),)))])

    async def is_waiting() -> bool:
        return bool(await writer.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))

    async with writer.transaction():
        await lock_writers(writer)
        deleting = asyncio.create_task(delete_expired(expiry, 6))
        await until(is_waiting)
        assert await writer.fetchval("SELECT count(*) FROM notes") == 1
    assert await deleting == 1
    await writer.close()
    await expiry.close()
