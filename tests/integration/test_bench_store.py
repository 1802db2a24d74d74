"""The stores of make bench: what COPY writes is what the relay itself would have written."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from bench.copy_rows import copy_notes
from bench.questions import QUERIES, make_filters
from bench.store_notes import PRICE_MSAT, make_days
from bench.stores import fill
from relay.storage.insert import insert_batch
from relay.storage.note import Note, read_note
from relay.storage.sorted_rows import TABLES
from tests.support.postgres_servers import PostgresServer
from tests.support.rewriting import rewrite

Rows = dict[str, list[tuple[Any, ...]]]


@pytest_asyncio.fixture
async def other_database(postgres_server18: PostgresServer) -> AsyncIterator[dict[str, Any]]:
    """Give the arguments of a second database."""
    async with postgres_server18.database() as arguments:
        yield arguments


@pytest.fixture(scope="module")
def notes() -> list[Note]:
    """Give notes of every kind that a store has."""
    made = [note for day in make_days(6_000, 1) for note in day.notes][:1_000]
    sizes = {len(note.claim.ring) for note in made if note.claim is not None}
    assert sizes == {10, 100}
    assert {note.event.kind for note in made} == {1, 5, 30_023}
    assert {note.price_paid_msat for note in made} == {0, PRICE_MSAT}
    return made


async def read_rows(arguments: dict[str, Any], prefix: str) -> Rows:
    """Return all rows of the tables of the day, or of those that are sorted."""
    connection = await asyncpg.connect(**arguments)
    rows = {
        # All of each row, whatever columns there are.
        table: sorted((tuple(row) for row in await connection.fetch(f"SELECT * FROM {prefix}_{table}")), key=repr)
        for table in TABLES
    }
    await connection.close()
    return rows


async def store(arguments: dict[str, Any], notes: list[Note]) -> None:
    """Store notes as the writer does."""
    connection = await asyncpg.connect(**arguments)
    for start in range(0, len(notes), 250):
        async with connection.transaction():
            inserted = await insert_batch(connection, notes[start : start + 250])
            assert len(inserted.news) == len(notes[start : start + 250])
    await connection.close()


async def copy(arguments: dict[str, Any], notes: list[Note], *, is_sorted: bool) -> None:
    connection = await asyncpg.connect(**arguments)
    await copy_notes(connection, notes, is_sorted=is_sorted)
    await connection.close()


def test_the_relay_reads_from_the_bytes_of_a_note_what_its_rows_say(notes: list[Note]) -> None:
    # Else its window of recent notes ends there: what a search finds of such a note only the database knows.
    assert [read_note(note.encoded, price_paid_msat=note.price_paid_msat) for note in notes] == notes


async def test_what_is_copied_is_what_the_writer_stores(
    database18: dict[str, Any], other_database: dict[str, Any], notes: list[Note]
) -> None:
    await store(database18, notes)
    await copy(other_database, notes, is_sorted=False)
    stored, copied = [await read_rows(arguments, "day") for arguments in (database18, other_database)]
    assert copied == stored
    assert len(copied["notes"]) == 1_000
    assert len(copied["ring_members"]) > 1_000


async def test_what_is_copied_sorted_is_what_a_night_leaves(
    database18: dict[str, Any], other_database: dict[str, Any], notes: list[Note]
) -> None:
    await store(database18, notes)
    await rewrite(database18)
    await copy(other_database, notes, is_sorted=True)
    stored, copied = [await read_rows(arguments, "sorted") for arguments in (database18, other_database)]
    assert copied == stored
    assert len(copied["tags"]) > 1_000


async def list_indexes(connection: asyncpg.Connection) -> set[str]:
    return {
        row["indexdef"] for row in await connection.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")
    }


async def test_a_store_has_all_indexes_and_only_its_last_day_is_unsorted(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    before = await list_indexes(connection)
    vocabulary = await fill(connection, 4_000)
    assert await list_indexes(connection) == before
    counts = [await connection.fetchval(f"SELECT count(*) FROM {name}_notes") for name in ("sorted", "day")]
    await connection.close()
    assert sum(counts) == 4_000
    assert 8 <= counts[1] <= 12
    assert vocabulary.everyone
    assert vocabulary.replied


async def test_what_is_asked_for_in_a_store_has_whole_answers(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    vocabulary = await fill(connection, 20_000)
    for name in QUERIES:
        assert len(make_filters(name, vocabulary, 3, 1)) == 3
        assert make_filters(name, vocabulary, 3, 1) == make_filters(name, vocabulary, 3, 1)
    for author in vocabulary.authors[:5]:
        pubkey = bytes.fromhex(author)
        assert await connection.fetchval("SELECT count(*) FROM notes WHERE pubkey = $1 AND kind = 1", pubkey) >= 50
    for member in vocabulary.members[:5]:
        key = bytes.fromhex(member)
        assert await connection.fetchval("SELECT count(*) FROM ring_members WHERE member = $1", key) >= 50
    await connection.close()
