"""The window of recent notes gives what the database gives, or says that it cannot know."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import asyncpg
import msgspec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from relay.limits import Limits
from relay.protocol.event import encode_event
from relay.protocol.filter import Filter
from relay.protocol.messages import Hint
from relay.storage.conditions import Cursor
from relay.storage.feed import Feed
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.storage.reader import Reader
from relay.storage.recent_notes import RecentNotes
from relay.storage.retention import delete_expired
from relay.storage.window import Window
from relay.storage.window_answer import count_matching, find_page
from relay.storage.window_entry import ENCODED, KEY, encode_key
from tests.property.test_filter_property import LIMITS, oracle
from tests.support.events import make_event, to_note
from tests.support.strategies import IDS, TIMES, priced_filters
from tests.support.strategies import notes as any_notes
from tests.support.waiting import until

NOW = 100
# Some have expired, some never do.
expiring_notes = st.builds(
    lambda note, expiry: note if expiry is None else add_tag(note, ("expiration", str(expiry))),
    any_notes,
    st.none() | st.sampled_from([1, NOW, NOW + 1, 10**12]),
)
deletions = st.builds(
    lambda note, ids: add_tags(with_kind(note, 5), [("e", id_) for id_ in ids]),
    any_notes,
    st.lists(st.sampled_from(IDS), min_size=1, max_size=3),
)
cursors = st.none() | st.builds(Cursor, st.sampled_from(TIMES), st.sampled_from(IDS).map(bytes.fromhex), st.booleans())


def add_tag(note: Note, tag: tuple[str, ...]) -> Note:
    return add_tags(note, [tag])


def add_tags(note: Note, tags: Iterable[tuple[str, ...]]) -> Note:
    changed = msgspec.structs.replace(note.event, tags=(*note.event.tags, *tags))
    return replace(note, event=changed, encoded=encode_event(changed))


def with_kind(note: Note, kind: int) -> Note:
    return replace(note, event=msgspec.structs.replace(note.event, kind=kind))


def read_expiry(note: Note) -> int:
    return next((int(tag[1]) for tag in note.event.tags if tag[0] == "expiration"), 2**63)


class Store:
    """A window, and beside it all that is stored."""

    def __init__(self, max_bytes: int) -> None:
        self.window = Window(max_bytes)
        self.window.extend([], b"")
        self.stored: dict[str, Note] = {}

    def add(self, note: Note) -> None:
        known = self.stored.get(note.event.id)
        if known is None:
            self.stored[note.event.id] = note
            self.window.add(note)
        elif known.price_paid_msat < note.price_paid_msat:
            self.stored[note.event.id] = replace(known, price_paid_msat=note.price_paid_msat)
            self.window.add(
                replace(known, price_paid_msat=note.price_paid_msat, previous_price_msat=known.price_paid_msat)
            )

    def remove(self, note_id: str) -> None:
        self.stored.pop(note_id, None)
        self.window.remove([bytes.fromhex(note_id)])

    def fill(self) -> None:
        """Take the newest note that is not in the window, or learn that there is none."""
        below = [note for note in self.stored.values() if key_of(note) < self.window.floor]
        newest = sorted(below, key=key_of)[-1:]
        self.window.extend(newest, key_of(newest[0]) if newest else b"")

    def select(self, filter_: Filter, after: Cursor | None, rows: int) -> list[Note]:
        """Return what follows a cursor; where a last second is read to its end, with the newest note before it."""
        found = [note for note in self.stored.values() if oracle(filter_, note) and read_expiry(note) > NOW]
        found.sort(key=key_of, reverse=True)
        if after is None:
            return found[:rows]
        found = [note for note in found if key_of(note) < encode_key(after.created_at, after.id)]
        if after.is_in_last_second:
            ties = [note for note in found if note.event.created_at == after.created_at]
            found = ties + [note for note in found if note.event.created_at < after.created_at][:1]
        return found[:rows]

    def count(self, filters: list[Filter]) -> int:
        return sum(any(oracle(f, note) for f in filters) and read_expiry(note) > NOW for note in self.stored.values())


def key_of(note: Note) -> bytes:
    return encode_key(note.event.created_at, bytes.fromhex(note.event.id))


@given(
    st.sampled_from([0, 2_000, 4_000, 8_000, 1_000_000]),
    st.lists(expiring_notes | st.sampled_from(IDS) | st.just("fill"), max_size=20),
    st.lists(st.tuples(priced_filters, cursors, st.integers(1, 7)), min_size=1, max_size=5),
)
@settings(max_examples=1500, deadline=None)
def test_a_window_of_any_size_gives_all_that_is_stored_or_nothing(
    max_bytes: int, changes: list[Note | str], asked: list[tuple[Filter, Cursor | None, int]]
) -> None:
    store = Store(max_bytes)
    for change in changes:
        if isinstance(change, Note):
            store.add(change)
        elif change == "fill":
            store.fill()
        else:
            store.remove(change)
    check_contents(store)
    for filter_, after, rows in asked:
        found = find_page(store.window, filter_, after, rows, NOW)
        event("known" if found is not None else "unknown")
        if found is not None:
            assert [entry[ENCODED] for entry in found] == [n.encoded for n in store.select(filter_, after, rows)]
        else:
            assert store.window.floor
        counted = count_matching(store.window, [filter_ for filter_, _, _ in asked], NOW)
        assert counted in (None, store.count([filter_ for filter_, _, _ in asked]))
        assert counted is not None or store.window.floor


def check_contents(store: Store) -> None:
    """A window holds what is stored from its floor up, as many bytes as it says at most, and indexes of nothing else."""
    window = store.window
    wanted = [note for note in store.stored.values() if key_of(note) >= window.floor]
    assert [entry[KEY] for entry in window.notes] == sorted(map(key_of, wanted))
    assert window.used_bytes <= window.max_bytes
    for note in wanted:
        window.remove([bytes.fromhex(note.event.id)])
    assert window.used_bytes == 0
    indexes = (window.by_id, window.by_kind, window.by_author, window.by_tag, window.by_ring, window.by_scope)
    assert not any(indexes)
    assert not any((window.by_key_image, window.ring_notes, window.priced, window._members, window._rings))
    for note in wanted:
        window.add(note)


class Sides:
    """A database that is read with a window and without, and a feed that keeps the window in step."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.heard: set[str] = set()
        self.numbers = itertools.count()

    async def publish(self, notes: Iterable[Note]) -> None:
        self.heard.update(note.event.id for note in notes)

    async def change(self, changes: list[list[Note] | str]) -> None:
        """Store batches, delete what one string names, or what has expired."""
        for change in changes:
            async with self.pool.acquire() as connection:
                if change == "expire":
                    await delete_expired(connection, NOW)
                elif isinstance(change, str):
                    await delete_by_hand(connection, bytes.fromhex(change))
                else:
                    async with connection.transaction():
                        await insert_batch(connection, change)

    async def wait_for_feed(self) -> None:
        """Wait until the feed has brought all that was done before."""
        last = to_note(make_event(kind=20_000, content=f"last {next(self.numbers)}"))
        async with self.pool.acquire() as connection, connection.transaction():
            await insert_batch(connection, [last])
        await until(lambda: last.event.id in self.heard)


