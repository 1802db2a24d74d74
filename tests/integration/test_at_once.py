"""Notes stored in one statement: each and the tables are as the rules would have it. And the feed meanwhile."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import pytest

from relay.storage.at_once import split_ordinary, store_at_once
from relay.storage.feed import Feed
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.storage.row import SaveResult, to_row
from relay.storage.writer import Commit, Writer
from tests.support.events import KEYS, make_event, make_ring_note, to_note, to_ring_note
from tests.support.waiting import until

_TABLES = ("notes", "tags", "ring_members", "spent_signatures")
_TAGGED = to_note(
    make_event(content="tagged", tags=(("t", "x"), ("t", "x"), ("p", "y" * 600), ("expiration", "3000000000")))
)
_GONE = make_event(content="to be deleted")
_REQUEST = to_note(make_event(kind=5, tags=(("e", _GONE.id),)))
_OTHERS_REQUEST = to_note(make_event(key=KEYS[1], kind=5, tags=(("e", _TAGGED.event.id),)))
_HERE = to_note(make_event(content="here already"))
_RING_NOTE = to_ring_note(make_ring_note("signed by a ring", scope="s", tags=(("e", "ab" * 32),)))


async def _store(connection: asyncpg.Connection, notes: Sequence[Note], *, at_once: bool) -> list[Any]:
    if not at_once:
        return list((await insert_batch(connection, notes)).saved)
    rows = [to_row(note) for note in notes]
    assert split_ordinary(rows) == (rows, [])
    sequence = await store_at_once(connection, rows)
    assert sequence is not None
    results = [row.result or SaveResult.STORED for row in rows]
    assert len(sequence) == results.count(SaveResult.STORED)
    return results


async def _read_tables(connection: asyncpg.Connection) -> dict[str, list[asyncpg.Record]]:
    columns = dict.fromkeys(_TABLES, "t.*") | {"feed": "id, event"}
    return {
        table: sorted(await connection.fetch(f"SELECT {wanted} FROM {table} t"), key=repr)
        for table, wanted in columns.items()
    }


@pytest.mark.parametrize(
    "batch",
    [
        [_TAGGED],
        [_TAGGED, to_note(make_event(content="another")), _RING_NOTE],
        [to_note(_GONE), to_note(make_event(content="beside it"))],
        [_HERE, to_note(make_event(content="new"))],
        [_RING_NOTE, to_ring_note(make_ring_note("another", ring_size=12))],
    ],
    ids=["tags", "a ring note", "a deleted note", "a stored note", "rings"],
)
async def test_one_statement_does_what_the_rules_do(database: dict[str, Any], batch: list[Note]) -> None:
    outcomes = []
    connection = await asyncpg.connect(**database)
    for at_once in (False, True):
        transaction = connection.transaction()
        await transaction.start()
        for before in ([_REQUEST, _OTHERS_REQUEST], [_HERE]):
            await insert_batch(connection, before)
        outcomes.append((await _store(connection, batch, at_once=at_once), await _read_tables(connection)))
        await transaction.rollback()
    await connection.close()
    assert outcomes[0] == outcomes[1]
    assert SaveResult.STORED in outcomes[0][0]


async def test_a_signature_that_is_on_another_note_is_refused_at_once(database: dict[str, Any]) -> None:
    stored, gone = (to_ring_note(make_ring_note(text)) for text in ("stays", "is deleted"))
    connection = await asyncpg.connect(**database)
    async with connection.transaction():
        await insert_batch(connection, [stored])
        assert gone.claim is not None
        await connection.execute(
            "INSERT INTO day_spent_signatures VALUES ($1, false)", bytes.fromhex(gone.claim.signed_id or "")
        )
        copies = [Note(make_event(content=text), b"{}", note.claim) for text, note in (("a", stored), ("b", gone))]
        fresh = to_note(make_event(content="beside them"))
        results = await _store(connection, [*copies, fresh], at_once=True)
        assert results == [SaveResult.SIGNATURE_USED, SaveResult.SIGNATURE_USED, SaveResult.STORED]
    await connection.close()


async def test_words_that_are_here_are_left_to_the_rules_and_nothing_is_stored(database: dict[str, Any]) -> None:
    first, again = (
        Note(make_event(key=KEYS[n], content=f"outer {n}"), b"{}", None, content_key=b"k" * 32) for n in (0, 1)
    )
    connection = await asyncpg.connect(**database)
    async with connection.transaction():
        assert await _store(connection, [first], at_once=True) == [SaveResult.STORED]
    rows = [to_row(again), to_row(to_note(make_event(content="beside it")))]
    assert await store_at_once(connection, rows) is None
    assert await connection.fetchval("SELECT count(*) FROM notes") == 1
    await connection.close()


def test_notes_with_rules_of_their_own_and_copies_are_not_stored_at_once() -> None:
    plain = to_row(to_note(make_event(content="plain")))
    others = [
        to_row(to_note(make_event(kind=0))),
        to_row(to_note(make_event(kind=5))),
        to_row(to_note(make_event(kind=20_001))),
        to_row(Note(make_event(content="paid"), b"{}", None, price_paid_msat=1)),
        to_row(Note(make_event(content="held"), b"{}", None, is_held=True)),
        to_row(plain.note),
    ]
    assert split_ordinary([plain, *others]) == ([plain], others)
    copies = [to_row(Note(make_event(content=text), b"{}", None, content_key=b"k" * 32)) for text in "ab"]
    assert split_ordinary([plain, *copies]) == ([], [plain, *copies])


async def test_each_of_two_processes_hears_of_every_note_once(database18: dict[str, Any]) -> None:
    async with asyncpg.create_pool(**database18, min_size=0, max_size=6) as pool:
        heard: list[list[str]] = [[], []]
        work, writers = [], []
        for own in heard:

            async def hear(notes: Iterable[Note], own: list[str] = own) -> None:
                own.extend(note.event.id for note in notes)

            feed = Feed(pool, hear)
            await feed.prepare()
            writers.append(Writer(pool, feed=feed, publish=hear, report=_ignore))
            work += [asyncio.create_task(feed.keep_following()), asyncio.create_task(writers[-1].keep_committing())]
        events = [make_event(content=str(number)) for number in range(400)]
        try:
            for start in range(0, 400, 8):
                await asyncio.gather(
                    *(writers[n % 2].save(to_note(event)) for n, event in enumerate(events[start : start + 8]))
                )
            await until(lambda: all(len(own) >= 400 for own in heard))
            # Whatever came twice would have come by now.
            await asyncio.sleep(0.2)
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)
    ids = sorted(event.id for event in events)
    assert [sorted(own) for own in heard] == [ids, ids]


def _ignore(_: Commit) -> None:
    return
