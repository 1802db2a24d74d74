"""The relay and its Postgres die while the tables of the day are rewritten, again and again: every note is there once."""

import asyncio
import random
from pathlib import Path

import asyncpg
import pytest

from relay.limits import InternalLimits
from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.sorted_rows import TABLES
from tests.support.client import Client, fetch_ids
from tests.support.events import make_ring_note
from tests.support.processes import ServeProcess, serve
from tests.support.rewriting import count_of_day, rewrite
from tests.support.waiting import until

pytestmark = pytest.mark.serial

_KILLS = 8
_NOTES = 120
# Ten or so notes with their rows, so that there is much in between which it can be killed.
_SLICES = InternalLimits(check_rewrite_every_s=0.05, max_rewritten_rows=100)
_SETTINGS = {"LIMITS__RING_LINKS_PER_S": "1000000", "LIMITS__ROWS_PER_S": "1000000", "LIMITS__EVENTS_PER_S": "100000"}


async def kill_within(relay: ServeProcess, moved: int) -> None:
    """Begin to rewrite, and kill everything once so many notes have been moved."""
    rewriting = asyncio.create_task(rewrite(relay.connect_arguments(), _SLICES))
    connection = await asyncpg.connect(**relay.connect_arguments())
    before = await connection.fetchval("SELECT count(*) FROM sorted_notes")
    await until(lambda: _is_moved(connection, before + moved, rewriting))
    await relay.kill_everything()
    connection.terminate()
    await asyncio.wait([rewriting])
    if not rewriting.cancelled() and (error := rewriting.exception()) is not None:
        assert isinstance(error, DATABASE_FAILURES), error


async def _is_moved(connection: asyncpg.Connection, wanted: int, rewriting: asyncio.Task[None]) -> bool:
    return rewriting.done() or await connection.fetchval("SELECT count(*) FROM sorted_notes") >= wanted


async def count_rows(relay: ServeProcess) -> dict[str, int]:
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}
    finally:
        await connection.close()


@pytest.mark.more("takes eighteen seconds, alone")
async def test_every_note_is_there_once_after_kills_in_the_middle_of_a_rewrite(reachable_directory: Path) -> None:
    draw = random.Random(11)
    posted: list[str] = []
    rows: dict[str, int] = {}
    for _ in range(_KILLS):
        async with serve(reachable_directory, **_SETTINGS) as relay:
            assert not rows or await count_rows(relay) == rows
            async with Client(relay.url) as client:
                notes = [
                    make_ring_note(str(len(posted) + n), scope=f"7:{'ab' * 32}:{len(posted) + n}")
                    for n in range(_NOTES)
                ]
                await client.publish_all(*notes)
            posted += [note.id for note in notes]
            rows = await count_rows(relay)
            await kill_within(relay, moved=draw.randrange(_NOTES))
    async with serve(reachable_directory, **_SETTINGS, LIMITS__REQS_PER_S="1000") as relay:
        assert await count_rows(relay) == rows
        assert rows["notes"] == len(posted)
        assert sorted(await fetch_ids(relay.url, posted)) == sorted(posted)
        await rewrite(relay.connect_arguments(), _SLICES)
        connection = await asyncpg.connect(**relay.connect_arguments())
        assert await count_of_day(connection) == dict.fromkeys(TABLES, 0)
        await connection.close()
        assert await count_rows(relay) == rows
        assert sorted(await fetch_ids(relay.url, posted)) == sorted(posted)
