"""Every limit that the info document advertises is enforced: each is crossed here, by one."""

import json
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from relay.limits import InternalLimits
from relay.protocol.event import count_leading_zero_bits
from tests.support.client import Client, publish_many
from tests.support.events import KEYS, make_event, make_ring_note, make_unlucky, make_words_note, pubkey_of, sign_again
from tests.support.raw import connect_silently
from tests.support.relays import describe, make_config, relay_on
from tests.support.time_factor import scaled

FAST = {"events_per_s": 10_000, "reqs_per_s": 10_000}


async def refused(client: Client, event: Any, prefix: str) -> None:
    accepted, text = await client.publish(event)
    assert (accepted, text.partition(":")[0]) == (False, prefix)


async def closed(client: Client, verb: str, *message: Any, prefix: str) -> None:
    await client.send(verb, *message)
    subscription, text = await client.next("CLOSED")
    assert (subscription, text.partition(":")[0]) == (message[0], prefix)


async def cross_max_message_length(url: str, _: Any) -> None:
    async with Client(url) as client:
        frame = '["CLOSE","x"]'
        await client.send_raw(frame + " " * (4096 - len(frame)))
        assert await client.fetch({}) == []
        await client.send_raw(frame + " " * (4097 - len(frame)))
        with pytest.raises(ConnectionClosed) as caught:
            await client.receive()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def cross_max_subscriptions(url: str, _: Any) -> None:
    async with Client(url) as client:
        for name in "ab":
            await client.send("REQ", name, {})
            await client.next("EOSE")
        await closed(client, "REQ", "c", {}, prefix="rate-limited")
        await client.send("REQ", "a", {})
        await client.next("EOSE")
        await client.send("CLOSE", "a")
        await client.send("REQ", "c", {})
        await client.next("EOSE")


