"""Ring notes published in batches: held at once, shown with the batch, all at once, and each once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from coincurve import PrivateKey

from relay.log import Log
from relay.server import Relay, running, unix_now
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note, make_words_note
from tests.support.relays import make_config, relay_on, to_url

# A period that no test waits for: they publish a batch when they like.
NEVER_S = 86_400
UNPUBLISHED = "accepted, to be published with others in the next batch, within 86400 seconds"
AGAIN = "duplicate: already have this event"


@asynccontextmanager
async def held_on(arguments: dict[str, Any], **sections: dict[str, Any]) -> AsyncIterator[tuple[Relay, str]]:
    sections.setdefault("privacy", {"publish_every_s": NEVER_S})
    async with running(make_config(arguments, **sections), Log()) as relay:
        yield relay, to_url(relay)


async def publish_batch(relay: Relay) -> None:
    await relay._writer.publish_held(unix_now())


async def count_waiting(arguments: dict[str, Any]) -> int:
    connection = await asyncpg.connect(**arguments)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM held_notes"))
    finally:
        await connection.close()


async def test_a_ring_note_is_held_at_once_and_shown_with_the_batch(database: dict[str, Any]) -> None:
    note = make_ring_note()
    async with held_on(database) as (relay, url), Client(url) as author, Client(url) as reader:
        await reader.follow()
        assert await author.publish(note) == (True, UNPUBLISHED)
        assert await author.publish(note) == (True, AGAIN)
        assert await author.fetch({}) == []
        await author.send("COUNT", "c", {})
        assert await author.next("COUNT") == ["c", {"count": 0}]
        await publish_batch(relay)
        assert await reader.next("EVENT") == ["live", as_json(note)]
        assert await author.fetch({}) == [as_json(note)]
        assert await author.publish(note) == (True, AGAIN)
    assert await count_waiting(database) == 0


async def test_a_plain_note_goes_at_once(database18: dict[str, Any]) -> None:
    profile = make_event(kind=0)
    async with held_on(database18) as (_, url), Client(url) as client:
        assert await client.publish(profile) == (True, "")
        assert await client.fetch({}) == [as_json(profile)]


async def test_a_batch_is_shown_and_lies_in_the_order_of_ids_whatever_came_first(database18: dict[str, Any]) -> None:
    notes = sorted((make_ring_note(str(number)) for number in range(60)), key=lambda note: note.id, reverse=True)
    async with held_on(database18, limits={"events_per_s": 1000}) as (relay, url), Client(url) as client:
        await client.follow()
        for note in notes:
            assert (await client.publish(note))[0]
        await publish_batch(relay)
        shown = [(await client.next("EVENT"))[1]["id"] for _ in notes]
        assert shown == sorted(shown)
    connection = await asyncpg.connect(**database18)
    lies = [record["id"].hex() for record in await connection.fetch("SELECT id FROM notes ORDER BY ctid")]
    await connection.close()
    assert lies == shown


async def test_what_the_batch_would_refuse_is_refused_when_it_is_sent(database: dict[str, Any]) -> None:
    words = make_words_note()
    copy = make_event(key=KEYS[60], content=words.content, tags=words.tags)
    mined = make_ring_note(author=KEYS[61], pow_bits=1)
    again = make_event(key=KEYS[61], content=mined.content, tags=mined.tags[:-1], created_at=mined.created_at)
    asked = make_ring_note("who agrees?")
    first, second = (
        make_ring_note(sign, kind=7, scope=f"7:{asked.id}", tags=(("e", asked.id),)) for sign in ("+", "-")
    )
    async with held_on(database) as (relay, url), Client(url) as client:
        for kept in (words, mined, asked, first):
            assert await client.publish(kept) == (True, UNPUBLISHED)
        for refused in (copy, again, second):
            accepted, reason = await client.publish(refused)
            assert (accepted, reason.partition(":")[0]) == (False, "duplicate")
        await publish_batch(relay)
        assert {note["id"] for note in await client.fetch({})} == {note.id for note in (words, mined, asked, first)}


async def test_copies_that_are_sent_at_once_are_held_once(database18: dict[str, Any]) -> None:
    words = make_words_note()
    copies = [make_event(key=key, content=words.content, tags=words.tags) for key in KEYS[40:60]]
    async with held_on(database18) as (relay, url), Client(url) as client:
        for copy in copies:
            await client.send("EVENT", copy)
        answers = [await client.next("OK") for _ in copies]
        assert sorted(accepted for _, accepted, _ in answers) == [False] * 19 + [True]
        await publish_batch(relay)
        assert [note["id"] for note in await client.fetch({})] == [id_ for id_, accepted, _ in answers if accepted]


async def test_an_author_can_withdraw_what_waits_and_nobody_else_can(database18: dict[str, Any]) -> None:
    author = PrivateKey()
    mine, kept = make_ring_note("mine", author=author), make_ring_note("kept", author=KEYS[30])
    async with held_on(database18) as (relay, url), Client(url) as client:
        for note in (mine, kept):
            await client.publish(note)
        await client.publish_all(make_event(key=author, kind=5, tags=(("e", mine.id), ("e", kept.id))))
        assert (await client.publish(mine))[0] is False
        await publish_batch(relay)
        assert [note["id"] for note in await client.fetch({"kinds": [1]})] == [kept.id]


async def test_what_expires_before_the_batch_is_never_shown(database18: dict[str, Any]) -> None:
    note = make_ring_note(tags=(("expiration", str(int(time.time()) + 2)),))
    async with held_on(database18) as (relay, url), Client(url) as client:
        await client.follow()
        assert await client.publish(note) == (True, UNPUBLISHED)
        await relay._writer.publish_held(unix_now() + 3)
        await client.send("COUNT", "c", {})
        assert await client.next("COUNT") == ["c", {"count": 0}]
    assert await count_waiting(database18) == 0


async def test_a_note_that_the_database_does_not_take_waits_on_and_fails_no_other(database18: dict[str, Any]) -> None:
    bad, good = make_ring_note("bad", kind=1), make_ring_note("good", kind=7)
    connection = await asyncpg.connect(**database18)
    async with held_on(database18) as (relay, url), Client(url) as client:
        for note in (bad, good):
            assert await client.publish(note) == (True, UNPUBLISHED)
        await connection.execute("ALTER TABLE notes ADD CONSTRAINT no_ones CHECK (kind <> 1)")
        await publish_batch(relay)
        assert [note["id"] for note in await client.fetch({})] == [good.id]
        await connection.execute("ALTER TABLE notes DROP CONSTRAINT no_ones")
        await publish_batch(relay)
        assert {note["id"] for note in await client.fetch({})} == {good.id, bad.id}
    await connection.close()


async def test_more_notes_than_may_be_held_are_refused_and_accepted_after_the_batch(database18: dict[str, Any]) -> None:
    privacy = {"publish_every_s": NEVER_S, "max_held": 2}
    async with held_on(database18, privacy=privacy) as (relay, url), Client(url) as client:
        for text in ("one", "two"):
            assert await client.publish(make_ring_note(text)) == (True, UNPUBLISHED)
        third = make_ring_note("three")
        full = "error: too many notes wait to be published; try again after the next batch"
        assert await client.publish(third) == (False, full)
        await publish_batch(relay)
        assert await client.publish(third) == (True, UNPUBLISHED)


async def test_batches_are_published_by_the_clock(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(str(number)) for number in range(3)]
    held = held_on(database18, privacy={"publish_every_s": 1})
    async with held as (_, url), Client(url) as author, Client(url) as reader:
        await reader.follow()
        # On connections of their own: a batch can be published between two of them.
        for note in notes:
            assert (await author.publish(note))[0]
        shown = {(await reader.next("EVENT"))[1]["id"] for _ in notes}
        assert shown == {note.id for note in notes}


async def test_what_was_held_is_published_by_a_relay_without_batches(database18: dict[str, Any]) -> None:
    note = make_ring_note()
    async with held_on(database18) as (_, url), Client(url) as client:
        assert await client.publish(note) == (True, UNPUBLISHED)
    async with relay_on(database18) as url, Client(url) as client:
        await client.send("REQ", "s", {})
        events = [message for message in [await client.receive(), await client.receive()] if message[0] == "EVENT"]
        assert [event[2]["id"] for event in events] == [note.id]


@pytest.mark.parametrize("ticking", [1, 2])
async def test_two_relays_publish_each_note_once(database18: dict[str, Any], ticking: int) -> None:
    notes = [make_ring_note(str(number)) for number in range(30)]
    async with (
        held_on(database18) as (one, url),
        held_on(database18) as (other, other_url),
        Client(url) as author,
        Client(other_url) as reader,
    ):
        await reader.follow()
        for note in notes:
            assert (await author.publish(note))[0]
        await asyncio.gather(*(publish_batch(relay) for relay in (one, other)[:ticking]))
        shown = [(await reader.next("EVENT"))[1]["id"] for _ in notes]
        assert sorted(shown) == sorted(note.id for note in notes)
        await reader.send("COUNT", "c", {})
        assert await reader.next("COUNT") == ["c", {"count": 30}]
