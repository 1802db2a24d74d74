"""After the rewrite of a night the relay serves and refuses what it did before, and what the rewrite costs is a day's."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from relay.limits import INTERNAL_LIMITS, InternalLimits
from relay.postgres.open import _WRITE_SETTINGS
from relay.storage.insert import insert_batch
from relay.storage.rewrite import Rewriter
from relay.storage.sorted_rows import TABLES, build_walks
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, make_words_note, sign_again, to_note, to_ring_note
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.rewriting import IMPATIENT, count_of_day, rewrite, rewriter_on
from tests.support.waiting import until

LARGE_DAY = 20_000
NOTHING = dict.fromkeys(TABLES, 0)


async def test_what_was_posted_is_read_and_refused_as_before(database: dict[str, Any]) -> None:
    poll = make_ring_note("which?", kind=1068)
    answer = make_ring_note(kind=1018, scope=f"1018:{poll.id}", tags=(("e", poll.id),), author=KEYS[30])
    again = make_ring_note("-", kind=1018, scope=f"1018:{poll.id}", tags=(("e", poll.id),))
    words = make_words_note("words")
    copy = sign_again(words, KEYS[31], words.tags)
    old, new = (make_event(kind=30_023, key=KEYS[1], tags=(("d", "x"),), created_at=at) for at in (10, 20))
    plain = make_event(tags=(("t", "a"),))
    deletion = make_event(kind=5, key=KEYS[30], tags=(("e", answer.id),))
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(poll, answer, words, old, plain)
        before = await client.fetch({})
        await rewrite(database)
        assert await client.fetch({}) == before
        assert await client.fetch({"#t": ["a"]}) == await client.fetch({"ids": [plain.id]})
        for event in (poll, answer, words, old, plain):
            assert await client.publish(event) == (True, "duplicate: already have this event")
        accepted, text = await client.publish(again)
        assert (accepted, text[:32]) == (False, "duplicate: this ring member has "), text
        accepted, text = await client.publish(copy)
        assert (accepted, text[:22]) == (False, "duplicate: these words"), text
        await client.publish_all(new, deletion)
        left = {event["id"] for event in await client.fetch({})}
        assert left == {poll.id, words.id, new.id, plain.id, deletion.id}
        assert not (await client.publish(again))[0]
        assert not (await client.publish(answer))[0]


async def test_a_ring_signature_stays_used_over_the_nights(database18: dict[str, Any]) -> None:
    # Two nonces, one signature: the ring does not sign the proof of work.
    note = make_ring_note("said", kind=30_023, tags=(("d", "x"),), created_at=10, author=KEYS[30])
    other = sign_again(note, KEYS[30], (*note.tags, ("nonce", "1", "0")))
    newer = make_ring_note("later", kind=30_023, tags=(("d", "x"),), created_at=20, author=KEYS[30])
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        await rewrite(database18)
        assert not (await client.publish(other))[0]
        await client.publish_all(newer)
        await rewrite(database18)
        for event in (note, other):
            assert not (await client.publish(event))[0]


async def test_nothing_stays_in_the_order_of_arrival_and_nobody_is_told_of_it_again(database: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database)
    notes = [make_ring_note(str(number)) for number in range(10)]
    async with relay_on(database) as url, Client(url) as author, Client(url) as reader:
        await author.publish_all(*notes[:9])
        await reader.follow()
        await rewrite(database)
        assert await count_of_day(connection) == NOTHING
        lie = [row["id"].hex() for row in await connection.fetch("SELECT id FROM sorted_notes ORDER BY ctid")]
        assert lie == sorted(note.id for note in notes[:9])
        assert await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM sorted_notes") == 1
        # The first that the reader hears of is the first that came after it.
        await author.publish_all(notes[9])
        assert (await reader.next("EVENT"))[1]["id"] == notes[9].id
    await connection.close()


async def test_what_is_changed_later_lies_among_the_rows_of_its_day(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    words, priced = make_words_note("words"), make_ring_note("paid for")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(words, priced)
        await rewrite(database18)
        await client.publish(sign_again(words, KEYS[31], words.tags))
        async with connection.transaction():
            await insert_batch(connection, [replace(to_ring_note(priced), price_paid_msat=1_000)])
    of_day = {row["id"].hex() for row in await connection.fetch("SELECT id FROM day_notes")}
    assert of_day == {words.id, priced.id}
    assert await connection.fetchval("SELECT count(*) FROM day_ring_members WHERE price_paid_msat = 1000") == 5
    await rewrite(database18)
    assert await count_of_day(connection) == NOTHING
    assert (
        await connection.fetchval("SELECT price_paid_msat FROM notes WHERE id = $1", bytes.fromhex(priced.id)) == 1_000
    )
    await connection.close()


async def test_a_night_that_was_missed_is_made_up_for_and_the_first_day_waits_for_its_night(
    database18: dict[str, Any],
) -> None:
    connection = await asyncpg.connect(**database18)
    note = make_ring_note("kept")
    async with relay_on(database18, internal=IMPATIENT) as url, Client(url) as client:
        await client.publish_all(note)
        await until(lambda: connection.fetchval("SELECT count(*) FROM last_rewrite"))
        day = await connection.fetchval("SELECT day FROM last_rewrite")
        assert abs(day - time.time() // 86_400) <= 1
    assert (await count_of_day(connection))["notes"] == 1
    await connection.execute("UPDATE last_rewrite SET day = day - 3")
    async with relay_on(database18, internal=IMPATIENT) as url, Client(url) as client:

        async def is_done() -> bool:
            return bool(await connection.fetchval("SELECT day = $1 FROM last_rewrite", day))

        await until(is_done)
        assert await count_of_day(connection) == NOTHING
        assert [event["id"] for event in await client.fetch({})] == [note.id]
    await connection.close()


async def test_where_it_is_switched_off_nothing_is_rewritten(database18: dict[str, Any]) -> None:
    async with asyncpg.create_pool(**database18, min_size=0, max_size=1) as pool:
        rewriter = Rewriter(pool, -1, lambda: int(time.time()), InternalLimits())
        # It ends at once: there is nothing to wait for.
        await rewriter.keep_rewriting(lambda _: None)
        assert await pool.fetchval("SELECT count(*) FROM last_rewrite") == 0


@pytest.mark.parametrize(("hour", "at", "is_next"), [(3, 3 * 3_600 - 1, False), (3, 3 * 3_600, True), (0, 0, True)])
async def test_the_day_ends_at_the_hour_of_the_rewrite(hour: int, at: int, is_next: bool) -> None:
    pool = asyncpg.create_pool(min_size=0)
    now = 20_000 * 86_400 - 43_200
    rewriter = Rewriter(pool, hour, lambda: now, InternalLimits())
    before = rewriter._count_days()
    now += 43_200 + at
    assert rewriter._count_days() - before == int(is_next)


async def test_while_somebody_reads_the_tables_for_long_it_tries_again_and_others_are_served(
    database18: dict[str, Any],
) -> None:
    connection, backup = [await asyncpg.connect(**database18) for _ in range(2)]
    note, other = make_ring_note("before"), make_ring_note("meanwhile")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        await backup.execute("BEGIN; LOCK TABLE notes, tags, ring_members IN ACCESS SHARE MODE")
        async with rewriter_on(database18) as rewriter:
            rewriting = asyncio.create_task(rewriter.rewrite())
            await until(lambda: connection.fetchval("SELECT count(*) FROM sorted_notes"))
            await client.publish_all(other)
            assert {event["id"] for event in await client.fetch({})} == {note.id, other.id}
            assert not rewriting.done()
            await backup.execute("COMMIT")
            await rewriting
    await connection.close()
    await backup.close()


async def test_a_backup_that_began_before_reads_every_note_and_is_waited_for(database: dict[str, Any]) -> None:
    connection, backup = [await asyncpg.connect(**database) for _ in range(2)]
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(*(make_ring_note(str(number)) for number in range(3)))
        # It has its view of the database, and has not come to these tables yet.
        await backup.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM schema_migrations")
        rewriting = asyncio.create_task(rewrite(database))
        files = "SELECT pg_relation_filenode('day_notes')"
        first = await connection.fetchval(files)
        await until(lambda: _differs(connection, files, first))
        assert await backup.fetchval("SELECT count(*) FROM notes") == 3
        assert await backup.fetchval("SELECT count(*) FROM ring_members") == 15
        assert not rewriting.done()
        await backup.execute("COMMIT")
        await rewriting
        assert await connection.fetchval("SELECT pg_relation_size('day_notes')") == 0
    await connection.close()
    await backup.close()


async def _differs(connection: asyncpg.Connection, query: str, value: object) -> bool:
    return bool(await connection.fetchval(query) != value)


async def test_a_rewrite_reads_nothing_of_the_days_before(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18, server_settings=_WRITE_SETTINGS)

    async def store(first: int, count: int) -> None:
        notes = [
            make_event(key=KEYS[n % 40], content=str(n), tags=(("t", str(n)),)) for n in range(first, first + count)
        ]
        async with connection.transaction():
            await insert_batch(connection, [to_note(note) for note in notes])

    async def count_read() -> dict[str, int]:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        rows = await connection.fetch(
            """
            SELECT t.relname, seq_tup_read + coalesce(sum(idx_tup_read), 0)::bigint AS count
            FROM pg_stat_user_tables t LEFT JOIN pg_stat_user_indexes i USING (relid)
            WHERE t.relname LIKE 'sorted%' GROUP BY t.relname, seq_tup_read
            """
        )
        return {row["relname"]: row["count"] for row in rows}

    await store(0, 500)
    await rewrite(database18)
    await store(500, 3)
    before = await count_read()
    await rewrite(database18)
    assert await count_read() == before
    assert await connection.fetchval("SELECT count(*) FROM sorted_notes") == 503
    # Nor all of the day's for each slice of it.
    await store(600, 500)
    for walk in await build_walks(connection):
        types = ["bytea", "bigint"] if len(walk.first) == 1 else ["integer", "bytea", "bytea", "bigint"]
        await connection.execute(f"PREPARE walk ({', '.join(types)}) AS {walk.move}")
        values = ", ".join(repr(value) if isinstance(value, int) else "''" for value in (*walk.first, 100))
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE walk ({values})"))
        await connection.execute("DEALLOCATE walk")
        assert "Seq Scan" not in plan
        assert "Index" in plan
    await connection.close()


async def test_others_are_served_while_a_large_day_is_rewritten_and_read_every_note_all_the_while(
    database18: dict[str, Any],
) -> None:
    connection = await asyncpg.connect(**database18)
    for first in range(0, LARGE_DAY, 500):
        events = [
            make_event(key=KEYS[n % 40], content=str(n), tags=(("t", "a"),), created_at=n)
            for n in range(first, first + 500)
        ]
        async with connection.transaction():
            await insert_batch(connection, [to_note(event) for event in events])
    sample = {"ids": [event.id for event in events]}
    served = 0
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as author, Client(url) as reader:
        await reader.follow(kinds=[7])
        rewriting = asyncio.create_task(rewrite(database18))
        while not rewriting.done():
            assert len(await author.fetch(sample)) == len(events)
            note = make_event(kind=7, content=str(served))
            await author.publish_all(note)
            # What is moved is not announced: the next that the reader hears of is this one.
            assert (await reader.next("EVENT"))[1]["id"] == note.id
            served += 1
        await rewriting
        await author.send("COUNT", "count", {"kinds": [1]})
        assert (await author.next("COUNT"))[1] == {"count": LARGE_DAY, "counted": "notes"}
    slices = await connection.fetch(
        """
        SELECT count(*) FROM (SELECT xmin FROM sorted_notes UNION ALL SELECT xmin FROM sorted_tags) AS rows
        GROUP BY xmin::text
        """
    )
    # Each is one turn of the writer's, and others had theirs in between.
    most = max(row["count"] for row in slices)
    print(f"{served} notes posted meanwhile, {len(slices)} turns, of at most {most} rows")
    assert most <= INTERNAL_LIMITS.max_rewritten_rows
    assert served >= len(slices) / 4
    await connection.close()
