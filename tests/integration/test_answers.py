"""Answers of ring members (kinds 7 and 1018): one a member for good, from the ring the target names, counted by member."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from relay.limits import InternalLimits
from relay.protocol.event import Event
from relay.storage.insert import insert_batch
from relay.storage.row import SaveResult
from relay.verify.ring_equations import to_ring_id
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, to_ring_note
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.waiting import until

POLL = make_ring_note("which?", ring_size=5, kind=1068)
# A target that names no ring is a plain one here: our own ring notes all name theirs.
OPEN = make_event(content="anyone?")
ANSWERED = "duplicate: this ring member has already answered"
OTHER_RING = "blocked: only members of the ring that the target names"


def make_answer(target: str, *, kind: int = 1018, **options: Any) -> Event:
    """Make the answer of one ring member, 2 unless `signer` is given."""
    tags = options.pop("tags", (("e", target),))
    return make_ring_note(options.pop("content", ""), kind=kind, scope=f"{kind}:{target}", tags=tags, **options)


async def count(client: Client, counted: str = "members", /, **filter_: Any) -> dict[str, Any]:
    """Return the reply to a COUNT but for what it counted, which is checked."""
    await client.send("COUNT", "c", filter_)
    reply: dict[str, Any] = (await client.next("COUNT"))[1]
    assert reply.pop("counted") == counted
    return reply


async def refused(client: Client, note: Event, text: str) -> None:
    accepted, said = await client.publish(note)
    assert (accepted, said[: len(text)]) == (False, text)


@pytest.mark.parametrize("kind", [7, 1018])
async def test_a_member_answers_once_and_may_answer_another_target_and_in_another_way(
    database: dict[str, Any], kind: int
) -> None:
    other = 1025 - kind
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(POLL, make_answer(POLL.id, kind=kind))
        # Another throwaway key, other words, another time: the key image is the same.
        await refused(client, make_answer(POLL.id, kind=kind, content="-", created_at=1000), ANSWERED)
        await client.publish_all(make_answer("ab" * 32, kind=kind), make_answer(POLL.id, kind=other))
        await client.publish_all(make_answer(POLL.id, kind=kind, signer=3))
        assert await count(client, kinds=[kind], **{"#e": [POLL.id]}) == {"count": 2}


async def test_an_answer_that_is_sent_again_is_known_and_not_refused(database18: dict[str, Any]) -> None:
    answer = make_answer(OPEN.id)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(answer)
        assert await client.publish(answer) == (True, "duplicate: already have this event")


async def test_a_larger_ring_gives_no_member_a_second_answer(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(make_answer(OPEN.id, ring_size=5))
        await refused(client, make_answer(OPEN.id, ring_size=6), ANSWERED)


async def test_whoever_deletes_an_answer_withdraws_it_and_cannot_give_another(database: dict[str, Any]) -> None:
    answer = make_answer(POLL.id, author=KEYS[30])
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(POLL, answer, make_event(key=KEYS[30], kind=5, tags=(("e", answer.id),)))
        assert await count(client, kinds=[1018], **{"#e": [POLL.id]}) == {"count": 0}
        await refused(client, make_answer(POLL.id), ANSWERED)
        # Nor does the table of answers keep which note it was.
        connection = await asyncpg.connect(**database)
        assert await connection.fetchval("SELECT count(*) FROM answers WHERE note_id IS NULL") == 1
        await connection.close()


async def test_whose_answer_has_expired_cannot_give_another(database: dict[str, Any]) -> None:
    expires_at = int(time.time()) + 2
    answer = make_answer(POLL.id, tags=(("e", POLL.id), ("expiration", str(expires_at))))
    async with relay_on(database, internal=InternalLimits(delete_expired_every_s=0.05)) as url, Client(url) as client:
        await client.publish_all(POLL, answer)
        connection = await asyncpg.connect(**database)

        async def is_gone() -> bool:
            return not await connection.fetchval("SELECT count(*) FROM notes WHERE kind = 1018")

        await until(is_gone)
        await connection.close()
        await refused(client, make_answer(POLL.id), ANSWERED)
        assert await count(client, kinds=[1018], **{"#e": [POLL.id]}) == {"count": 0}


async def test_answers_from_another_ring_than_the_target_names_are_refused(database: dict[str, Any]) -> None:
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(POLL)
        await refused(client, make_answer(POLL.id, ring_size=6, signer=5), OTHER_RING)
        await client.publish_all(make_answer(POLL.id))
        assert await count(client, kinds=[1018], **{"#e": [POLL.id]}) == {"count": 1}


async def test_a_plain_target_names_the_rings_that_may_answer_where_plain_notes_are_accepted(
    database18: dict[str, Any],
) -> None:
    names = (("R", "some words"), ("R", to_ring_id(make_ring(5))), ("R", to_ring_id(make_ring(7))))
    target = make_event(tags=names)
    # An R that is no ring id names no ring.
    careless = make_event(tags=names[:1])
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(target, careless)
        await client.publish_all(make_answer(target.id, ring_size=7), make_answer(target.id, ring_size=5, signer=4))
        await refused(client, make_answer(target.id, ring_size=6, signer=5), OTHER_RING)
        assert await count(client, kinds=[1018], **{"#e": [target.id]}) == {"count": 2}
        await client.publish_all(make_answer(careless.id, ring_size=6))


async def test_answers_that_came_before_their_target_are_counted_by_what_it_names(database: dict[str, Any]) -> None:
    ours, theirs = make_answer(POLL.id), make_answer(POLL.id, ring_size=6, signer=5)
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(ours, theirs)
        by_ring = {to_ring_id(make_ring(5)): 1, to_ring_id(make_ring(6)): 1}
        assert await count(client, kinds=[1018], **{"#e": [POLL.id]}) == {"count": 2, "rings": by_ring}
        await client.publish_all(POLL)
        assert await count(client, kinds=[1018], **{"#e": [POLL.id]}) == {"count": 1}


async def test_answers_are_counted_by_ring_where_no_ring_is_named_so_that_made_up_keys_add_nothing_to_a_true_one(
    database: dict[str, Any],
) -> None:
    five, six = to_ring_id(make_ring(5)), to_ring_id(make_ring(6))
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(*(make_answer(OPEN.id, signer=signer) for signer in range(3)))
        await client.publish_all(*(make_answer(OPEN.id, ring_size=6, signer=signer) for signer in range(3, 6)))
        asked: dict[str, Any] = {"kinds": [1018], "#e": [OPEN.id]}
        assert await count(client, **asked) == {"count": 6, "rings": {five: 3, six: 3}}
        # k of n: so many distinct members of the ring that whoever asks has fixed.
        assert await count(client, **asked, search=f"ringid:{five}") == {"count": 3, "rings": {five: 3}}
        assert await count(client, kinds=[1018], **{"#e": ["ab" * 32]}) == {"count": 0, "rings": {}}


async def test_a_count_lists_the_largest_rings_and_any_that_is_asked_for(database18: dict[str, Any]) -> None:
    five, six = to_ring_id(make_ring(5)), to_ring_id(make_ring(6))
    answers = [make_answer(OPEN.id), *(make_answer(OPEN.id, ring_size=6, signer=signer) for signer in (4, 5))]
    asked: dict[str, Any] = {"kinds": [1018], "#e": [OPEN.id]}
    async with relay_on(database18, internal=InternalLimits(max_rings_counted=1)) as url, Client(url) as client:
        await client.publish_all(*answers)
        assert await count(client, **asked) == {"count": 3, "rings": {six: 2}}
        assert await count(client, **asked, search=f"ringid:{five}") == {"count": 1, "rings": {five: 1}}


async def test_an_answer_count_above_the_maximum_is_approximate(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"max_count": 2}) as url, Client(url) as client:
        await client.publish_all(POLL, *(make_answer(POLL.id, signer=signer) for signer in range(3)))
        assert await count(client, kinds=[1018], **{"#e": [POLL.id]}) == {"count": 2, "approximate": True}


async def test_a_reaction_that_is_no_answer_is_stored_and_not_counted(database: dict[str, Any]) -> None:
    target = ("e", POLL.id)
    unlinkable = make_ring_note("+", kind=7, tags=(target,))
    other_scope = make_ring_note("+", kind=7, tags=(target,), scope="mine")
    two_targets = make_answer(POLL.id, kind=7, tags=(target, ("e", "ab" * 32)))
    same_twice = make_answer(POLL.id, kind=7, tags=(target, target))
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(POLL, unlinkable, other_scope, two_targets, same_twice)
        assert await count(client, kinds=[7], **{"#e": [POLL.id]}) == {"count": 0}
        # They take nobody's place.
        await client.publish_all(make_answer(POLL.id, kind=7))
        assert await count(client, kinds=[7], **{"#e": [POLL.id]}) == {"count": 1}
        assert len(await client.fetch({"kinds": [7], "#e": [POLL.id]})) == 5


async def test_plain_reactions_are_counted_beside_the_answers_where_plain_notes_are_accepted(
    database18: dict[str, Any],
) -> None:
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*(make_event(kind=7, key=KEYS[n], tags=(("e", OPEN.id),)) for n in (10, 11)))
        await client.publish_all(make_answer(OPEN.id, kind=7))
        rings = {to_ring_id(make_ring(5)): 1}
        # Of plain ones anybody can make any number.
        assert await count(client, "notes", kinds=[7], **{"#e": [OPEN.id]}) == {"count": 3, "rings": rings}
        assert await count(client, kinds=[7], **{"#e": [OPEN.id]}, search="form:bound") == {"count": 1, "rings": rings}


async def test_a_count_that_asks_for_no_answers_says_that_it_counted_notes(database18: dict[str, Any]) -> None:
    reply = make_ring_note("neither", tags=(("e", POLL.id),))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(POLL, reply, make_answer(POLL.id), make_answer(POLL.id, kind=7))
        # A client that wants to know what a note has set off names no kind.
        assert await count(client, "notes", **{"#e": [POLL.id]}) == {"count": 3}
        assert await count(client, "notes", kinds=[1], **{"#e": [POLL.id]}) == {"count": 1}
        assert await count(client, "notes", kinds=[7, 1018]) == {"count": 2}
        assert await count(client, "notes", kinds=[7, 1018], **{"#e": []}) == {"count": 0}


@pytest.mark.parametrize(
    "filters",
    [
        [{"kinds": [7, 1018], "#e": [POLL.id]}],
        [{"kinds": [1, 7], "#e": [POLL.id]}],
        [{"kinds": [1018], "#e": [POLL.id, OPEN.id]}],
        [{"kinds": [7], "#e": [POLL.id]}, {"kinds": [1], "#e": [POLL.id]}],
        [{"authors": ["ab" * 32]}, {"kinds": [1018], "#e": [POLL.id]}],
    ],
    ids=["both kinds", "another kind", "two targets", "a filter for replies", "a filter for something else"],
)
async def test_a_count_that_would_take_answers_for_notes_is_refused_where_a_req_gives_them(
    database18: dict[str, Any], filters: list[dict[str, Any]]
) -> None:
    # Two notes of one member, who has one answer: the second is none, and would be counted.
    answer, stuffing = make_answer(POLL.id, kind=7), make_ring_note("+", kind=7, tags=(("e", POLL.id),), scope="mine")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(POLL, answer, stuffing, make_answer(POLL.id))
        await client.send("COUNT", "c", *filters)
        assert await client.next("CLOSED") == [
            "c",
            "unsupported: answers (kinds 7 and 1018) to an #e are counted by ring member: "
            "ask with one filter, for one of these kinds alone and one #e",
        ]
        assert await client.fetch(*filters)
        assert await count(client, kinds=[7], **{"#e": [POLL.id]}) == {"count": 1}


@pytest.mark.parametrize("kind", [7, 1018])
async def test_plain_notes_add_nothing_to_the_answers_of_a_ring_that_the_target_names(
    database18: dict[str, Any], kind: int
) -> None:
    stuffing = [make_event(kind=kind, key=KEYS[n], tags=(("e", POLL.id),)) for n in (10, 11)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(POLL, *stuffing)
        assert await count(client, kinds=[kind], **{"#e": [POLL.id]}) == {"count": 0}
        await client.publish_all(make_answer(POLL.id, kind=kind))
        assert await count(client, kinds=[kind], **{"#e": [POLL.id]}) == {"count": 1}


@pytest.mark.parametrize(
    "note",
    [
        make_ring_note("", kind=1018, tags=(("e", POLL.id),)),
        make_ring_note("", kind=1018, tags=(("e", POLL.id),), scope=f"7:{POLL.id}"),
        make_ring_note("", kind=1018, tags=(("e", POLL.id), ("e", OPEN.id)), scope=f"1018:{POLL.id}"),
        make_ring_note("", kind=1018, scope=f"1018:{POLL.id}"),
        make_ring_note("", kind=1018, tags=(("e", "poll"),), scope="1018:poll"),
    ],
    ids=["unlinkable", "another scope", "two targets", "no target", "a target that is no id"],
)
async def test_a_ring_signed_poll_response_that_could_be_given_twice_is_refused(
    database18: dict[str, Any], note: Event
) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await refused(client, note, "invalid: a ring-signed poll response must be linkable")


async def test_of_answers_by_one_member_in_one_batch_one_is_stored(database: dict[str, Any]) -> None:
    answers = [make_answer(OPEN.id, content=str(number)) for number in range(4)]
    connection = await asyncpg.connect(**database)
    async with connection.transaction():
        saved = (await insert_batch(connection, [to_ring_note(answer) for answer in answers])).saved
    assert sorted(result.text for result in saved if result) == ["", *[SaveResult.ANSWERED.text] * 3]
    await connection.close()


async def test_a_target_and_an_answer_from_another_ring_in_one_batch_leave_the_target(database: dict[str, Any]) -> None:
    notes = [POLL, make_answer(POLL.id), make_answer(POLL.id, ring_size=6, signer=5)]
    connection = await asyncpg.connect(**database)
    async with connection.transaction():
        saved = (await insert_batch(connection, [to_ring_note(note) for note in notes])).saved
    assert saved == [SaveResult.STORED, SaveResult.STORED, SaveResult.OTHER_RING]
    await connection.close()


async def test_of_answers_by_one_member_sent_to_two_relays_at_once_one_is_accepted(database: dict[str, Any]) -> None:
    async def answer(url: str, content: str) -> bool:
        async with Client(url) as client:
            return (await client.publish(make_answer(OPEN.id, content=content)))[0]

    async with relay_on(database) as first, relay_on(database) as second:
        urls = [first, second] * 4
        accepted = await asyncio.gather(*(answer(url, str(number)) for number, url in enumerate(urls)))
        assert accepted.count(True) == 1
        async with Client(second) as client:
            assert (await count(client, kinds=[1018], **{"#e": [OPEN.id]}))["count"] == 1