async def delete_by_hand(connection: asyncpg.Connection, note_id: bytes) -> None:
    async with connection.transaction():
        await connection.execute("DELETE FROM notes WHERE id = $1", note_id)
        for table in ("tags", "ring_members", "answers"):
            await connection.execute(f"DELETE FROM {table} WHERE note_id = $1", note_id)


batches = st.lists(expiring_notes | deletions, min_size=1, max_size=4)
changes = st.lists(batches | batches | st.sampled_from([*IDS, "expire"]), max_size=5)


def test_a_reader_with_a_window_gives_what_one_without_gives(database_between_loops: dict[str, Any]) -> None:
    answered: list[bool] = []
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_between_loops))

        @given(
            changes,
            changes,
            st.sampled_from([2_000, 4_000, 8_000, 1_000_000]),
            st.lists(st.lists(priced_filters, min_size=1, max_size=3), min_size=1, max_size=4),
            st.sampled_from(LIMITS),
        )
        @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def check(
            before: list[Any], meanwhile: list[Any], size: int, requests: list[list[Filter]], limits: Limits
        ) -> None:
            answered.append(runner.run(compare(pool, (before, meanwhile), size / 2**20, (requests, limits))))

        check()
        runner.run(pool.close())
    # A window that never knew would have passed, too.
    assert sum(answered) > len(answered) / 3


async def open_pool(arguments: dict[str, Any]) -> asyncpg.Pool:
    return await asyncpg.create_pool(**arguments, min_size=1, max_size=3)


async def compare(
    pool: asyncpg.Pool,
    changes: tuple[list[Any], list[Any]],
    max_mib: float,
    asked: tuple[list[list[Filter]], Limits],
) -> bool:
    """Return whether the window knew anything."""
    sides = Sides(pool)
    async with pool.acquire() as connection:
        for table in ("notes", "tags", "ring_members", "answers", "spent_signatures", "feed"):
            await connection.execute(f"DELETE FROM {table}")
    await sides.change(changes[0])
    recent = RecentNotes(max_mib)
    feed = Feed(pool, sides.publish, recent=recent)
    await feed.prepare()
    following = asyncio.create_task(feed.keep_following())
    try:
        await sides.wait_for_feed()
        await sides.change(changes[1])
        await sides.wait_for_feed()
        return await compare_answers(pool, recent, *asked)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def compare_answers(
    pool: asyncpg.Pool, recent: RecentNotes, requests: list[list[Filter]], limits: Limits
) -> bool:
    knew = False
    for filters in requests:
        answers = []
        for used in (recent, RecentNotes(0)):
            # Pages of two rows, or of one large one: every answer is put together from several.
            reader = Reader(pool, pool, lambda _: None, page_rows=2, page_bytes=1000)
            reader.answer_from(used)
            answers.append((await read(reader, filters, limits), await reader.count(filters, 3, NOW)))
        assert answers[0] == answers[1]
        knew = knew or any(recent.find_page(filter_, None, 1, 1000, NOW) is not None for filter_ in filters)
    return knew


async def read(reader: Reader, filters: list[Filter], limits: Limits) -> tuple[list[tuple[bytes, bytes]], Hint | None]:
    pages = reader.read_pages(filters, limits, lambda: NOW)
    found = [(id_, encoded) async for page in pages for _, id_, encoded in page]
    return found, pages.hint
