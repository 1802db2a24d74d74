"""The ring index: a row a member of each stored ring, whenever the note was stored, and none that outlives its note."""

import shutil
import time
from pathlib import Path
from typing import Any

import asyncpg

from relay.postgres.migrate import find_migrations_directory, migrate
from relay.protocol.event import encode_event, find_expiration
from relay.storage.insert import insert_batch
from relay.storage.retention import delete_expired
from relay.storage.stats_masking import touch_indexes
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, to_ring_note
from tests.support.relays import relay_on

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


async def test_notes_stored_before_there_was_a_ring_index_are_in_it(
    empty_database: dict[str, Any], database: dict[str, Any], tmp_path: Path
) -> None:
    notes = [
        make_ring_note(_CONFUSING, ring_size=3, tags=(("x", _CONFUSING), ("x[", "ring", "a"), ("r[",))),
        make_ring_note("linkable", ring_size=5, scope="s", tags=(("expiration", "9999999999"),)),
        make_ring_note("largest", ring_size=80),
    ]
    # What is written today is the oracle for what is filled in later.
    today = await asyncpg.connect(**database)
    async with today.transaction():
        await insert_batch(today, [to_ring_note(note) for note in notes])
    first = find_migrations_directory() / "0001_notes.sql"
    shutil.copy(first, tmp_path)
    old = await asyncpg.connect(**empty_database)
    await migrate(old, tmp_path)
    columns = "id, pubkey, created_at, kind, expires_at, event, scheme, ring_size, ring_id, key_image, scope, pre_id"
    for record in await today.fetch(f"SELECT {columns} FROM notes"):
        places = ", ".join(f"${number}" for number in range(1, 13))
        await old.execute(f"INSERT INTO notes ({columns}) VALUES ({places})", *record)
    plain = make_event(content=_CONFUSING, tags=(("x", _CONFUSING),))
    await old.execute(
        "INSERT INTO notes (id, pubkey, created_at, kind, event) VALUES ($1, $2, 1, 1, $3)",
        bytes.fromhex(plain.id),
        bytes.fromhex(plain.pubkey),
        encode_event(plain),
    )
    await migrate(old, find_migrations_directory())
    for question in (_ROWS, "SELECT id, form FROM notes WHERE scheme IS NOT NULL ORDER BY id"):
        assert await old.fetch(question) == await today.fetch(question)
    assert await old.fetchval("SELECT count(*) FROM ring_members") == 3 + 5 + 80
    await old.close()
    await today.close()


async def test_every_index_and_table_is_touched_so_that_its_last_use_dates_no_note(database: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database)
    # The feed reads its own every second, and nothing reads that of the migrations but a start.
    scans = (
        "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes "
        "WHERE indexrelname NOT IN ('feed_pkey', 'schema_migrations_pkey') "
        "UNION ALL SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname <> 'schema_migrations'"
    )
    before = dict(await connection.fetch(scans))
    await touch_indexes(connection)
    await connection.execute("SELECT pg_stat_force_next_flush()")
    after = dict(await connection.fetch(scans))
    await connection.close()
    assert [name for name, count in after.items() if count <= before[name]] == []


async def test_every_table_is_read_from_its_beginning_so_that_the_last_such_read_dates_no_note(
    database: dict[str, Any],
) -> None:
    connection = await asyncpg.connect(**database)
    scans = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname <> 'schema_migrations'"
    before = dict(await connection.fetch(scans))
    await touch_indexes(connection)
    await connection.execute("SELECT pg_stat_force_next_flush()")
    after = dict(await connection.fetch(scans))
    await connection.close()
    assert [name for name, count in after.items() if count <= before[name]] == []