async def cross_max_filters(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.send("REQ", "s", {}, {})
        await client.next("EOSE")
        await closed(client, "REQ", "s", {}, {}, {}, prefix="invalid")


async def cross_max_filter_values(url: str, _: Any) -> None:
    async with Client(url) as client:
        # Each list is counted apart.
        await client.send("REQ", "s", {"kinds": [1, 2, 3], "#t": ["a", "b", "c"]})
        await client.next("EOSE")
        for verb in ("REQ", "COUNT"):
            await closed(client, verb, "s", {"kinds": [1, 2, 3], "#t": ["a", "b", "c", "d"]}, prefix="invalid")


async def cross_max_search_terms(url: str, _: Any) -> None:
    async with Client(url) as client:
        assert await client.fetch({"search": "scheme:sag minring:3"}) == []
        await closed(client, "REQ", "s", {"search": "scheme:sag minring:3 form:bound"}, prefix="invalid")


async def cross_max_open_values(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.send("REQ", "a", {"kinds": [1, 2]}, {"#t": ["a"]})
        await client.next("EOSE")
        await client.send("REQ", "b", {"kinds": [1, 2]})
        await client.next("EOSE")
        await closed(client, "REQ", "c", {"kinds": [1]}, prefix="rate-limited")
        # A COUNT opens nothing, and asks for no more than could be open.
        await client.send("COUNT", "c", {"kinds": [1, 2, 3, 4, 5]})
        await client.next("COUNT")
        await closed(client, "COUNT", "c", {"kinds": [1, 2, 3]}, {"#t": ["a", "b", "c"]}, prefix="rate-limited")
        # A replacement counts instead of what it replaces.
        await client.send("REQ", "a", {"kinds": [1, 2, 3]})
        await client.next("EOSE")


async def cross_max_limit(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(*(make_event(created_at=1_000 + number) for number in range(5)))
        assert len(await client.fetch({"limit": 5})) == 4


async def cross_default_limit(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(*(make_event(created_at=1_000 + number) for number in range(4)))
        assert len(await client.fetch({})) == 3


async def cross_max_ties(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(*(make_event(content=str(number), created_at=1_000) for number in range(6)))
        assert len(await client.fetch({"limit": 2})) == 4


async def cross_max_subid_length(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.send("REQ", "x" * 8, {})
        await client.next("EOSE")
        await closed(client, "REQ", "x" * 9, {}, prefix="invalid")


async def cross_max_event_tags(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(make_event(tags=(("t", "x"),) * 3))
        await refused(client, make_event(tags=(("t", "x"),) * 4), "invalid")


async def cross_max_content_length(url: str, _: Any) -> None:
    async with Client(url) as client:
        # Characters, not bytes.
        await client.publish_all(make_event(content="\u00e9" * 50))
        await refused(client, make_event(content="e" * 51), "invalid")


async def cross_created_at_upper_limit(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(make_event(created_at=int(time.time()) + 90))
        await refused(client, make_event(created_at=int(time.time()) + 110), "invalid")


async def cross_created_at_lower_limit(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(make_event(created_at=int(time.time()) - 990))
        await refused(client, make_event(created_at=int(time.time()) - 1010), "invalid")


async def cross_max_count(url: str, _: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(*(make_event(content=f"count {number}") for number in range(6)))
        await client.send("COUNT", "c", {})
        assert await client.next("COUNT") == ["c", {"count": 5, "counted": "notes", "approximate": True}]


async def cross_max_pending_bytes(url: str, _: Any) -> None:
    """Subscribe and stop reading: what is posted fills the buffers until the relay gives the client up."""
    async with connect_silently(url) as deaf:
        await deaf.follow()
        await publish_many(url, 150, 90_000)
        messages, _ = await deaf.read_to_end()
        assert len(messages) < 150


CROSSINGS: dict[str, tuple[Callable[[str, Any], Awaitable[None]], dict[str, Any]]] = {
    "max_message_length": (cross_max_message_length, {"max_message_bytes": 4096}),
    "max_subscriptions": (cross_max_subscriptions, {"max_subscriptions": 2}),
    "max_filters": (cross_max_filters, {"max_filters": 2}),
    "max_filter_values": (cross_max_filter_values, {"max_filter_values": 3}),
    "max_search_terms": (cross_max_search_terms, {"max_search_terms": 2}),
    "max_open_values": (cross_max_open_values, {"max_open_values": 5}),
    "max_limit": (cross_max_limit, {"max_limit": 4, "default_limit": 3}),
    "default_limit": (cross_default_limit, {"default_limit": 3}),
    "max_ties": (cross_max_ties, {"max_ties": 2}),
    "max_subid_length": (cross_max_subid_length, {"max_subscription_id_chars": 8}),
    "max_event_tags": (cross_max_event_tags, {"max_tags": 3}),
    "max_content_length": (cross_max_content_length, {"max_content_chars": 50}),
    "created_at_upper_limit": (cross_created_at_upper_limit, {"max_ahead_s": 100}),
    "created_at_lower_limit": (cross_created_at_lower_limit, {"max_age_s": 1000}),
    "max_count": (cross_max_count, {"max_count": 5}),
    # As fast as it comes: how fast a client is read is another limit.
    "max_pending_bytes": (cross_max_pending_bytes, {"max_pending_bytes": 65_536, "read_bytes_per_s": 1e9}),
}
# These have a test of their own below or elsewhere, or are statements and no limits.
ELSEWHERE = {
    "max_filter_letters": "tests/integration/test_read.py",
    "max_bytes_per_second": "test_a_client_that_sends_too_much_is_read_more_slowly",
    "max_ring_links_per_second": "test_ring_links_beyond_the_burst_are_rate_limited",
    "max_rows_per_second": "test_rows_beyond_the_burst_are_rate_limited",
    "pow_free_rows": "test_a_note_of_many_rows_needs_proof_of_work",
    "pow_hashes_per_row": "test_a_note_of_many_rows_needs_proof_of_work",
    "max_queries_running": "test_one_connection_leaves_room_for_the_queries_of_others",
    "max_events_per_second": "test_events_beyond_the_burst_are_rate_limited",
    "max_reqs_per_second": "test_reqs_and_counts_beyond_the_burst_are_rate_limited",
    "burst_factor": "test_events_beyond_the_burst_are_rate_limited",
    "max_events_in_flight": "test_a_client_with_its_share_of_events_in_flight_is_not_read_from",
    "max_connections": "test_a_connection_beyond_the_maximum_is_refused",
    "max_connections_per_network": "tests/unit/test_network_bucket.py",
    "max_page_reads_per_minute": "tests/integration/test_kept_pages.py",
    "query_timeout_s": "tests/integration/test_read.py",
    "request_timeout_s": "tests/integration/test_front_door.py",
    "idle_timeout_s": "test_an_idle_connection_is_closed_with_a_notice",
    "min_pow_difficulty": "tests/integration/test_publish.py",
    "restricted_writes": "tests/integration/test_publish.py",
    "auth_required": "a statement",
    "payment_required": "a statement",
}


def test_every_advertised_limit_is_crossed_by_a_test(database18: dict[str, Any]) -> None:
    advertised = describe(make_config(database18, limits={"max_age_s": 1}))["limitation"]
    assert set(advertised) == CROSSINGS.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("name", CROSSINGS)
async def test_an_advertised_limit_is_enforced(database18: dict[str, Any], name: str) -> None:
    cross, limits = CROSSINGS[name]
    async with relay_on(database18, accept={"plain": True}, limits={**FAST, **limits}) as url:
        await cross(url, limits)


async def test_events_beyond_the_burst_are_rate_limited(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"events_per_s": 0.01, "burst_factor": 300}) as url, Client(url) as client:
        await client.publish_all(*(make_event(kind=0, created_at=1000 + number) for number in range(3)))
        await refused(client, make_event(kind=0), "rate-limited")


async def test_reqs_and_counts_beyond_the_burst_are_rate_limited(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"reqs_per_s": 0.01, "burst_factor": 200}) as url, Client(url) as client:
        assert await client.fetch({}) == []
        await client.send("COUNT", "c", {})
        await client.next("COUNT")
        await closed(client, "REQ", "s", {}, prefix="rate-limited")
        await closed(client, "COUNT", "s", {}, prefix="rate-limited")


async def test_ring_links_beyond_the_burst_are_rate_limited(database18: dict[str, Any]) -> None:
    limits = {"ring_links_per_s": 0.01, "burst_factor": 1000}
    async with relay_on(database18, limits={**FAST, **limits}) as url, Client(url) as client:
        await client.publish_all(make_ring_note(ring_size=5), make_ring_note(ring_size=5))
        await refused(client, make_ring_note(ring_size=5), "rate-limited")
        # Notes without a ring cost no links.
        await client.publish_all(make_event(kind=0))


async def test_rows_beyond_the_burst_are_rate_limited(database18: dict[str, Any]) -> None:
    limits = {"rows_per_s": 0.01, "burst_factor": 1000}
    tagged = [make_event(content=str(n), tags=tuple(("t", str(tag)) for tag in range(5))) for n in range(3)]
    async with relay_on(database18, accept={"plain": True}, limits={**FAST, **limits}) as url, Client(url) as client:
        await client.publish_all(*tagged[:2])
        await refused(client, tagged[2], "rate-limited")
        # A note without tags costs none, nor does a tag that no filter can ask for.
        await client.publish_all(make_event(content="none", tags=(("subject", "x"),)))


async def test_a_note_of_many_rows_needs_proof_of_work(database18: dict[str, Any]) -> None:
    limits = {"pow_free_rows": 8, "pow_hashes_per_row": 16}
    tags = tuple(("e", f"{n:064x}") for n in range(9))
    async with relay_on(database18, accept={"plain": True}, limits={**FAST, **limits}) as url, Client(url) as client:
        await client.publish_all(make_event(tags=tags[:8]), make_event(kind=5, tags=tags[:4]))
        await refused(client, make_unlucky(tags=tags), "pow")
        # What a deletion names is looked up, too.
        await refused(client, make_unlucky(kind=5, tags=tags[:5]), "pow")
        mined = (make_event(content=str(number), tags=tags) for number in count())
        await client.publish_all(next(event for event in mined if count_leading_zero_bits(event.id) >= 7))


async def test_a_client_that_sends_too_much_is_read_more_slowly(database18: dict[str, Any]) -> None:
    limits = {"read_bytes_per_s": 20_000, "burst_factor": 1}
    async with relay_on(database18, limits={**FAST, **limits}) as url, Client(url) as client:
        started_s = time.monotonic()
        for _ in range(4):
            await client.send_raw('["CLOSE","x"]' + " " * 10_000)
        assert await client.fetch({}) == []
        # 40,000 bytes at 20,000 a second, of which a second's worth is free.
        assert time.monotonic() - started_s > 0.9


async def test_one_connection_leaves_room_for_the_queries_of_others(database18: dict[str, Any]) -> None:
    settings: dict[str, Any] = {
        "limits": {**FAST, "max_queries_running": 1, "query_timeout_s": 30},
        "database": {"pool_size": 2},
    }
    blocker = await asyncpg.connect(**database18)
    async with relay_on(database18, **settings) as url, Client(url) as greedy, Client(url) as other:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE")
            for number in range(10):
                await greedy.send("REQ", f"r{number}", {"#t": ["x"]})
                await greedy.send("COUNT", f"c{number}", {"#t": ["x"]})
            assert await other.fetch({"kinds": [1]}) == []
        for _ in range(20):
            assert (await greedy.receive())[0] in ("EOSE", "COUNT")
    await blocker.close()


async def test_a_client_with_its_share_of_events_in_flight_is_not_read_from(database18: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"accept": {"plain": True}, "limits": {**FAST, "max_events_in_flight": 2}}
    events = [make_event(content=str(number)) for number in range(3)]
    blocker = await asyncpg.connect(**database18)
    async with relay_on(database18, **settings) as url, Client(url) as client, Client(url) as other:
        async with blocker.transaction():
            # The writer waits for this lock, so events stay in flight.
            await blocker.execute("LOCK TABLE notes IN SHARE MODE")
            for event in events:
                await client.send("EVENT", event)
            await client.send("REQ", "s", {})
            assert await other.fetch({}) == []
        # First an OK: until then neither the third event nor the REQ was read.
        answers = [await client.receive()]
        assert answers[0] in [["OK", event.id, True, ""] for event in events[:2]]
        while sorted(message[0] for message in answers if message[0] != "EVENT") != ["EOSE", "OK", "OK", "OK"]:
            answers.append(await client.receive())
        assert ["OK", events[2].id, True, ""] in answers
    await blocker.close()


async def test_a_connection_beyond_the_maximum_is_refused(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"max_connections": 2}) as url:
        async with Client(url), Client(url) as second:
            with pytest.raises(InvalidStatus) as caught:
                async with Client(url):
                    pass
            assert caught.value.response.status_code == 503
            assert await second.fetch({}) == []
        async with Client(url) as third:
            assert await third.fetch({}) == []


async def test_an_idle_connection_is_closed_with_a_notice(database18: dict[str, Any]) -> None:
    async with (
        relay_on(
            database18, internal=InternalLimits(check_idle_every_s=0.05), limits={"idle_timeout_s": scaled(1.0)}
        ) as url,
        Client(url) as idle,
        Client(url) as busy,
    ):
        await busy.send("REQ", "s", {"limit": 0})
        await busy.next("EOSE")
        (text,) = await idle.next("NOTICE")
        assert text.startswith("closed:")
        with pytest.raises(ConnectionClosed):
            await idle.receive()
        await busy.send("COUNT", "c", {})
        assert await busy.next("COUNT") == ["c", {"count": 0, "counted": "notes"}]


async def test_rings_and_kinds_that_are_advertised_are_those_that_are_accepted(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {
        "ring": {"min_size": 3, "min_size_linkable": 4, "max_size": 4},
        "accept": {"plain_kinds": [0]},
    }
    info = describe(make_config(database18, **sections))["ring_notes"]
    async with relay_on(database18, **sections) as url, Client(url) as client:
        await client.publish_all(make_ring_note(ring_size=info["max_ring_size"]), make_event(kind=0))
        assert (await client.publish(make_ring_note(ring_size=5, signer=1)))[0] is False
        assert (await client.publish(make_ring_note(ring_size=2, signer=1)))[0] is False
        await client.publish_all(
            make_ring_note(ring_size=info["min_ring_size"]),
            make_ring_note(ring_size=info["min_ring_size_linkable"], scope="s"),
        )
        assert (await client.publish(make_ring_note(ring_size=3, scope="s")))[0] is False
        assert info["plain_kinds"] == [0]
        assert (await client.publish(make_event(kind=10002)))[0] is False
        for kind in info["refused_kinds"]:
            assert (await client.publish(make_ring_note(kind=kind)))[0] is False
        assert json.dumps(info)
        assert pubkey_of(KEYS[0])


async def test_rings_of_the_other_forms_have_a_cap_of_their_own(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"ring": {"min_size": 3, "max_size_message_forms": 4}}
    info = describe(make_config(database18, **sections))["ring_notes"]
    async with relay_on(database18, **sections) as url, Client(url) as client:
        await client.publish_all(
            make_words_note(ring_size=info["max_ring_size_message_forms"]), make_ring_note(ring_size=5)
        )
        refused = await client.publish(make_words_note(ring_size=5))
        assert refused == (False, "blocked: rings have at most 4 members in this form; sign with a smaller one")


OLD = (
    "invalid: created_at is more than 3600 seconds in the past: in this form the ring did not sign it, so sign the event "
    "again with a later one"
)


async def test_notes_of_the_other_forms_have_an_age_of_their_own_that_no_work_makes_up_for(
    database18: dict[str, Any],
) -> None:
    sections: dict[str, Any] = {"ring": {"max_age_message_forms_s": 3600}, "tiers": [{"path": "/", "pow_bits": 20}]}
    assert describe(make_config(database18, **sections))["ring_notes"]["max_age_message_forms_s"] == 3600
    words = make_words_note()
    async with relay_on(database18, **sections) as url, Client(url) as client:
        # Nobody is asked to mine for a note that is refused afterwards.
        assert await client.publish(sign_again(words, KEYS[60], words.tags, int(time.time()) - 3700)) == (False, OLD)
        for event in (words, make_ring_note(created_at=1)):
            assert (await client.publish(event))[1].startswith("pow: 20 bits")


async def test_a_note_that_is_expensive_to_verify_needs_proof_of_work_in_proportion(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"ring": {"pow_free_links": 8, "pow_hashes_per_link": 16}}
    info = describe(make_config(database18, **sections))["ring_notes"]
    expensive = info["pow_free_links"] + 1
    async with relay_on(database18, **sections) as url, Client(url) as client:
        await client.publish_all(make_ring_note(ring_size=expensive - 1))
        # 9 links of 16 hashes are 144, and 2^7 = 128 is the most whole bits in them; three times the links make 8.
        text = "pow: 7 bits of proof of work are needed for this note (NIP-13); mine a nonce"
        assert await client.publish(make_unlucky(ring_size=expensive)) == (False, text)
        assert await client.publish(make_unlucky(ring_size=expensive, scope="s")) == (False, text.replace("7", "8"))
        await client.publish_all(make_ring_note(ring_size=expensive, pow_bits=7))
        await client.publish_all(make_ring_note(ring_size=expensive, scope="s", pow_bits=8))


async def test_a_member_may_post_for_a_ring_where_the_operator_lets_them(database18: dict[str, Any]) -> None:
    signed = make_words_note()
    member = make_event(key=KEYS[3], content=signed.content, tags=signed.tags)
    text = "blocked: the note's own pubkey is a member of its ring; use a throwaway key"
    async with relay_on(database18) as url, Client(url) as client:
        assert await client.publish(member) == (False, text)
    async with relay_on(database18, ring={"allow_author_in_ring": True}) as url, Client(url) as client:
        await client.publish_all(member)
