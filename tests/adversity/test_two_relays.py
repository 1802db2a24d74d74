"""Two relays on one database: what one stores, the other delivers once; what both are sent at once is stored once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from relay.storage.insert import insert_batch
from relay.storage.row import SaveResult
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, sign_again, to_note
from tests.support.relays import OPEN_HOUSE, end_sessions, relay_on
from tests.support.waiting import until

_TRIES = 20


@asynccontextmanager
async def two_relays(database: dict[str, Any]) -> AsyncIterator[tuple[str, str]]:
    """Run two relays on one database and give their URLs."""
    async with relay_on(database, **OPEN_HOUSE) as first, relay_on(database, **OPEN_HOUSE) as second:
        yield first, second


@asynccontextmanager
async def subscriber(url: str, **filter_: Any) -> AsyncIterator[Client]:
    """Connect and subscribe to what comes from now on."""
    async with Client(url) as client:
        await client.follow(**filter_)
        yield client


async def read_live(client: Client, count: int) -> list[str]:
    return [(await client.next("EVENT"))[1]["id"] for _ in range(count)]


async def post(url: str, events: list[Any]) -> dict[str, tuple[bool, str]]:
    """Send events without waiting between them, and return the answers by id."""
    answers: dict[str, tuple[bool, str]] = {}
    async with Client(url) as client:
        for event in events:
            await client.send("EVENT", event)
        for _ in events:
            event_id, accepted, text = await client.next("OK")
            answers[event_id] = accepted, text
    return answers


async def until_found(url: str, filter_: dict[str, Any], ids: list[str]) -> None:
    """Wait until a relay finds these notes and no others: what the other one has stored, it finds within a second."""
    async with Client(url) as reader:

        async def are_found() -> bool:
            return sorted(event["id"] for event in await reader.fetch(filter_)) == ids

        await until(are_found)


@pytest.mark.parametrize("kind", [1, 20001], ids=["a regular note", "an ephemeral event"])
async def test_what_is_posted_to_one_relay_reaches_the_subscribers_of_both_exactly_once(
    database: dict[str, Any], kind: int
) -> None:
    note, last = make_event(kind=kind, content="once"), make_event(kind=kind, content="last")
    async with (
        two_relays(database) as (first, second),
        subscriber(first) as own,
        subscriber(second) as other,
        Client(first) as author,
    ):
        await author.publish_all(note, last)
        for client in (own, other):
            assert await read_live(client, 2) == [note.id, last.id]


async def test_a_ring_note_reaches_the_other_relay_with_the_same_members(database18: dict[str, Any]) -> None:
    note = make_ring_note(scope="poll")
    async with two_relays(database18) as (first, second), subscriber(second) as other, Client(first) as author:
        await author.publish_all(note)
        event = (await other.next("EVENT"))[1]
        assert (await author.fetch({"ids": [note.id]})) == [event]


async def test_posting_to_both_at_once_brings_every_note_once_to_the_subscribers_of_each(
    database: dict[str, Any],
) -> None:
    lists = [[make_event(key=key, content=str(number)) for number in range(200)] for key in KEYS[:2]]
    # So that a note that came twice would be seen: it would come before this one.
    last = make_event(content="last", kind=7)
    async with two_relays(database) as (first, second), subscriber(first) as one, subscriber(second) as two:
        await asyncio.gather(post(first, lists[0]), post(second, lists[1]))
        ids = sorted(event.id for events in lists for event in events)
        received = [await read_live(client, len(ids)) for client in (one, two)]
        assert [sorted(live) for live in received] == [ids, ids]
        await post(first, [last])
        assert [await read_live(client, 1) for client in (one, two)] == [[last.id], [last.id]]


async def test_a_subscription_that_is_loading_while_the_other_relay_stores_gets_every_note_once(
    database18: dict[str, Any],
) -> None:
    events = [make_event(content=str(number)) for number in range(300)]
    async with two_relays(database18) as (first, second), Client(second) as reader:
        posting = asyncio.create_task(post(first, events))
        received: dict[str, list[str]] = {f"sub{number}": [] for number in range(20)}
        for name in received:
            await reader.send("REQ", name, {"kinds": [1]})
        await posting
        await post(first, [make_event(content="last", kind=1)])
        while any(len(ids) < len(events) + 1 for ids in received.values()):
            message = await reader.receive()
            if message[0] == "EVENT":
                received[message[1]].append(message[2]["id"])
        assert all(len(set(ids)) == len(ids) for ids in received.values())


async def test_notes_stored_while_the_other_relay_lost_its_listening_connection_are_delivered_once(
    database: dict[str, Any], postgres_server: Any
) -> None:
    notes = [make_event(content=str(number)) for number in range(20)]
    async with two_relays(database) as (first, second), subscriber(first) as own, subscriber(second) as other:
        admin = await asyncpg.connect(**{**postgres_server.admin, "database": database["database"]})
        try:
            async with Client(first) as author:
                for note in notes:
                    # The feeds of both with the rest: what one relay stores meanwhile finds the other deaf.
                    await end_sessions(admin, database["database"])
                    await publish_persistently(author, note)
        finally:
            await admin.close()
        ids = [note.id for note in notes]
        assert await read_live(own, len(ids)) == ids
        assert await read_live(other, len(ids)) == ids


async def publish_persistently(author: Client, note: Any) -> None:
    for _ in range(_TRIES):
        accepted, text = await author.publish(note)
        assert accepted or text.startswith("error:"), text
        if accepted:
            return
    raise AssertionError("never accepted")


async def test_one_version_of_an_address_is_left_when_both_relays_are_sent_many_at_once(
    database: dict[str, Any],
) -> None:
    # Equal times and different ones: the newest stays, and of the same age the one with the lowest id (NIP-01).
    now = make_event().created_at
    versions = [
        make_event(kind=30_023, tags=(("d", "page"),), content=str(number), created_at=now - number // 4)
        for number in range(60)
    ]
    winner = min(versions, key=lambda event: (-event.created_at, event.id))
    async with two_relays(database) as (first, second):
        await asyncio.gather(post(first, versions[::-1]), post(second, versions[10:] + versions[:10]))
        for url in (first, second):
            await until_found(url, {"kinds": [30_023]}, [winner.id])


async def test_one_note_is_left_of_those_that_share_a_ring_signature_when_both_relays_are_sent_them_at_once(
    database: dict[str, Any],
) -> None:
    author = KEYS[30]
    note = make_ring_note(author=author)
    notes = [sign_again(note, author, (*note.tags, ("nonce", str(number), "0"))) for number in range(8)]
    async with two_relays(database) as (first, second):
        answers = await asyncio.gather(*(post(url, [one]) for one in notes for url in (first, second)))
        accepted = {event_id for answer in answers for event_id, (is_accepted, _) in answer.items() if is_accepted}
        assert len(accepted) == 1
        for url in (first, second):
            await until_found(url, {}, [*accepted])


async def test_the_same_notes_sent_to_both_relays_at_once_are_stored_once_and_answered_true_twice(
    database: dict[str, Any],
) -> None:
    events = [make_event(content=str(number)) for number in range(200)]
    ids = sorted(event.id for event in events)
    last = make_event(content="last", kind=7)
    async with two_relays(database) as (first, second), subscriber(first) as one, subscriber(second) as two:
        for answers in await asyncio.gather(post(first, events), post(second, events[::-1])):
            assert all(accepted for accepted, _ in answers.values())
        await until_found(first, {"kinds": [1]}, ids)
        # A relay whose own insert met the other's note does not deliver it a second time.
        assert [sorted(await read_live(client, len(ids))) for client in (one, two)] == [ids, ids]
        await post(second, [last])
        assert [await read_live(client, 1) for client in (one, two)] == [[last.id], [last.id]]


async def test_what_was_deleted_while_a_relay_waited_to_store_it_is_refused_whatever_isolation_the_database_has(
    database18: dict[str, Any],
) -> None:
    note = make_event(content="deleted already")
    request = make_event(kind=5, tags=(("e", note.id),))
    connection = await asyncpg.connect(**database18)
    # Then all statements of a transaction would see what there was before it waited.
    await connection.execute(
        f'ALTER DATABASE "{database18["database"]}" SET default_transaction_isolation = "repeatable read"'
    )
    sections = {**OPEN_HOUSE, "privacy": {"rewrite_at_hour": -1}}
    async with relay_on(database18, **sections) as url, Client(url) as author:
        # What a start does under the lock is done.
        await author.publish_all(make_event())
        async with connection.transaction(isolation="read_committed"):
            # As another relay does.
            await insert_batch(connection, [to_note(request)])
            await author.send("EVENT", note)
            await until(lambda: waits_to_store(connection))
        assert (await author.next("OK"))[1:] == [False, SaveResult.DELETED.text]
    await connection.close()


async def waits_to_store(connection: asyncpg.Connection) -> bool:
    """Return whether somebody waits for the writer's lock, and not to delete what has expired: who does has locked notes."""
    waiting: bool = await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM pg_locks waiting WHERE locktype = 'advisory' AND NOT granted AND NOT EXISTS (
                SELECT FROM pg_locks held WHERE held.pid = waiting.pid AND held.relation = 'notes'::regclass))
        """
    )
    return waiting
