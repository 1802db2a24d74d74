"""Ring notes published in batches: held at once, shown with the batch, all at once, and each once."""

import asyncio
import secrets
import statistics
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
from tests.support.forensics.addresses import Source, open_proxied
from tests.support.processes import find_free_port
from tests.support.relays import make_config, relay_on, to_url

# A period that no test waits for: they publish a batch when they like.
NEVER_S = 86_400
UNPUBLISHED = "accepted, to be published with others in the next batch, within 86400 seconds"
AGAIN = "duplicate: already have this event"


@asynccontextmanager
async def held_on(arguments: dict[str, Any], **sections: dict[str, Any]) -> AsyncIterator[tuple[Relay, str]]:
    # Tests that are not about its share hold as many on one connection as they like.
    sections["privacy"] = {"publish_every_s": NEVER_S, "max_held_per_connection": 1_000, **sections.get("privacy", {})}
    async with running(make_config(arguments, **sections), Log()) as relay:
        yield relay, to_url(relay)


async def publish_batch(relay: Relay) -> None:
    await relay.publisher.publish(unix_now())


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
        # Again: who sends what somebody else has sent hears what everybody hears.
        for _ in range(2):
            assert await author.publish(note) == (True, UNPUBLISHED)
        assert await author.fetch({}) == []
        await author.send("COUNT", "c", {})
        assert await author.next("COUNT") == ["c", {"count": 0, "counted": "notes"}]
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


async def test_a_batch_is_shown_and_lies_in_an_order_that_says_nothing(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(str(number)) for number in range(60)]
    async with held_on(database18, limits={"events_per_s": 1000}) as (relay, url), Client(url) as client:
        await client.follow()
        for note in notes:
            assert (await client.publish(note))[0]
        await publish_batch(relay)
        shown = [(await client.next("EVENT"))[1]["id"] for _ in notes]
    connection = await asyncpg.connect(**database18)
    lies = [record["id"].hex() for record in await connection.fetch("SELECT id FROM notes ORDER BY ctid")]
    await connection.close()
    arrived = [note.id for note in notes]
    assert sorted(shown) == sorted(lies) == sorted(arrived)
    for order in (shown, lies):
        # Of 60 in an order by chance it is above 0.6 once in a million times.
        assert abs(statistics.correlation(range(60), [arrived.index(id_) for id_ in order])) < 0.6


async def test_what_the_batch_refuses_is_held_like_all_else_and_dropped_with_it(database: dict[str, Any]) -> None:
    """Nobody may hear from a refusal that words, a signature or an answer wait here."""
    words = make_words_note()
    copy = make_event(key=KEYS[60], content=words.content, tags=words.tags)
    mined = make_ring_note(author=KEYS[61], pow_bits=1)
    again = make_event(key=KEYS[61], content=mined.content, tags=mined.tags[:-1], created_at=mined.created_at)
    asked = make_ring_note("who agrees?")
    first, second = (
        make_ring_note(sign, kind=7, scope=f"7:{asked.id}", tags=(("e", asked.id),)) for sign in ("+", "-")
    )
    pairs = [(words, copy), (mined, again), (first, second)]
    async with held_on(database) as (relay, url), Client(url) as client:
        for note in (asked, *(note for pair in pairs for note in pair)):
            assert await client.publish(note) == (True, UNPUBLISHED)
        await publish_batch(relay)
        shown = {note["id"] for note in await client.fetch({})}
        assert asked.id in shown
        for pair in pairs:
            assert len({note.id for note in pair} & shown) == 1


async def test_copies_that_are_sent_at_once_are_held_and_one_is_published(database18: dict[str, Any]) -> None:
    words = make_words_note()
    copies = [make_event(key=key, content=words.content, tags=words.tags) for key in KEYS[40:60]]
    async with held_on(database18) as (relay, url), Client(url) as client:
        for copy in copies:
            await client.send("EVENT", copy)
        answers = [await client.next("OK") for _ in copies]
        assert {(accepted, text) for _, accepted, text in answers} == {(True, UNPUBLISHED)}
        await publish_batch(relay)
        (published,) = await client.fetch({})
        assert published["id"] in {copy.id for copy in copies}


async def test_neither_the_table_nor_its_lengths_tell_what_waits(database18: dict[str, Any]) -> None:
    notes = [make_ring_note("short"), make_ring_note("long " * 500), make_words_note()]
    async with held_on(database18) as (_, url), Client(url) as client:
        for note in notes:
            assert await client.publish(note) == (True, UNPUBLISHED)
        connection = await asyncpg.connect(**database18)
        rows = await connection.fetch("SELECT key, name, sealed FROM held_notes")
        await connection.close()
    assert {len(row["sealed"]) for row in rows} == {4_096 + 40}
    written = b"".join(value for row in rows for value in row.values())
    for note in notes:
        for known in (bytes.fromhex(note.id), bytes.fromhex(note.pubkey), note.content.encode(), note.id.encode()):
            assert known not in written


