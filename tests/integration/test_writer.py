"""The writer: one transaction for what waits, each note answered for itself, nothing said before the commit."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from relay.storage.feed import Feed
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.storage.retention import delete_expired
from relay.storage.row import Result, SaveResult
from relay.storage.waiting_notes import WaitingNotes
from relay.storage.writer import Commit, Writer
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, to_note, to_ring_note
from tests.support.held import RememberedKeyFiles, make_publisher, make_waiting
from tests.support.waiting import until


class Bench:
    """A writer on a real database, and what it told the rest of the relay."""

    def __init__(self, pool: asyncpg.Pool, waiting: WaitingNotes, **options: int) -> None:
        self.pool = pool
        self.held = waiting.held
        self.published: list[str] = []
        self.commits: list[Commit] = []
        feed = Feed(pool, self._publish)
        self.writer = Writer(
            pool, feed=feed, publish=self._publish, report=self.commits.append, waiting=waiting, **options
        )

    async def _publish(self, notes: Iterable[Note]) -> None:
        self.published += [note.event.id for note in notes]

    async def save_in_one_batch(self, *events: Event) -> list[Result]:
        return await asyncio.gather(*(self.writer.save(to_note(event)) for event in events))

    async def list_ids(self) -> set[str]:
        return {row["id"].hex() for row in await self.pool.fetch("SELECT id FROM notes")}


@asynccontextmanager
async def bench_on(arguments: dict[str, Any], **options: int) -> AsyncIterator[Bench]:
    pool = await asyncpg.create_pool(**arguments, min_size=0, max_size=3)
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(pool, make_waiting(RememberedKeyFiles(Path(directory))), **options)
        async with committing(bench):
            yield bench
        await pool.close()


@asynccontextmanager
async def committing(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.ensure_future(bench.writer.keep_committing())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_waits_at_once_is_one_transaction_and_published_after_it(database: dict[str, Any]) -> None:
    events = [make_event(content=str(number)) for number in range(40)]
    async with bench_on(database) as bench:
        assert await bench.save_in_one_batch(*events) == [SaveResult.STORED] * 40
        assert [commit.notes for commit in bench.commits] == [40]
        assert set(bench.published) == await bench.list_ids() == {event.id for event in events}


async def test_one_bad_row_never_fails_its_neighbours(database: dict[str, Any]) -> None:
    bad = Event("f" * 64, pubkey_of(KEYS[0]), 1, 2**40, (), "", "0" * 128)
    good = [make_event(content=str(number)) for number in range(3)]
    async with bench_on(database) as bench:
        saved = await bench.save_in_one_batch(good[0], bad, good[1], good[2])
        assert saved == [SaveResult.STORED, SaveResult.FAILED, SaveResult.STORED, SaveResult.STORED]
        assert await bench.list_ids() == {event.id for event in good}


async def test_rows_of_one_batch_that_share_a_key_are_decided_as_if_alone(database: dict[str, Any]) -> None:
    old, new = (make_event(kind=0, created_at=created_at) for created_at in (1000, 2000))
    low, high = sorted((make_event(kind=3, created_at=5, content=c) for c in "ab"), key=lambda event: event.id)
    once = make_event(content="once")
    async with bench_on(database) as bench:
        saved = await bench.save_in_one_batch(old, new, high, low, once, once)
        assert saved[:4] == [SaveResult.SUPERSEDED, SaveResult.STORED, SaveResult.SUPERSEDED, SaveResult.STORED]
        assert set(saved[4:]) == {SaveResult.DUPLICATE, SaveResult.STORED}
        assert await bench.list_ids() == {new.id, low.id, once.id}
        assert len(bench.published) == 3


async def test_rows_lie_in_the_order_of_their_ids_and_not_of_their_arrival(database: dict[str, Any]) -> None:
    events = [make_event(content=str(number)) for number in range(40)]
    async with bench_on(database) as bench:
        await bench.save_in_one_batch(*events)
        for table in ("notes", "feed"):
            rows = await bench.pool.fetch(f"SELECT id FROM {table} ORDER BY ctid")
            assert [row["id"].hex() for row in rows] == sorted(event.id for event in events)


async def test_a_note_and_its_deletion_in_one_batch_leave_the_deletion(database: dict[str, Any]) -> None:
    note = make_event(content="gone")
    request = make_event(kind=5, tags=(("e", note.id),))
    async with bench_on(database) as bench:
        await bench.save_in_one_batch(note, request)
        assert await bench.list_ids() == {request.id}
        assert await bench.save_in_one_batch(note) == [SaveResult.DELETED]


async def test_tags_go_with_their_note(database: dict[str, Any]) -> None:
    note = make_event(tags=(("t", "x"), ("t", "x"), ("t", "y")))
    async with bench_on(database) as bench:
        await bench.save_in_one_batch(note)
        assert await bench.pool.fetchval("SELECT count(*) FROM tags") == 2
        await bench.save_in_one_batch(make_event(kind=5, tags=(("e", note.id),)))
        assert await bench.pool.fetchval("SELECT count(*) FROM tags WHERE note_id = $1", bytes.fromhex(note.id)) == 0


async def test_notes_behind_large_rings_wait_for_one_of_them_and_not_for_all(database18: dict[str, Any]) -> None:
    small = [make_event(content=str(number)) for number in range(10)]
    claim = to_ring_note(make_ring_note()).claim
    assert claim is not None
    ring = tuple(number.to_bytes(32) for number in range(1024))
    rings = [msgspec.structs.replace(claim, ring=ring, signed_id=f"{number:064x}") for number in range(3)]
    large = [Note(make_event(content=f"large {n}"), b"{}", rings[n]) for n in range(3)]
    async with bench_on(database18) as bench:
        waiting = [bench.writer.save(note, "one") for note in large]
        waiting += [bench.writer.save(to_note(event), "another") for event in small]
        assert await asyncio.gather(*waiting) == [SaveResult.STORED] * 13
        # All that is small; then the large ones, one a batch.
        assert [commit.notes for commit in bench.commits] == [10, 1, 1, 1]
        assert bench.published[-2:] == [large[1].event.id, large[2].event.id]


async def test_large_notes_are_stored_some_at_a_time_and_small_ones_wait_for_one_such_commit(
    database18: dict[str, Any],
) -> None:
    # Words that do not compress, as keys and signatures are.
    large = [make_event(content=random.Random(number).randbytes(64_000).hex()) for number in range(40)]
    async with bench_on(database18) as bench:
        saving = [asyncio.ensure_future(bench.writer.save(to_note(event), "large")) for event in large]
        await until(lambda: bench.commits)
        before = len(bench.commits)
        assert await bench.writer.save(to_note(make_event(content="small")), "small") is SaveResult.STORED
        # The one that was under way.
        assert [commit.notes for commit in bench.commits[before:]] in ([1], [bench.commits[before].notes, 1])
        assert set(await asyncio.gather(*saving)) == {SaveResult.STORED}
        # 128 KB took Postgres 5 to 18 ms.
        assert max(commit.notes for commit in bench.commits) <= 6


async def test_too_much_waiting_is_refused_and_not_lost(database18: dict[str, Any]) -> None:
    async with bench_on(database18, max_waiting=2) as bench:
        results = await asyncio.gather(
            *(bench.writer.save(to_note(make_event(content=str(n)))) for n in range(4)), return_exceptions=True
        )
        assert [isinstance(result, Rejected) for result in results] == [False, False, True, True]
        assert len(await bench.list_ids()) == 2


async def test_a_version_that_is_refused_displaces_no_other_of_its_batch(database: dict[str, Any]) -> None:
    old, new = (make_event(kind=0, created_at=created_at) for created_at in (1000, 2000))
    async with bench_on(database) as bench:
        await bench.save_in_one_batch(make_event(kind=5, tags=(("e", new.id),)))
        assert await bench.save_in_one_batch(old, new) == [SaveResult.STORED, SaveResult.DELETED]


async def test_a_burst_of_one_sender_lets_the_others_have_their_turns(database18: dict[str, Any]) -> None:
    many = [make_event(content=str(n), tags=tuple(("t", f"{n} {tag}") for tag in range(900))) for n in range(8)]
    done: list[str] = []

    async def save(bench: Bench, event: Event, sender: str) -> None:
        assert await bench.writer.save(to_note(event), sender) is SaveResult.STORED
        done.append(sender)

    async with bench_on(database18) as bench:
        burst = [save(bench, event, "burst") for event in many]
        await asyncio.gather(*burst, save(bench, make_event(content="one note"), "other"))
    # What is small goes first, or after one batch, which has room for two of the others.
    assert done.index("other") <= 2


async def test_a_request_that_deletes_much_lets_others_in_between(database18: dict[str, Any]) -> None:
    large = [make_event(content=str(n), tags=tuple(("t", f"{n} {tag}") for tag in range(900))) for n in range(9)]
    request = make_event(kind=5, tags=tuple(("e", event.id) for event in large))
    async with bench_on(database18) as bench:
        await bench.save_in_one_batch(*large)
        bench.commits.clear()
        deletion = asyncio.ensure_future(bench.writer.save(to_note(request), "author"))
        between = 0
        while not deletion.done():
            event = make_event(content=f"between {between}")
            assert await bench.writer.save(to_note(event), "other") is SaveResult.STORED
            between += 1
        assert await deletion is SaveResult.STORED
        # Three notes a slice: what is in two of them is what a batch may delete.
        assert between >= 3
        assert await bench.pool.fetchval("SELECT count(*) FROM tags WHERE tag LIKE 't%'::bytea") == 0
        assert await bench.save_in_one_batch(large[0]) == [SaveResult.DELETED]


async def test_a_copy_of_a_postponed_request_is_not_told_that_it_is_here(database18: dict[str, Any]) -> None:
    large = [make_event(content=str(n), tags=tuple(("t", f"{n} {tag}") for tag in range(900))) for n in range(4)]
    request = make_event(kind=5, tags=tuple(("e", event.id) for event in large))
    async with bench_on(database18) as bench:
        await bench.save_in_one_batch(*large)
        connection = await bench.pool.acquire()
        transaction = connection.transaction()
        await transaction.start()
        inserted = await insert_batch(connection, [to_note(request), to_note(request)])
        assert inserted.saved == [None, None]
        assert inserted.news == []
        await transaction.rollback()
        await bench.pool.release(connection)
        saved = await bench.save_in_one_batch(request, request)
        assert set(saved) == {SaveResult.DUPLICATE, SaveResult.STORED}


async def test_many_replaced_versions_are_not_deleted_in_one_batch(database18: dict[str, Any]) -> None:
    tags = tuple(("t", str(tag)) for tag in range(900))
    old = [make_event(kind=30_023, created_at=1, tags=(("d", str(n)), *tags)) for n in range(6)]
    new = [make_event(kind=30_023, created_at=2, tags=(("d", str(n)),)) for n in range(6)]
    async with bench_on(database18) as bench:
        await bench.save_in_one_batch(*old)
        bench.commits.clear()
        assert await bench.save_in_one_batch(*new) == [SaveResult.STORED] * 6
        assert len(bench.commits) == 3
        assert await bench.list_ids() == {event.id for event in new}


async def test_a_large_deletion_that_is_paid_for_is_done_in_slices_first(database18: dict[str, Any]) -> None:
    large = [make_event(content=str(n), tags=tuple(("t", f"{n} {tag}") for tag in range(900))) for n in range(5)]
    request = to_note(make_event(kind=5, tags=tuple(("e", event.id) for event in large)))

    async def load(_: asyncpg.Connection) -> list[Note]:
        return [request]

    async def conclude(_: asyncpg.Connection, __: object, results: object) -> None:
        assert results == [SaveResult.STORED]

    async with bench_on(database18) as bench:
        await bench.save_in_one_batch(*large)
        assert await bench.writer.settle(load, conclude) == [SaveResult.STORED]
        assert await bench.list_ids() == {request.event.id}
        # Nothing is left of the rows that went slice by slice.
        assert await bench.pool.fetchval("SELECT count(*) FROM tags WHERE note_id NOT IN (SELECT id FROM notes)") == 0


async def test_held_notes_of_many_rows_are_not_published_in_one_transaction(database18: dict[str, Any]) -> None:
    notes = [
        replace(
            to_note(make_event(content=str(n), tags=tuple(("t", f"{n} {tag}") for tag in range(900)))), is_held=True
        )
        for n in range(5)
    ]
    async with bench_on(database18) as bench:
        publisher = await make_publisher(bench.pool, bench.writer, bench.held)
        assert await asyncio.gather(*map(bench.writer.save, notes)) == [SaveResult.HELD] * 5
        bench.commits.clear()
        await publisher.publish(0)
        assert [commit.notes for commit in bench.commits] == [2, 2, 1]
        assert await bench.list_ids() == {note.event.id for note in notes}


async def test_large_held_notes_are_not_published_in_one_transaction(database18: dict[str, Any]) -> None:
    notes = [replace(to_note(make_event(content=f"{n}" * 128_000)), is_held=True) for n in range(7)]
    async with bench_on(database18) as bench:
        publisher = await make_publisher(bench.pool, bench.writer, bench.held)
        assert set(await asyncio.gather(*map(bench.writer.save, notes))) == {SaveResult.HELD}
        bench.commits.clear()
        await publisher.publish(0)
        assert [commit.notes for commit in bench.commits] == [6, 1]


async def test_whatever_deletes_a_note_leaves_none_of_its_rows(database: dict[str, Any]) -> None:
    author, now = KEYS[60], 2_000_000_000
    deleted = make_ring_note("deleted", author=author, tags=(("t", "x"),))
    expired = make_ring_note("expired", tags=(("t", "y"), ("expiration", str(now - 1))), created_at=1)
    versions = [
        make_ring_note(f"version {n}", author=author, kind=30_023, tags=(("d", "z"),), created_at=n) for n in (1, 2)
    ]
    kept = make_ring_note("kept", tags=(("t", "w"),))
    async with bench_on(database) as bench:
        for note in (deleted, expired, versions[0], kept):
            assert await bench.writer.save(to_ring_note(note)) is SaveResult.STORED
        await bench.writer.save(to_ring_note(versions[1]))
        await bench.save_in_one_batch(make_event(key=author, kind=5, tags=(("e", deleted.id), ("a", "30023:0:z"))))
        async with bench.pool.acquire() as connection:
            assert await delete_expired(connection, now) == 1
        for table in ("tags", "ring_members"):
            rows = await bench.pool.fetch(
                f"SELECT DISTINCT note_id FROM {table} WHERE note_id NOT IN (SELECT id FROM notes)"
            )
            assert rows == [], table
        assert {kept.id, versions[1].id} < await bench.list_ids()
        assert await bench.pool.fetchval("SELECT count(*) FROM ring_members") == 2 * 5
