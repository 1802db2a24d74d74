"""The publication of what waits: a pool, keys that are lost or left over, and what was interrupted goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from coincurve import PrivateKey

from relay.limits import INTERNAL_LIMITS, PrivacyPolicy
from relay.storage.feed import Feed
from relay.storage.key_files import KeyFiles
from relay.storage.lost_notes import count_lost, give_up_lost
from relay.storage.note import Note
from relay.storage.publication import Publisher
from relay.storage.row import Result, SaveResult
from relay.storage.sealing import SealingKey
from relay.storage.writer import Conclude, Load, Writer
from tests.support.client import TIMEOUT_S
from tests.support.events import make_event, make_ring_note, to_note, to_ring_note
from tests.support.held import RememberedKeyFiles, make_publisher, make_waiting, read_waiting

NOW = 1_800_000_000


class DyingWriter(Writer):
    """A writer that loses the database after two parts of a publication."""

    parts_left = 2

    async def publish(self, load: Load, conclude: Conclude) -> None:
        if not self.parts_left:
            raise asyncpg.ConnectionDoesNotExistError("lost")
        self.parts_left -= 1
        await super().publish(load, conclude)


class Store:
    """A writer and a publisher on a real database, as one process has them."""

    def __init__(self, pool: asyncpg.Pool, files: KeyFiles, writer: type[Writer] = Writer) -> None:
        self.pool = pool
        waiting = make_waiting(files, max_held=1_000)
        self.held = waiting.held
        self.shown: list[str] = []
        self.writer = writer(
            pool, feed=Feed(pool, self._publish), publish=self._publish, report=lambda _: None, waiting=waiting
        )
        self.publisher: Publisher

    async def _publish(self, notes: Any) -> None:
        self.shown += [note.event.id for note in notes]

    async def settle(self, *notes: Note) -> Sequence[Result]:
        async def load(_: asyncpg.Connection) -> Sequence[Note]:
            return notes

        async def conclude(*_: object) -> None:
            return

        return await self.writer.settle(load, conclude)

    async def hold(self, *notes: Note) -> None:
        assert set(await self.settle(*notes)) == {SaveResult.HELD}

    async def list_waiting(self) -> set[str]:
        async with self.pool.acquire() as connection:
            return {held.note.event.id for held in await read_waiting(connection, self.held)}

    async def list_stored(self) -> set[str]:
        return {row["id"].hex() for row in await self.pool.fetch("SELECT id FROM notes")}


@asynccontextmanager
async def store_on(
    arguments: dict[str, Any], files: KeyFiles, writer: type[Writer] = Writer, **policy: float
) -> AsyncIterator[Store]:
    pool = await asyncpg.create_pool(**arguments, min_size=0, max_size=3)
    try:
        store = Store(pool, files, writer)
        store.publisher = await make_publisher(pool, store.writer, store.held, **policy)
        yield store
    finally:
        await pool.close()


@pytest.fixture
def files(tmp_path: Path) -> RememberedKeyFiles:
    return RememberedKeyFiles(tmp_path / "keys")


def make_notes(count: int) -> list[Note]:
    return [replace(to_ring_note(make_ring_note(str(number), ring_size=3)), is_held=True) for number in range(count)]


async def test_of_a_pool_enough_stay_and_none_waits_too_long(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    notes = make_notes(12)
    async with store_on(database18, files, publish_every_s=600, min_batch=4, max_wait_s=1_200) as store:
        await store.hold(*notes[:4])
        begun = int(await store.pool.fetchval("SELECT extract(epoch FROM now())::bigint"))
        await store.publisher.publish(begun)
        assert (await store.list_stored(), len(await store.list_waiting())) == (set(), 4)
        await store.hold(*notes[4:])
        await store.publisher.publish(begun)
        # Of twelve 65 % at most, and so that four stay.
        stored, waiting = await store.list_stored(), await store.list_waiting()
        assert (len(stored), len(waiting)) == (7, 5)
        assert stored | waiting == {note.event.id for note in notes}
        await store.publisher.publish(begun + 1_800)
        assert (len(await store.list_stored()), await store.list_waiting()) == (12, set())
        assert sorted(store.shown) == sorted(note.event.id for note in notes)


async def test_what_stays_is_sealed_again_under_another_key(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    async with store_on(database18, files, publish_every_s=600, min_batch=10, max_wait_s=1_200) as store:
        await store.hold(*make_notes(3))
        before = {tuple(row) for row in await store.pool.fetch("SELECT key, name, sealed FROM held_notes")}
        await store.publisher.publish(0)
        after = {tuple(row) for row in await store.pool.fetch("SELECT key, name, sealed FROM held_notes")}
        assert len(before) == len(after) == 3
        for column in range(3):
            assert not {row[column] for row in before} & {row[column] for row in after}
        assert files.list_fingerprints() == [next(iter(after))[0]]


async def test_a_publication_that_was_interrupted_goes_on_and_shows_nothing_twice(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    notes = make_notes(120)
    async with store_on(database18, files, DyingWriter, publish_every_s=600) as store:
        await store.hold(*notes)
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await store.publisher.publish(NOW)
        shown = list(store.shown)
        assert 0 < len(shown) < 120
        # A part that is published does not wait any more, though its rows are here.
        assert await store.list_waiting() == {note.event.id for note in notes} - set(shown)
    async with store_on(database18, files, publish_every_s=600) as again:
        await again.publisher.publish(NOW)
        assert sorted(shown + again.shown) == sorted(note.event.id for note in notes)
        assert (
            await again.pool.fetchval("SELECT (SELECT count(*) FROM held_notes) + (SELECT count(*) FROM held_marks)")
            == 0
        )
        assert len(files.list_fingerprints()) == 1


async def test_what_waits_under_a_key_that_is_lost_is_counted_and_dropped(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    async with store_on(database18, files) as store:
        await store.hold(*make_notes(2))
    for fingerprint in files.list_fingerprints():
        files.destroy(fingerprint)
    pool = await asyncpg.create_pool(**database18, min_size=0, max_size=2)
    try:
        store = Store(pool, files)
        other = Publisher(pool, store.writer, store.held, PrivacyPolicy())
        # The key may be on another machine: then nothing is dropped, and ring notes are refused here.
        assert await other.prepare(has_other_hosts=True) == 0
        assert await pool.fetchval("SELECT count(*) FROM held_notes") == 2
        (result,) = await store.settle(*make_notes(3)[2:])
        assert result is SaveResult.HELD_ELSEWHERE
        assert "the key under which notes wait is on another machine" in result.text
        assert await other.prepare(has_other_hosts=False) == 2
        assert await pool.fetchval("SELECT count(*) FROM held_notes") == 0
        await store.hold(*make_notes(1))
    finally:
        await pool.close()


async def test_a_machine_without_the_key_publishes_nothing_and_goes_on_and_the_one_that_has_it_publishes_all(
    database18: dict[str, Any], files: RememberedKeyFiles, tmp_path: Path
) -> None:
    elsewhere = RememberedKeyFiles(tmp_path / "elsewhere")
    async with store_on(database18, files, publish_every_s=600) as store:
        await store.hold(*make_notes(2))
        other = Store(store.pool, elsewhere)
        other.publisher = Publisher(store.pool, other.writer, other.held, PrivacyPolicy(publish_every_s=600))
        assert await other.publisher.prepare(has_other_hosts=True) == 0
        assert await other.publisher.count_lost() == 2
        await other.publisher.publish(NOW)
        assert await store.list_stored() == set()
        await store.publisher.publish(NOW)
        assert len(await store.list_stored()) == 2
        assert await store.publisher.count_lost() is None


async def test_what_is_given_up_is_gone_and_new_notes_wait_under_a_key_of_this_machine(
    database18: dict[str, Any], files: RememberedKeyFiles, tmp_path: Path
) -> None:
    elsewhere = RememberedKeyFiles(tmp_path / "elsewhere")
    async with store_on(database18, files, publish_every_s=600) as store:
        await store.hold(*make_notes(3))
        other = Store(store.pool, elsewhere)
        async with store.pool.acquire() as connection:
            assert await give_up_lost(connection, other.held) == 3
            assert await count_lost(connection, other.held) is None
        await other.hold(*make_notes(1))
        # The first machine has lost its place, and says so like any other.
        (result,) = await store.settle(*make_notes(1))
        assert result is SaveResult.HELD_ELSEWHERE
        assert await store.publisher.count_lost() == 1


async def test_keys_that_sealed_nothing_are_destroyed_at_the_start(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    stray = SealingKey.make()
    files.write(stray)
    async with store_on(database18, files) as store:
        assert stray.fingerprint not in files.list_fingerprints()
        assert len(files.list_fingerprints()) == 1
        assert await store.list_waiting() == set()


async def test_versions_that_replace_more_than_a_transaction_may_delete_are_published_one_by_one(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    author, rows = PrivateKey(), INTERNAL_LIMITS.max_deleted_rows // 2

    def make_version(place: int, created_at: int, *tags: tuple[str, str]) -> Note:
        given = (("d", str(place)), *tags)
        return to_ring_note(make_ring_note(kind=30_023, author=author, created_at=created_at, tags=given))

    other = to_note(make_event(key=author, content="nobody asked to delete this"))
    old = [make_version(place, 1, *(("t", str(number)) for number in range(rows))) for place in range(3)]
    # A note that another one names is no note that somebody has asked to delete.
    new = [make_version(place, 2, ("e", other.event.id)) for place in range(3)]
    async with store_on(database18, files, publish_every_s=600) as store:
        for note in (other, *old):
            assert await store.settle(note) == [SaveResult.STORED]
        await store.hold(*(replace(note, is_held=True) for note in new))
        async with asyncio.timeout(TIMEOUT_S):
            await store.publisher.publish(NOW)
        assert await store.list_stored() == {note.event.id for note in (other, *new)}
        assert sorted(store.shown[-3:]) == sorted(note.event.id for note in new)
        assert await store.list_waiting() == set()