async def test_the_key_is_gone_with_the_batch_and_another_is_there(database18: dict[str, Any]) -> None:
    async with held_on(database18) as (relay, url), Client(url) as client:
        before = relay._waiting.held.keys._files.list_fingerprints()
        assert await client.publish(make_ring_note()) == (True, UNPUBLISHED)
        await publish_batch(relay)
        after = relay._waiting.held.keys._files.list_fingerprints()
        assert (len(before), len(after)) == (1, 1)
        assert before != after
        # Nothing waited: the key has sealed nothing, and stays.
        await publish_batch(relay)
        assert relay._waiting.held.keys._files.list_fingerprints() == after


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
        await relay.publisher.publish(unix_now() + 3)
        await client.send("COUNT", "c", {})
        assert await client.next("COUNT") == ["c", {"count": 0, "counted": "notes"}]
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
    privacy = {"max_held": 2, "pow_bits_when_full": 0}
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
        assert await reader.next("COUNT") == ["c", {"count": 30, "counted": "notes"}]


async def test_a_connection_may_have_so_many_notes_held_whatever_others_have(database18: dict[str, Any]) -> None:
    privacy = {"publish_every_s": NEVER_S, "max_held_per_connection": 2}
    too_many = (
        "rate-limited: your connection or your network has as many notes waiting for the next batch as it may; "
        "try again after it"
    )
    async with held_on(database18, privacy=privacy) as (_, url), Client(url) as one, Client(url) as other:
        for client in (one, other):
            for number in range(2):
                assert await client.publish(make_ring_note(f"{number}")) == (True, UNPUBLISHED)
            assert await client.publish(make_ring_note("one more")) == (False, too_many)


async def test_a_circuit_of_tor_may_have_so_many_notes_held_over_all_of_its_connections(
    database18: dict[str, Any],
) -> None:
    proxy_port = find_free_port()
    privacy = {"max_held_per_network": 2}
    limits = {"max_connections_per_network": 0}

    async def post(circuit: int) -> tuple[bool, str]:
        source = Source(f"fc00:dead:beef:4dad::{circuit}", is_proxied=True)
        async with Client(url, sock=await open_proxied(proxy_port, source)) as client:
            return await client.publish(make_ring_note(secrets.token_hex(8)))

    async with held_on(database18, privacy=privacy, limits=limits, server={"proxy_port": proxy_port}) as (_, url):
        assert [(await post(1))[0] for _ in range(3)] == [True, True, False]
        assert (await post(1))[1].startswith("rate-limited: your connection or your network has as many notes")
        assert [(await post(2))[0] for _ in range(3)] == [True, True, False]


async def test_the_ok_names_the_pool_and_no_present_number(database18: dict[str, Any]) -> None:
    privacy = {"publish_every_s": 600, "min_batch": 45, "max_wait_s": 3_600}
    text = (
        "accepted, to be published with others in the next batch that leaves at least 45 waiting, within 3600 seconds"
    )
    async with held_on(database18, privacy=privacy) as (relay, url), Client(url) as client:
        for number in range(2):
            assert await client.publish(make_ring_note(str(number))) == (True, text)
        await publish_batch(relay)
        assert await client.fetch({}) == []


@pytest.mark.parametrize("ahead_s", [0, 3_600])
@pytest.mark.parametrize("finer_s", [0, 1, 1_800])
async def test_a_ring_note_whose_time_is_too_fine_is_refused_where_the_relay_has_steps(
    database18: dict[str, Any], finer_s: int, ahead_s: int
) -> None:
    privacy = {"publish_every_s": 600, "created_at_step_s": 3_600}
    hour = unix_now() // 3_600 * 3_600
    async with held_on(database18, privacy=privacy, limits={"max_ahead_s": 7_200}) as (_, url), Client(url) as client:
        accepted, text = await client.publish(make_ring_note(created_at=hour + finer_s + ahead_s))
        assert accepted is (finer_s == ahead_s == 0)
        if not accepted:
            assert text.startswith("invalid: created_at says too closely when a ring note was signed")
        # What is not ring-signed has its author's name anyway.
        assert (await client.publish(make_event(kind=0, created_at=unix_now() - 1)))[0]


async def test_after_a_full_period_a_free_note_costs_more_work_and_a_paid_one_does_not(
    database18: dict[str, Any],
) -> None:
    privacy = {"max_held": 20, "pow_bits_when_full": 12}
    async with held_on(database18, privacy=privacy) as (relay, url), Client(url) as client:
        for number in range(19):
            assert await client.publish(make_ring_note(str(number))) == (True, UNPUBLISHED)
        await publish_batch(relay)
        accepted, text = await client.publish(make_ring_note("one more"))
        assert not accepted
        assert text.startswith("pow: ")
        # The period after an empty one is as cheap as the first.
        await publish_batch(relay)
        assert await client.publish(make_ring_note("later")) == (True, UNPUBLISHED)
