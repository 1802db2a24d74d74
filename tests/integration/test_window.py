"""Relays that answer from recent notes in memory: what they send is what the database holds, whoever changed it."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from relay.log import Log
from relay.protocol.event import Event
from relay.server import Relay, running
from relay.storage.insert import insert_batch
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, to_note
from tests.support.relays import OPEN_HOUSE, end_sessions, make_config, read_metric, relay_on, to_url
from tests.support.rewriting import rewrite
from tests.support.waiting import until

HOUR = 3_600
# About a dozen small notes.
FEW_KIB = {"max_mib": 12 / 1024}


@asynccontextmanager
async def relay_with(database: dict[str, Any], **sections: Any) -> AsyncIterator[Relay]:
    async with running(make_config(database, **{**OPEN_HOUSE, **sections}), Log()) as relay:
        yield relay


def count_queries(relay: Relay) -> float:
    return read_metric(relay, "ringrelay_query_seconds_count")


async def is_known(relay: Relay, client: Client, filter_: dict[str, Any]) -> bool:
    """Return whether a REQ is answered without the database."""
    before = count_queries(relay)
    await client.fetch(filter_)
    return count_queries(relay) == before


async def until_known(relay: Relay, client: Client, filter_: dict[str, Any]) -> None:
    await until(lambda: is_known(relay, client, filter_))


async def fetch_contents(client: Client, **filter_: Any) -> list[str]:
    return [event["content"] for event in await client.fetch(filter_)]


async def delete(connection: asyncpg.Connection, *notes: Event) -> None:
    """Delete notes as an operator may."""
    await connection.execute(
        "DELETE FROM notes WHERE id = ANY($1::bytea[])", [bytes.fromhex(note.id) for note in notes]
    )


async def test_who_hears_that_a_note_is_stored_or_deleted_finds_it_so(database18: dict[str, Any]) -> None:
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await until_known(relay, client, {})
        before = count_queries(relay)
        for number in range(20):
            note = make_event(content=str(number), created_at=1_000)
            await client.publish_all(note)
            assert await fetch_contents(client, ids=[note.id]) == [str(number)]
            profile = make_event(kind=0, content=f"profile {number}", created_at=1_000 + number)
            await client.publish_all(profile)
            assert await fetch_contents(client, kinds=[0]) == [f"profile {number}"]
            await client.publish_all(make_event(kind=5, tags=(("e", note.id),), content=str(number)))
            assert await fetch_contents(client, ids=[note.id]) == []
        # Most of it without the database; just after a deletion it may be asked.
        asked_for = 60
        assert count_queries(relay) - before < asked_for + 20


async def test_most_that_clients_ask_for_is_known_without_the_database(database18: dict[str, Any]) -> None:
    notes = [make_event(content=str(number), created_at=1_000 + number, tags=(("t", "x"),)) for number in range(150)]
    ring_note = make_ring_note("a ring's", created_at=HOUR)
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await client.publish_all(*notes, ring_note)
        await until_known(relay, client, {})
        before = count_queries(relay)
        newest = [note.content for note in reversed(notes)]
        assert await fetch_contents(client, kinds=[1], until=2_000, limit=120) == newest[:120]
        assert await fetch_contents(client, authors=[pubkey_of(KEYS[0])], limit=500) == newest
        assert await fetch_contents(client, **{"#t": ["x", "y"]}, since=1_100) == newest[:50]
        assert await fetch_contents(client, search=f"ring:{pubkey_of(KEYS[0])} minring:2") == [ring_note.content]
        assert await fetch_contents(client, ids=[notes[7].id, notes[3].id]) == ["7", "3"]
        assert await client.publish(notes[0]) == (True, "duplicate: already have this event")
        assert count_queries(relay) == before


async def test_a_note_that_expires_is_sent_no_more(database18: dict[str, Any]) -> None:
    expiry = int(time.time()) + 2
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await until_known(relay, client, {})
        await client.publish_all(make_event(content="short", tags=(("expiration", str(expiry)),)))
        assert await fetch_contents(client) == ["short"]
        await asyncio.sleep(expiry - time.time() + 0.01)
        assert await fetch_contents(client) == []


async def test_what_was_stored_before_the_start_is_read_into_memory(database18: dict[str, Any]) -> None:
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await client.publish_all(*(make_event(content=str(number), created_at=1_000 + number) for number in range(250)))
    await rewrite(database18)
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await until_known(relay, client, {"limit": 500})
        assert await fetch_contents(client, limit=500) == [str(number) for number in reversed(range(250))]
        assert await is_known(relay, client, {"kinds": [7]})


async def test_what_another_process_stores_or_deletes_is_seen(database18: dict[str, Any]) -> None:
    async with relay_with(database18) as here, relay_with(database18) as there:  # noqa: SIM117
        async with Client(to_url(here)) as reader, Client(to_url(there)) as author:
            await until_known(here, reader, {})
            note, replaced = make_event(content="note"), make_event(kind=0, content="first", created_at=1_000)
            await author.publish_all(note, replaced)

            async def read() -> list[str]:
                assert await is_known(here, reader, {})
                return sorted(await fetch_contents(reader, kinds=[0, 1]))

            await until(lambda: holds(read, ["first", "note"]))
            await author.publish_all(make_event(kind=0, content="second", created_at=1_001))
            await until(lambda: holds(read, ["note", "second"]))
            await author.publish_all(make_event(kind=5, tags=(("e", note.id),)))
            await until(lambda: holds(read, ["second"]))


async def holds(read: Any, expected: list[str]) -> bool:
    return bool(await read() == expected)


async def test_what_an_operator_deletes_by_hand_is_sent_no_more(database18: dict[str, Any]) -> None:
    notes = [make_event(content=str(number), created_at=1_000 + number) for number in range(3)]
    connection = await asyncpg.connect(**database18)
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await client.publish_all(*notes)
        await until_known(relay, client, {})
        await delete(connection, notes[1])
        await until(lambda: holds(lambda: fetch_contents(client), ["2", "0"]))
        assert await is_known(relay, client, {})
        await connection.execute("TRUNCATE notes, tags, ring_members, answers")
        await until(lambda: holds(lambda: fetch_contents(client), []))
    await connection.close()


async def test_an_operator_whose_session_names_another_schema_deletes_by_hand_all_the_same(
    database18: dict[str, Any],
) -> None:
    notes = [make_event(content=str(number), created_at=1_000 + number) for number in range(2)]
    connection = await asyncpg.connect(**database18)
    # Of something else that has the name.
    await connection.execute("CREATE SCHEMA mine; CREATE TABLE mine.feed (deleted bytea[]); SET search_path = mine")
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await client.publish_all(*notes)
        await until_known(relay, client, {})
        await connection.execute("DELETE FROM public.notes WHERE id = $1", bytes.fromhex(notes[0].id))
        await until(lambda: holds(lambda: fetch_contents(client), ["1"]))
        await connection.execute("TRUNCATE public.notes")
        await until(lambda: holds(lambda: fetch_contents(client), []))
    await connection.close()


async def test_after_the_night_memory_has_no_order_in_which_notes_came(database18: dict[str, Any]) -> None:
    notes = [make_event(content=str(number), created_at=1_000 + number * 7 % 20) for number in range(20)]
    newest_first = sorted(notes, key=lambda note: (-note.created_at, note.id))
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await until_known(relay, client, {})
        await client.publish_all(*notes)
        assert list_in_memory(relay) == [note.id for note in notes]
        await rewrite(database18)
        await until(lambda: list_in_memory(relay) == [note.id for note in newest_first])


def list_in_memory(relay: Relay) -> list[str]:
    """Return the notes in the order in which a dictionary got them."""
    return [note_id.hex() for note_id in relay._feed._recent._window.by_id]


async def test_a_relay_that_lost_the_database_learns_what_happened_meanwhile(database18: dict[str, Any]) -> None:
    old, new = make_event(content="old", created_at=1_000), make_event(content="new", created_at=1_001)
    admin = await asyncpg.connect(**database18)
    async with relay_with(database18) as relay, Client(to_url(relay)) as client:
        await client.publish_all(old)
        await until_known(relay, client, {})
        async with admin.transaction():
            # The feed has nothing to tell when the relay is back.
            await insert_batch(admin, [to_note(new)])
            await delete(admin, old)
            await admin.execute("DELETE FROM feed")
            await end_sessions(admin, database18["database"])
        await until(lambda: holds(lambda: fetch_contents(client), ["new"]))
        await until_known(relay, client, {})
        assert await fetch_contents(client) == ["new"]
    await admin.close()


async def test_a_window_of_a_few_kib_gives_the_same_as_none(database18: dict[str, Any]) -> None:
    rng = random.Random(14)
    known, numbers = 0, itertools.count()
    async with (
        relay_with(database18, window=FEW_KIB) as relay,
        relay_on(database18, **OPEN_HOUSE, window={"max_mib": 0}) as url,
        Client(to_url(relay)) as client,
        Client(url) as other,
    ):
        for number in range(60):
            # Some older than all, some in one second.
            note = make_event(
                content=str(number),
                key=rng.choice(KEYS[:3]),
                kind=rng.choice([1, 1, 7]),
                created_at=rng.choice([1_000 + number, 1_000 + number, 1_030, 10]),
                tags=(("t", rng.choice("ab")),),
            )
            await client.publish_all(note)
            for filter_ in make_filters(rng, number):
                known += await is_known(relay, client, filter_)
                frames = await read_frames(client, filter_, numbers)
                assert frames == await read_frames(other, filter_, numbers), filter_
    # Of 240 questions; others are about older notes.
    assert 60 < known < 240


def make_filters(rng: random.Random, number: int) -> list[dict[str, Any]]:
    return [
        {"limit": rng.randint(1, 5)},
        {"authors": [pubkey_of(rng.choice(KEYS[:3]))], "limit": rng.randint(1, 3)},
        {"#t": [rng.choice("ab")], "kinds": [1], "until": 1_000 + rng.randint(0, number), "limit": 2},
        {"since": 1_000 + number - rng.randint(0, 20)},
    ]


async def read_frames(client: Client, filter_: dict[str, Any], numbers: Iterator[int]) -> list[list[Any]]:
    """Return what a REQ gives up to its EOSE, without the name of the subscription."""
    name = str(next(numbers))
    await client.send("REQ", name, filter_)
    frames: list[list[Any]] = []
    while not frames or frames[-1][0] != "EOSE":
        # What comes live before the subscription is closed is the next one's neighbour.
        verb, subscription, *rest = await client.receive()
        if subscription == name:
            frames.append([verb, *rest])
    await client.send("CLOSE", name)
    return frames
