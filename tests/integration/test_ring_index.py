"""The ring index: a row a member of each stored ring, whenever the note was stored, and none that outlives its note."""

import time
from typing import Any

import asyncpg
import pytest

from relay.protocol.event import find_expiration
from relay.storage.insert import insert_batch
from relay.storage.retention import delete_expired
from relay.storage.stats_masking import build_statements, mask_statistics
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, to_ring_note
from tests.support.relays import relay_on
from tests.support.rewriting import rewrite

# A table that is partitioned has no rows of its own.
_TABLE_SCANS = (
    "SELECT s.relname, s.seq_scan FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid "
    "WHERE s.relname <> 'schema_migrations' AND c.relkind <> 'p'"
)
_ROWS = "SELECT note_id, member, created_at, kind, ring_size, expires_at FROM ring_members ORDER BY note_id, member"
# What a note's text can hold that looks like a ring tag, or that Postgres' json refuses.
_CONFUSING = '["ring","' + "ab" * 32 + '"] \\["ring","\\u0000 \0 é ' + "\U0001f600"


async def test_each_member_of_a_stored_ring_has_a_row(database: dict[str, Any]) -> None:
    note = make_ring_note(ring_size=4, kind=1, tags=(("expiration", "9999999999"),))
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(note)
    connection = await asyncpg.connect(**database)
    rows = [tuple(row) for row in await connection.fetch(_ROWS)]
    await connection.close()
    assert rows == [
        (bytes.fromhex(note.id), member, note.created_at, 1, 4, find_expiration(note)) for member in make_ring(4)
    ]


async def test_the_rows_go_with_their_note(database: dict[str, Any]) -> None:
    note = make_ring_note(author=KEYS[30])
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(note, make_event(key=KEYS[30], kind=5, tags=(("e", note.id),)))
    connection = await asyncpg.connect(**database)
    assert await connection.fetchval("SELECT count(*) FROM ring_members") == 0
    await connection.close()


async def test_the_rows_go_with_a_note_that_a_newer_version_replaces_or_that_expires(database: dict[str, Any]) -> None:
    now = int(time.time())
    versions = [make_ring_note(kind=30_023, author=KEYS[30], created_at=now + n, tags=(("d", "x"),)) for n in range(2)]
    expired = make_ring_note("gone", tags=(("expiration", "5"),))
    connection = await asyncpg.connect(**database)
    async with connection.transaction():
        await insert_batch(connection, [to_ring_note(versions[0]), to_ring_note(expired)])
    async with connection.transaction():
        await insert_batch(connection, [to_ring_note(versions[1])])
    assert await delete_expired(connection, 6) == 1
    left = await connection.fetch("SELECT DISTINCT note_id FROM ring_members")
    assert [row["note_id"].hex() for row in left] == [versions[1].id]
    await connection.close()


@pytest.mark.parametrize("is_rewritten", [False, True], ids=["on the first day", "after a night"])
async def test_every_index_and_table_is_touched_so_that_its_last_use_dates_no_note(
    database: dict[str, Any], is_rewritten: bool
) -> None:
    connection = await asyncpg.connect(**database)
    async with connection.transaction():
        await insert_batch(connection, [to_ring_note(make_ring_note("yesterday"))])
    if is_rewritten:
        await rewrite(database)
    # The feed reads its own every second, and nothing reads that of the migrations but a start.
    scans = (
        "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes "
        "WHERE indexrelname NOT IN ('feed_pkey', 'schema_migrations_pkey') "
        f"UNION ALL {_TABLE_SCANS}"
    )
    before = dict(await connection.fetch(scans))
    await mask_statistics(connection, await build_statements(connection))
    await connection.execute("SELECT pg_stat_force_next_flush()")
    after = dict(await connection.fetch(scans))
    await connection.close()
    assert [name for name, count in after.items() if count <= before[name]] == []


async def test_every_table_is_read_from_its_beginning_so_that_the_last_such_read_dates_no_note(
    database: dict[str, Any],
) -> None:
    connection = await asyncpg.connect(**database)
    before = dict(await connection.fetch(_TABLE_SCANS))
    await mask_statistics(connection, await build_statements(connection))
    await connection.execute("SELECT pg_stat_force_next_flush()")
    after = dict(await connection.fetch(_TABLE_SCANS))
    await connection.close()
    assert [name for name, count in after.items() if count <= before[name]] == []
