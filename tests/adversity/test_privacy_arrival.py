"""What the database holds says neither when a note arrived nor, within a batch, in which order."""

import asyncio
import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import asyncpg
import pytest

from relay.limits import InternalLimits
from relay.log import Log
from relay.protocol.event import encode_event
from relay.server import Relay, running
from relay.storage.feed import Feed
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from tests.support.client import TIMEOUT_S, Client
from tests.support.events import KEYS, make_event, make_ring_note, to_note
from tests.support.relays import make_config, relay_on, to_url

# relay/storage/insert.py takes it for every batch: who holds it makes the notes that arrive meanwhile wait for one batch.
_WRITER_LOCK = 0x72696E67


def _note(number: int) -> Note:
    event = make_event(content=f"note {number}", tags=(("t", f"a{number}"), ("t", "same")))
    return to_note(event)


async def test_no_column_of_any_table_can_hold_when_a_row_came(database: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database)
    try:
        columns = await connection.fetch(
            """
            SELECT table_name, column_name, udt_name, column_default, is_identity, is_generated
            FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
            """
        )
        functions = await connection.fetch(
            "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
        triggers = await connection.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        rules = await connection.fetch("SELECT rulename FROM pg_rules WHERE schemaname = 'public'")
    finally:
        await connection.close()
    assert {row["table_name"] for row in columns} >= {"notes", "tags", "feed"}
    assert {row["udt_name"] for row in columns} <= {"bytea", "_bytea", "int8", "int4", "text", "bool"}
    filled = {
        (row["table_name"], row["column_name"]): row["column_default"] for row in columns if row["column_default"]
    }
    assert filled == {("feed", "seq"): "nextval('feed_seq'::regclass)"}
    assert {row["is_identity"] for row in columns} == {"NO"}
    assert {row["is_generated"] for row in columns} == {"NEVER"}
    # Nothing fills a column behind our back but what puts the ids of deleted notes into the feed, and no function asks a clock.
    assert {row["tgname"] for row in triggers} == {"lock_feed", "announce_deleted", "announce_truncated"}
    assert {row["tgname"] for row in triggers} <= {row["proname"] for row in functions}
    assert not [
        row["proname"] for row in functions if re.search("now|clock|current_|timestamp|timeofday", row["prosrc"])
    ]
    assert not rules


async def test_every_number_stored_beside_a_note_is_the_authors_own(database18: dict[str, Any]) -> None:
    event = make_ring_note(created_at=1_600_000_000, scope="s", tags=(("expiration", "4000000000"), ("t", "x")))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(event)
    connection = await asyncpg.connect(**database18)
    try:
        note = dict(await connection.fetchrow("SELECT * FROM notes"))
        tags = [dict(row) for row in await connection.fetch("SELECT * FROM tags")]
    finally:
        await connection.close()
    numbers = {name: value for row in (note, *tags) for name, value in row.items() if type(value) is int}
    authors = {"created_at": 1_600_000_000, "kind": 1, "expires_at": 4_000_000_000, "ring_size": 5}
    # Counted in the note itself: its ring's members, and its tags t, R and J.
    assert numbers == {**authors, "index_rows": 5 + 3}
    assert note["event"] == encode_event(event)


async def test_the_feed_is_unlogged_and_the_only_table_with_a_sequence(database: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database)
    try:
        persistence = {
            row["relname"]: row["relpersistence"]
            for row in await connection.fetch(
                "SELECT relname, relpersistence FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                "AND relkind IN ('r', 'i')"
            )
        }
        sequences = await connection.fetch("SELECT sequencename FROM pg_sequences")
    finally:
        await connection.close()
    assert {name for name, kind in persistence.items() if kind == b"u"} == {"feed", "feed_pkey", "feed_ephemeral"}
    assert [row["sequencename"] for row in sequences] == ["feed_seq"]


async def test_a_burst_in_descending_order_lies_in_ascending_order_of_ids(database18: dict[str, Any]) -> None:
    notes = sorted((_note(number) for number in range(40)), key=lambda note: note.event.id, reverse=True)
    connection = await asyncpg.connect(**database18)
    config = make_config(database18, accept={"plain": True}, limits={"reqs_per_s": 1e6})
    try:
        async with running(config, Log()) as relay, Client(to_url(relay)) as client:
            await connection.execute("SELECT pg_advisory_lock($1)", _WRITER_LOCK)
            # The first one makes the writer wait, and the others gather behind it.
            for burst, verified in ((notes[:1], 1), (notes[1:], 40)):
                for note in burst:
                    await client.send("EVENT", note.event)
                await _wait_until_verified(relay, client, verified)
            await connection.execute("SELECT pg_advisory_unlock($1)", _WRITER_LOCK)
            assert {(await client.next("OK"))[1] for _ in notes} == {True}
        stored = await _fetch_in_heap_order(connection, "SELECT xmin::text AS batch, id FROM notes ORDER BY ctid")
        tags = await _fetch_in_heap_order(
            connection, "SELECT xmin::text AS batch, note_id AS id FROM tags ORDER BY ctid"
        )
        fed = await _fetch_in_heap_order(connection, "SELECT xmin::text AS batch, id FROM feed ORDER BY seq")
    finally:
        await connection.close()
    assert sorted(map(len, stored)) == [1, 39]
    for batches in (stored, tags, fed):
        assert sum(len(set(ids)) for ids in batches) == 40
        assert all(ids == sorted(ids) for ids in batches)


async def _wait_until_verified(relay: Relay, client: Client, count: int) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while f"ringrelay_verification_seconds_count {count}.0" not in relay.metrics.render().decode():
            await client.send("COUNT", "flush", {"ids": []})
            await client.next("COUNT")
    # By the answer to one more question, what was verified has reached the writer.
    await client.send("COUNT", "flush", {"ids": []})
    await client.next("COUNT")


async def _fetch_in_heap_order(connection: asyncpg.Connection, query: str) -> list[list[bytes]]:
    rows = await connection.fetch(query)
    return [[row["id"] for row in batch] for _, batch in groupby(rows, key=lambda row: row["batch"])]


@pytest.mark.parametrize("shuffle", [1, 7, 23])
async def test_the_order_within_a_batch_does_not_depend_on_the_order_of_arrival(
    database18: dict[str, Any], shuffle: int
) -> None:
    notes = [_note(number) for number in range(30)]
    # Ephemeral notes travel through the feed only; ring notes and replaceable ones have columns of their own.
    event = make_event(kind=20_001, key=KEYS[3])
    notes[3] = to_note(event)
    arrived = [notes[(number * shuffle) % 30] for number in range(30)]
    connection = await asyncpg.connect(**database18)
    try:
        async with connection.transaction():
            await insert_batch(connection, arrived)
        heap = [row["id"] for row in await connection.fetch("SELECT id FROM notes ORDER BY ctid")]
        feed = [row["id"] for row in await connection.fetch("SELECT id FROM feed ORDER BY seq")]
    finally:
        await connection.close()
    assert feed == sorted(bytes.fromhex(note.event.id) for note in notes)
    assert heap == [id_ for id_ in feed if id_ != bytes.fromhex(event.id)]


async def test_a_row_leaves_the_feed_within_five_minutes_and_not_before_others_read_it(
    database18: dict[str, Any],
) -> None:
    pool = await asyncpg.create_pool(**database18, min_size=1, max_size=1)
    started_s = 1_000.0
    feed = Feed(pool, _ignore)
    try:
        await feed.prepare()
        async with pool.acquire() as connection:
            # The worst case: they come right after the feed has marked its place.
            await feed.prune(connection, started_s)
            async with connection.transaction():
                await insert_batch(connection, [_note(number) for number in range(3)])
            await feed._read_new(connection)
            counts = {}
            for age_s in range(0, 300, 30):
                await feed.prune(connection, started_s + age_s)
                counts[age_s] = await connection.fetchval("SELECT count(*) FROM feed")
    finally:
        await pool.close()
    assert counts[60] == 3
    assert counts[270] == 0


async def test_a_running_relay_prunes_the_feed_by_itself(database18: dict[str, Any]) -> None:
    # Only the times are shorter; what they are is tested above.
    connection = await asyncpg.connect(**database18)
    try:
        async with (
            relay_on(
                database18, internal=InternalLimits(keep_feed_s=0.01, prune_feed_every_s=0.01), accept={"plain": True}
            ) as url,
            Client(url) as client,
        ):
            await client.publish_all(*(_note(number).event for number in range(3)), make_event(kind=20_001))
            async with asyncio.timeout(TIMEOUT_S):
                while await connection.fetchval("SELECT count(*) FROM feed"):
                    pass
        assert await connection.fetchval("SELECT count(*) FROM notes") == 3
    finally:
        await connection.close()


async def _ignore(_: Iterable[Note]) -> None:
    return
