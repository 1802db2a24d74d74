"""The feed on real connections that end at bad moments: it goes on with another one, and nothing escapes it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import pytest

from relay.storage.feed import Feed
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from tests.support.events import make_event, make_ring_note, to_note, to_ring_note
from tests.support.waiting import until


def holds(heard: Sequence[str], contents: Sequence[str]) -> bool:
    return heard == contents


async def publish_nothing(notes: Iterable[Note]) -> None:
    return


@pytest.mark.parametrize("ending", ["by the server", "by a protocol abort"])
async def test_a_connection_that_ends_under_the_feed_is_replaced_without_a_warning(
    database18: dict[str, Any], ending: str
) -> None:
    pool = await asyncpg.create_pool(**database18, min_size=0, max_size=1)
    watcher = await asyncpg.connect(**database18)
    used: list[Any] = []

    class Watched(Feed):
        """Tell which connections were followed."""

        async def _follow(self, connection: asyncpg.Connection) -> None:
            used.append(connection)
            await super()._follow(connection)

    feed = Watched(pool, publish_nothing)
    await feed.prepare()
    following = asyncio.create_task(feed.keep_following())
    try:
        await until(lambda: used and used[0]._con is not None and used[0]._con._listeners)
        if ending == "by the server":
            await watcher.execute("SELECT pg_terminate_backend($1)", used[0].get_server_pid())
        else:
            used[0]._con._protocol.abort()
        await until(lambda: len(used) == 2 or following.done())
        assert not following.done()
    finally:
        following.cancel()
        await asyncio.wait([following])
        await watcher.close()
        pool.terminate()


async def test_a_note_that_rose_before_it_was_read_is_new_to_each_reader_once(database18: dict[str, Any]) -> None:
    heard: list[tuple[int, int]] = []

    async def hear(notes: Iterable[Note]) -> None:
        heard.extend((note.price_paid_msat, note.previous_price_msat) for note in notes)

    note = to_ring_note(make_ring_note())
    async with asyncpg.create_pool(**database18, min_size=0, max_size=2) as pool:
        feed = Feed(pool, hear)
        await feed.prepare()
        for price_paid_msat in (0, 1_000, 5_000):
            async with pool.acquire() as connection, connection.transaction():
                await insert_batch(connection, [replace(note, price_paid_msat=price_paid_msat)])
        following = asyncio.create_task(feed.keep_following())
        try:
            await until(lambda: len(heard) == 3 or following.done())
        finally:
            following.cancel()
            await asyncio.wait([following])
    assert heard == [(0, -1), (1_000, 0), (5_000, 1_000)]


async def test_a_server_that_took_over_and_lost_own_notes_is_followed_from_where_it_is(
    database18: dict[str, Any],
) -> None:
    heard: list[str] = []

    async def hear(notes: Iterable[Note]) -> None:
        heard.extend(note.event.content for note in notes)

    async with asyncpg.create_pool(**database18, min_size=0, max_size=2) as pool:
        feed = Feed(pool, hear)
        await feed.prepare()
        # The number that the lost server gave a note of this process, and that the new one has not reached.
        feed.skip([1_000], [to_note(make_event())])
        following = asyncio.create_task(feed.keep_following())
        try:
            for contents in (["another process'"], ["another process'", "and one more"]):
                async with pool.acquire() as connection, connection.transaction():
                    await insert_batch(connection, [to_note(make_event(content=contents[-1]))])
                await until(partial(holds, heard, contents))
        finally:
            following.cancel()
            await asyncio.wait([following])
    assert heard == ["another process'", "and one more"]
