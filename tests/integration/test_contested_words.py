"""Words that a ring signed, in the forms in which it signs nothing else: whoever posts them first has no power over them.

A stranger posts a copy of somebody's words under a key of their own, the author posts them, and the stranger asks for deletion:
in every order, at once, and while notes wait for the next batch. A copy that can be read is left each time.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.log import Log
from relay.protocol.event import Event, encode_event
from relay.server import Relay, running, unix_now
from relay.storage.note import Note
from relay.verify import proof
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_words_note, sign_again
from tests.support.paid import order, shop
from tests.support.relays import make_config, relay_on, to_url
from tests.support.waiting import until

AUTHOR, STRANGER = KEYS[60], KEYS[61]
WORDS = "the minister knew"
STORED = (True, "")
SAID = (
    False,
    "duplicate: these words are here already, signed for this ring, and stay here; post nothing, or change them",
)
HELD = (True, "accepted, to be published with others in the next batch, within 86400 seconds")
ONE_STAYS = (
    True,
    "stored; words that others have posted, too, stay (notes: 1): ask the operator, whom the info document names",
)
# A period that no test waits for: they publish a batch when they like.
BATCHES = {"publish_every_s": 86_400}
ORDERS = {" ".join(names): names for names in permutations(("copy", "words", "deletion"))}
# The stranger's copy is made to be older or newer than the author's note.
AGES_S = (-3_600, 3)


def make_events(age_s: int) -> dict[str, Event]:
    signed = make_words_note(WORDS)
    words = sign_again(signed, AUTHOR, signed.tags)
    copy = sign_again(signed, STRANGER, signed.tags, words.created_at + age_s)
    return {"copy": copy, "words": words, "deletion": delete(STRANGER, copy)}


def delete(key: Any, *notes: Event) -> Event:
    return make_event(key=key, kind=5, content="", tags=tuple(("e", note.id) for note in notes))


def to_verified(event: Event, *, is_held: bool) -> Note:
    """Return an event as the intake passes it to the writer."""
    claim = proof.detect_claim(event)
    key = None if claim is None else proof.verify_claim(claim).content_key
    return Note(event, encode_event(event), claim, key, is_held=is_held and claim is not None)


@asynccontextmanager
async def relay_of(arguments: dict[str, Any], **sections: Any) -> AsyncIterator[tuple[Relay, str]]:
    async with running(make_config(arguments, **sections), Log()) as relay:
        yield relay, to_url(relay)


async def read_words(url: str) -> list[str]:
    async with Client(url) as client:
        return [note["id"] for note in await client.fetch({"kinds": [1]}) if note["content"] == WORDS]


async def is_contested(arguments: dict[str, Any], table: str = "notes") -> list[bool]:
    connection = await asyncpg.connect(**arguments)
    try:
        rows = await connection.fetch(f"SELECT is_contested FROM {table} WHERE content_key IS NOT NULL")
        return [row["is_contested"] for row in rows]
    finally:
        await connection.close()


@pytest.mark.parametrize("names", ORDERS.values(), ids=ORDERS)
async def test_one_after_another(database18: dict[str, Any], names: Sequence[str]) -> None:
    events = make_events(AGES_S[0])
    async with relay_on(database18) as url, Client(url) as client:
        answers = {name: await client.publish(events[name]) for name in names}
        assert answers["words"] in (STORED, SAID)
        assert len(await read_words(url)) == 1
        # Nor can the author take them back once somebody else has posted them, or the stranger with one more request.
        await client.publish_all(delete(STRANGER, events["copy"], events["words"]))
        assert len(await read_words(url)) == 1


@pytest.mark.parametrize("names", ORDERS.values(), ids=ORDERS)
async def test_on_two_relays_of_one_database(database18: dict[str, Any], names: Sequence[str]) -> None:
    events = make_events(AGES_S[0])
    async with relay_on(database18) as one, relay_on(database18) as other:
        answers = {}
        for url, name in zip((one, other, one), names, strict=True):
            async with Client(url) as client:
                answers[name] = await client.publish(events[name])
        assert answers["words"] in (STORED, SAID)

        async def is_one_on_both() -> bool:
            return len(await read_words(one)) == len(await read_words(other)) == 1

        # What the other relay has stored is found within a second (docs/operating.md).
        await until(is_one_on_both)


@pytest.mark.parametrize("published", [(), (0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("names", ORDERS.values(), ids=ORDERS)
async def test_while_notes_wait_for_the_next_batch(
    database18: dict[str, Any], names: Sequence[str], published: Sequence[int]
) -> None:
    events = make_events(AGES_S[0])
    async with relay_of(database18, privacy=BATCHES) as (relay, url), Client(url) as client:
        answers = {}
        for place, name in enumerate(names):
            answers[name] = await client.publish(events[name])
            if place in published:
                await relay.publisher.publish(unix_now())
        assert answers["words"] in (HELD, SAID)
        await relay.publisher.publish(unix_now())
        assert len(await read_words(url)) == 1
        await client.publish(delete(STRANGER, events["copy"]))
        assert len(await read_words(url)) == 1


@pytest.mark.parametrize("age_s", AGES_S)
@pytest.mark.parametrize("is_held", [False, True], ids=["at once", "held"])
@pytest.mark.parametrize("earlier", ["nothing", "copy", "words"])
async def test_in_one_transaction(database18: dict[str, Any], earlier: str, is_held: bool, age_s: int) -> None:
    events = make_events(age_s)
    async with relay_of(database18, privacy={"publish_every_s": 3_600 * is_held}) as (relay, url):
        notes = {name: to_verified(event, is_held=is_held) for name, event in events.items()}
        if earlier in notes:
            assert (await relay._writer.save(notes.pop(earlier))).accepted
        await asyncio.gather(*(relay._writer.save(note) for note in notes.values()))
        await relay.publisher.publish(unix_now())
        assert len(await read_words(url)) == 1
        # Of what waits, a deletion that came meanwhile takes its own note, and nothing is left to be contested.
        assert await is_contested(database18) in ([True], [not is_held])


async def test_contested_words_lie_among_their_batch_in_the_order_of_ids(database18: dict[str, Any]) -> None:
    events = make_events(0)
    others = [sign_again(signed := make_words_note(str(number)), AUTHOR, signed.tags) for number in range(20)]
    notes = [to_verified(event, is_held=False) for event in (*others, events["copy"], events["words"])]
    async with relay_of(database18) as (relay, _):
        connection = await asyncpg.connect(**database18)
        # With nothing but notes of this batch, a note that was marked afterwards would lie behind all others.
        await asyncio.gather(*(relay._writer.save(note) for note in notes))
        lie = [row["id"] for row in await connection.fetch("SELECT id FROM notes ORDER BY ctid")]
        assert len(lie) == 21
        assert lie == sorted(lie)
        await connection.close()


async def test_a_deletion_that_meets_contested_words_removes_all_else_and_says_what_stays(
    database: dict[str, Any],
) -> None:
    events = make_events(0)
    other = sign_again(signed := make_words_note("other words"), STRANGER, signed.tags)
    request = delete(STRANGER, events["copy"], other)
    async with relay_on(database) as url, Client(url) as client, Client(url) as reader:
        await client.publish_all(events["copy"], other)
        assert await client.publish(events["words"]) == SAID
        await reader.follow(kinds=[5])
        assert await client.publish(request) == ONE_STAYS
        assert await client.publish(request) == (True, "duplicate: already have this event")
        assert await reader.next("EVENT") == ["live", as_json(request)]
        assert await client.fetch({"kinds": [1]}) == [as_json(events["copy"])]
        assert await client.fetch({"kinds": [5]}) == [as_json(request)]


async def test_a_deletion_of_a_copy_that_waits_says_nothing_of_others_and_takes_nothing_else(
    database18: dict[str, Any],
) -> None:
    events = make_events(0)
    other = sign_again(signed := make_words_note("other words"), STRANGER, signed.tags)
    async with relay_of(database18, privacy=BATCHES) as (relay, url), Client(url) as client:
        for event in (events["copy"], other, events["words"]):
            assert await client.publish(event) == HELD
        assert await client.publish(delete(STRANGER, events["copy"], other)) == STORED
        await relay.publisher.publish(unix_now())
        assert await client.fetch({"kinds": [1]}) == [as_json(events["words"])]


async def test_an_author_whose_words_another_posted_cannot_take_them_back(database18: dict[str, Any]) -> None:
    events = make_events(0)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(events["words"])
        assert await client.publish(events["copy"]) == SAID
        assert await client.publish(delete(AUTHOR, events["words"])) == ONE_STAYS
        assert await read_words(url) == [events["words"].id]


async def test_words_that_one_key_posts_twice_are_still_its_own(database18: dict[str, Any]) -> None:
    words = make_events(0)["words"]
    again = sign_again(words, AUTHOR, words.tags, words.created_at - 9)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(words)
        assert await client.publish(again) == SAID
        assert await client.publish(delete(AUTHOR, words)) == STORED
        assert await read_words(url) == []


async def test_of_words_that_one_key_posts_twice_and_that_wait_it_can_delete_one_and_both(
    database18: dict[str, Any],
) -> None:
    words = make_events(0)["words"]
    again = sign_again(words, AUTHOR, words.tags, words.created_at - 9)
    async with relay_of(database18, privacy=BATCHES) as (relay, url), Client(url) as client:
        for event in (words, again):
            assert await client.publish(event) == HELD
        assert await client.publish(delete(AUTHOR, words)) == STORED
        await relay.publisher.publish(unix_now())
        assert await read_words(url) == [again.id]
        assert await client.publish(delete(AUTHOR, again)) == STORED
        assert await read_words(url) == []


async def test_of_one_key_in_one_transaction_nothing_is_contested(database18: dict[str, Any]) -> None:
    words = make_events(0)["words"]
    again = sign_again(words, AUTHOR, words.tags, words.created_at - 9)
    async with relay_of(database18) as (relay, _):
        await asyncio.gather(*(relay._writer.save(to_verified(event, is_held=False)) for event in (words, again)))
        assert await is_contested(database18) == [False]


async def test_words_that_wait_on_one_relay_and_are_stored_by_another_stay(database18: dict[str, Any]) -> None:
    events = make_events(0)
    async with (
        relay_of(database18, privacy=BATCHES) as (waiting, waiting_url),
        relay_on(database18) as url,
        Client(waiting_url) as author,
        Client(url) as stranger,
    ):
        assert await author.publish(events["words"]) == HELD
        # What waits stands in the way of nothing here; the batch then meets the copy.
        assert await stranger.publish(events["copy"]) == STORED
        await waiting.publisher.publish(unix_now())
        assert await stranger.publish(events["deletion"]) == ONE_STAYS
        assert await read_words(url) == [events["copy"].id]


async def test_copies_that_wait_and_meet_a_note_of_one_of_their_keys_contest_it(
    database18: dict[str, Any],
) -> None:
    events = make_events(0)
    again = sign_again(events["copy"], STRANGER, events["copy"].tags, events["copy"].created_at - 9)
    async with (
        relay_of(database18, privacy=BATCHES) as (waiting, waiting_url),
        relay_on(database18) as url,
        Client(waiting_url) as one,
        Client(url) as other,
    ):
        for event in (events["copy"], events["words"]):
            assert await one.publish(event) == HELD
        await other.publish_all(again)
        await waiting.publisher.publish(unix_now())
        assert await other.publish(delete(STRANGER, again)) == ONE_STAYS
        assert await read_words(url) == [again.id]


async def test_where_no_copy_finds_a_place_none_is_called_a_duplicate(database18: dict[str, Any]) -> None:
    events = make_events(0)
    first = sign_again(signed := make_words_note("first"), AUTHOR, signed.tags)
    async with relay_of(database18, privacy={**BATCHES, "max_held": 1}) as (relay, _):
        await relay._writer.save(to_verified(first, is_held=True))
        saved = await asyncio.gather(
            *(relay._writer.save(to_verified(events[name], is_held=True)) for name in ("copy", "words"))
        )
        assert [result.text.partition(";")[0] for result in saved] == ["error: too many notes wait to be published"] * 2


async def test_a_copy_that_was_paid_for_contests_nothing(database18: dict[str, Any], tmp_path: Path) -> None:
    events = make_events(0)
    async with shop(database18, tmp_path) as sold, Client(sold.url) as root, Client(sold.cheap) as cheap:
        await root.publish_all(events["words"])
        offer = await order(cheap, events["copy"])
        await sold.node.pay(offer.bolt11)
        assert (await cheap.next("OK"))[1:] == [True, ""]
        assert await root.publish(delete(AUTHOR, events["words"])) == STORED
        assert await read_words(sold.cheap) == [events["copy"].id]


async def test_a_deletion_that_was_paid_for_has_bought_what_it_could(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    events = make_events(0)
    # With words of its own it costs what a note costs.
    request = make_event(key=STRANGER, kind=5, content="never mind", tags=(("e", events["copy"].id),))
    async with shop(database18, tmp_path) as sold, Client(sold.url) as root, Client(sold.cheap) as cheap:
        await root.publish_all(events["copy"])
        assert await root.publish(events["words"]) == SAID
        offer = await order(cheap, request)
        await sold.node.pay(offer.bolt11)
        # Whoever waits for a payment hears that the request is published, and not what it did.
        assert await cheap.next("OK") == [request.id, True, ""]
        assert await read_words(sold.url) == [events["copy"].id]
    connection = await asyncpg.connect(**database18)
    assert await connection.fetchval("SELECT count(*) FROM unapplied_payments") == 0
    await connection.close()
