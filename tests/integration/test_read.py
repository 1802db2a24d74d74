"""REQ, COUNT and CLOSE: what is found, in which order, and what comes live (NIP-01, NIP-45)."""

import asyncio
import json
import time
from typing import Any

import asyncpg
import pytest

from tests.support.client import Client, to_json
from tests.support.events import KEYS, make_event, pubkey_of
from tests.support.relays import relay_on
from tests.support.time_factor import scaled
from tests.support.waiting import until_blocked

PLAIN: dict[str, Any] = {"accept": {"plain": True}, "limits": {"events_per_s": 10_000, "reqs_per_s": 10_000}}
ALICE, BOB = KEYS[0], KEYS[1]


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["id"] for event in events]


async def test_results_come_newest_first_and_ties_lowest_id_first(database: dict[str, Any]) -> None:
    events = [make_event(content=str(number), created_at=1000 + number // 3) for number in range(12)]
    async with relay_on(database, **PLAIN) as url, Client(url) as client:
        await client.publish_all(*events)
        expected = [event.id for event in sorted(events, key=lambda event: (-event.created_at, event.id))]
        assert ids(await client.fetch({})) == expected
        # The fifth shares its second with one more.
        assert ids(await client.fetch({"limit": 5})) == expected[:6]


async def test_no_limit_means_the_newest_of_the_default_limit(database18: dict[str, Any]) -> None:
    settings = {**PLAIN, "limits": {**PLAIN["limits"], "default_limit": 3, "max_limit": 4}}
    events = [make_event(created_at=1000 + number) for number in range(6)]
    async with relay_on(database18, **settings) as url, Client(url) as client:
        await client.publish_all(*events)
        assert ids(await client.fetch({})) == [event.id for event in events[:2:-1]]
        # A limit above the maximum is clamped, not refused.
        assert len(await client.fetch({"limit": 5000})) == 4


async def test_since_and_until_are_inclusive_and_zero_is_a_value(database18: dict[str, Any]) -> None:
    events = [make_event(created_at=created_at) for created_at in (0, 1, 2, 3)]
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(*events)
        assert ids(await client.fetch({"since": 1, "until": 2})) == [events[2].id, events[1].id]
        assert ids(await client.fetch({"until": 0})) == [events[0].id]
        assert len(await client.fetch({"since": 0})) == 4


async def test_two_tag_letters_must_both_match(database18: dict[str, Any]) -> None:
    both = make_event(tags=(("t", "x"), ("r", "y")))
    one = make_event(tags=(("t", "x"),))
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(both, one)
        assert ids(await client.fetch({"#t": ["x"], "#r": ["y", "z"]})) == [both.id]
        assert len(await client.fetch({"#t": ["x"]})) == 2


async def test_only_the_first_value_of_a_tag_and_only_single_letters_are_indexed(database18: dict[str, Any]) -> None:
    event = make_event(tags=(("t", "first", "second"), ("tt", "long"), ("T", "upper")))
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(event)
        assert ids(await client.fetch({"#t": ["first"]})) == [event.id]
        assert ids(await client.fetch({"#T": ["upper"]})) == [event.id]
        assert await client.fetch({"#t": ["second"]}) == []


async def test_a_tag_value_longer_than_an_index_entry_is_found(database: dict[str, Any]) -> None:
    event = make_event(tags=(("t", "x" * 20_000),))
    async with relay_on(database, **PLAIN) as url, Client(url) as client:
        await client.publish_all(event)
        assert ids(await client.fetch({"#t": ["x" * 20_000]})) == [event.id]
        assert await client.fetch({"#t": ["x" * 19_999]}) == []


async def test_an_empty_list_matches_nothing(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(make_event())
        for field in ("ids", "authors", "kinds", "#t"):
            assert await client.fetch({field: []}) == []


async def test_an_event_that_matches_two_filters_is_sent_once(database18: dict[str, Any]) -> None:
    event = make_event()
    later = make_event(content="later")
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(event)
        await client.send("REQ", "s", {"ids": [event.id]}, {"kinds": [1]}, {"authors": [event.pubkey]})
        assert ids(await client.read_stored("s")) == [event.id]
        await client.send("EVENT", later)
        assert {(await client.receive())[0], (await client.receive())[0]} == {"EVENT", "OK"}
        await client.send("COUNT", "c", {"ids": [event.id]}, {"kinds": [1]})
        assert await client.next("COUNT") == ["c", {"count": 2, "counted": "notes"}]


async def test_each_filter_has_a_limit_of_its_own(database18: dict[str, Any]) -> None:
    alices = [make_event(key=ALICE, created_at=1000 + number) for number in range(5)]
    bobs = [make_event(key=BOB, created_at=2000 + number) for number in range(5)]
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(*alices, *bobs)
        found = await client.fetch(
            {"authors": [pubkey_of(ALICE)], "limit": 2}, {"authors": [pubkey_of(BOB)], "limit": 3}
        )
        assert ids(found) == [event.id for event in (*bobs[:1:-1], *alices[:2:-1])]


async def test_limit_zero_gets_eose_at_once_and_then_live_events(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(make_event())
        await client.send("REQ", "s", {"limit": 0})
        assert await client.read_stored("s") == []
        live = make_event(content="live")
        await client.send("EVENT", live)
        assert (await client.receive())[0:2] in (["EVENT", "s"], ["OK", live.id])


async def test_more_notes_than_a_page_holds_come_whole_and_in_order(database: dict[str, Any]) -> None:
    small = [make_event(content=str(number), created_at=1000 + number % 7) for number in range(350)]
    large = [make_event(content="x" * 90_000 + str(number), created_at=1003) for number in range(30)]
    async with relay_on(database, **PLAIN) as url, Client(url) as client:
        for event in (*small, *large):
            await client.send("EVENT", event)
        for _ in (*small, *large):
            assert (await client.next("OK"))[1] is True
        expected = sorted((*small, *large), key=lambda event: (-event.created_at, event.id))
        assert ids(await client.fetch({"limit": 1000})) == [event.id for event in expected]
        # Two filters whose results interleave, each over several pages.
        found = ids(await client.fetch({"since": 1003, "limit": 900}, {"until": 1004, "limit": 900}))
        assert found == [event.id for event in expected]


async def test_a_new_subscription_with_the_same_id_replaces_the_old_one(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client, Client(url) as author:
        await client.send("REQ", "s", {"kinds": [1]})
        await client.next("EOSE")
        await client.send("REQ", "s", {"kinds": [7]})
        await client.next("EOSE")
        reaction = make_event(kind=7)
        await author.publish_all(make_event(kind=1), reaction)
        assert (await client.next("EVENT"))[1]["id"] == reaction.id


async def test_after_close_nothing_more_comes(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.send("REQ", "s", {})
        await client.next("EOSE")
        await client.send("CLOSE", "s")
        assert (await client.publish(make_event()))[0]


async def test_events_stored_during_a_req_come_exactly_once(database: dict[str, Any]) -> None:
    """Readers subscribe again and again while a writer posts: nothing is missed and nothing comes twice."""
    events = [make_event(content=str(number), created_at=1000 + number % 5) for number in range(300)]

    async def read(url: str, name: str) -> None:
        async with Client(url) as client:
            await client.send("REQ", name, {"limit": 1000})
            seen: list[str] = []
            while len(seen) < len(events):
                message = await client.receive()
                if message[0] == "EVENT":
                    seen.append(message[2]["id"])
            await client.send("COUNT", "c", {})
            rest = [await client.receive()]
            while rest[-1][0] != "COUNT":
                rest.append(await client.receive())
            assert [message[0] for message in rest] in (["COUNT"], ["EOSE", "COUNT"])
            assert sorted(seen) == sorted(event.id for event in events)

    async def write(url: str) -> None:
        async with Client(url) as client:
            for event in events:
                await client.send("EVENT", event)
            for _ in events:
                assert (await client.next("OK"))[1] is True

    async with relay_on(database, **PLAIN) as url, asyncio.TaskGroup() as group:
        writing = group.create_task(write(url))
        readers = 0
        while not writing.done() and readers < 15:
            readers += 1
            await group.create_task(first_answer(url))
            group.create_task(read(url, f"r{readers}"))


async def first_answer(url: str) -> None:
    async with Client(url) as client:
        await client.fetch({"limit": 1})


async def test_count_gives_distinct_events_over_all_filters(database: dict[str, Any]) -> None:
    events = [make_event(kind=kind, content=str(n), tags=(("t", "a"), ("t", "b"))) for kind in (1, 7) for n in range(3)]
    async with relay_on(database, **PLAIN) as url, Client(url) as client:
        await client.publish_all(*events)
        for filters, count in (
            ([{"kinds": [1]}], 3),
            ([{"#t": ["a", "b"]}], 6),
            ([{"#t": ["a"], "kinds": [7]}, {"ids": [events[0].id]}], 4),
            ([{"authors": ["00" * 32]}], 0),
            ([{"limit": 1}], 6),
        ):
            await client.send("COUNT", "c", *filters)
            assert await client.next("COUNT") == ["c", {"count": count, "counted": "notes"}]


async def test_above_the_maximum_a_count_is_approximate(database18: dict[str, Any]) -> None:
    settings = {**PLAIN, "limits": {**PLAIN["limits"], "max_count": 2}}
    async with relay_on(database18, **settings) as url, Client(url) as client:
        await client.publish_all(*(make_event(content=str(number)) for number in range(3)))
        await client.send("COUNT", "c", {})
        assert await client.next("COUNT") == ["c", {"count": 2, "counted": "notes", "approximate": True}]


async def test_a_query_that_takes_too_long_is_closed_with_the_remedy(database18: dict[str, Any]) -> None:
    settings = {**PLAIN, "limits": {**PLAIN["limits"], "query_timeout_s": 0.3}}
    async with relay_on(database18, **settings) as url, Client(url) as client:
        connection = await asyncpg.connect(**database18)
        async with connection.transaction():
            await connection.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            await client.send("REQ", "s", {})
            subscription, text = await client.next("CLOSED")
            assert (subscription, text.partition(":")[0]) == ("s", "error")
            await client.send("COUNT", "c", {})
            assert (await client.next("CLOSED"))[0] == "c"
        await connection.close()
        # The connection and the relay are as well as before.
        assert await client.fetch({}) == []


async def test_closing_a_subscription_cancels_its_query(database18: dict[str, Any]) -> None:
    settings = {**PLAIN, "limits": {**PLAIN["limits"], "query_timeout_s": 30}, "database": {"pool_size": 1}}
    blocker = await asyncpg.connect(**database18)
    async with relay_on(database18, **settings) as url, Client(url) as client, blocker.transaction():
        await blocker.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
        await client.send("REQ", "s", {})
        await until_blocked(database18, 1)
        await client.send("CLOSE", "s")
        await until_blocked(database18, 0)
        await client.send("REQ", "t", {})
        await until_blocked(database18, 1)
        await client.websocket.close()
        await until_blocked(database18, 0)
    await blocker.close()


@pytest.mark.parametrize(
    ("message", "prefix"),
    [
        (["REQ", "s", {"search": "word"}], "unsupported: full-text search is not available; search by ring:"),
        (["REQ", "s", {"colour": "red"}], "unsupported"),
        (["REQ", "s", {"#tt": ["x"]}], "unsupported"),
        (["COUNT", "s", {"search": "word"}], "unsupported"),
        (["REQ", "s"], "invalid"),
        (["REQ", "s", *[{}] * 11], "invalid"),
        (["REQ", "s", {"ids": ["AB" * 32]}], "invalid"),
        (["REQ", "s", {"ids": ["ab"]}], "invalid"),
        (["REQ", "s", {"#e": ["ab"]}], "invalid"),
        (["REQ", "s", {"#p": ["AB" * 32]}], "invalid"),
        (["REQ", "s", {"authors": "ab"}], "invalid"),
        (["REQ", "s", {"kinds": [True]}], "invalid"),
        (["REQ", "s", {"kinds": [65536]}], "invalid"),
        (["REQ", "s", {"kinds": ["1"]}], "invalid"),
        (["REQ", "s", {"since": -1}], "invalid"),
        (["REQ", "s", {"since": 1.5}], "invalid"),
        (["REQ", "s", {"until": None}], "invalid"),
        (["REQ", "s", {"limit": -1}], "invalid"),
        (["REQ", "s", {"#t": [1]}], "invalid"),
        (["REQ", "s", ["not a filter"]], "invalid"),
        (["REQ", "s", {"kinds": [1] * 2001}], "invalid"),
        (["REQ", "s", {"#a": [], "#b": [], "#c": [], "#d": [], "#f": [], "#g": []}], "invalid"),
    ],
)
async def test_a_refused_query_gets_closed_with_its_id_and_a_prefix(
    database18: dict[str, Any], message: list[Any], prefix: str
) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.send(*message)
        subscription, text = await client.next("CLOSED")
        assert subscription == "s"
        assert text.startswith(prefix)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "{}",
        "[]",
        "[1]",
        '["WHAT"]',
        '["REQ"]',
        '["REQ",1,{}]',
        '["CLOSE"]',
        '["CLOSE",null]',
        '["EVENT"]',
        '["EVENT",{}]',
        '["EVENT",{"id":1}]',
        '["EVENT","s",{}]',
        '["NEG-OPEN"]',
        '["NEG-MSG",1,""]',
        '["EVENT",[]]',
        "[" * 100_000,
        b"\x00\x01",
        b'["REQ","s",{}]',
    ],
)
async def test_a_frame_that_is_no_message_gets_a_notice_and_the_connection_stays(
    database18: dict[str, Any], frame: str | bytes
) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.send_raw(frame)
        (text,) = await client.next("NOTICE")
        assert text.startswith("invalid: ")
        assert await client.fetch({}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"kind": -1},
        {"kind": 65536},
        {"kind": True},
        {"kind": 1.0},
        {"created_at": -1},
        {"created_at": 2**53},
        {"created_at": 1e9},
        {"created_at": "1"},
        {"tags": [[]]},
        {"tags": [[1]]},
        {"tags": {}},
        {"content": None},
        {"content": "\ud800"},
        {"sig": "ab"},
        {"sig": "AB" * 64},
        {"pubkey": "AB" * 32},
        {"id": "a" * 63},
        {"id": "a" * 64 + "\n"},
    ],
)
async def test_a_malformed_event_gets_ok_false_with_its_id(database18: dict[str, Any], change: dict[str, Any]) -> None:
    event = {**to_json(make_event()), **change}
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.send("EVENT", event)
        event_id, accepted, text = await client.next("OK")
        assert (event_id, accepted, text.partition(":")[0]) == (event["id"], False, "invalid")


_LONG = "x" * 65
_ODD = 'a "quoted" id \\ \u00e9'


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        *(([verb, name, {}], ["CLOSED", name]) for verb in ("REQ", "COUNT") for name in (_LONG, "", "y" * 200_000)),
        (["CLOSE", _LONG], ["CLOSED", _LONG]),
        (["EVENT", {"id": _LONG}], ["OK", _LONG, False]),
        (["EVENT", {"id": "a"}, {"id": "b"}], ["OK", "a", False]),
        (["EVENT", "sub", {"id": "a"}], ["OK", "a", False]),
        (["AUTH", {"id": "a"}, {}], ["OK", "a", False]),
        (["NEG-OPEN", "n", {}, "61"], ["NEG-ERR", "n"]),
        (["NEG-OPEN", _LONG], ["NEG-ERR", _LONG]),
        (["NEG-MSG", "n", "61"], ["NEG-ERR", "n"]),
    ],
)
async def test_whatever_is_wrong_with_a_message_its_id_comes_back(
    database18: dict[str, Any], message: list[Any], answer: list[Any]
) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.send(*message)
        *received, text = await client.receive()
        assert received == answer
        assert text.startswith(("invalid: ", "blocked: "))


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        ('["REQ",%s,', ["CLOSED"]),
        ('["COUNT",%s', ["CLOSED"]),
        ('[ "CLOSE" , %s', ["CLOSED"]),
        ('["NEG-OPEN",%s,', ["NEG-ERR"]),
        ('["EVENT",{"id":%s,', ["OK", False]),
        ('["AUTH",{"tags":[],"id": %s', ["OK", False]),
    ],
)
async def test_a_frame_that_breaks_off_is_answered_by_the_id_at_its_beginning(
    database18: dict[str, Any], start: str, answer: list[Any]
) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        for name in ("s", _LONG, _ODD):
            await client.send_raw(start % json.dumps(name))
            *received, text = await client.receive()
            assert received == [answer[0], name, *answer[1:]]
            assert text.startswith("invalid: ")


async def test_what_is_closed_by_a_broken_frame_is_closed(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.follow()
        await client.send_raw('["CLOSE","live"')
        assert (await client.next("CLOSED"))[0] == "live"
        await client.publish_all(make_event())
        assert len(await client.fetch({})) == 1


async def test_the_end_of_a_sync_needs_no_answer(database18: dict[str, Any]) -> None:
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        for rest in (["n"], [], [1]):
            await client.send("NEG-CLOSE", *rest)
        assert await client.fetch({}) == []


async def test_a_feed_of_two_thousand_authors_in_a_few_kinds_is_read_with_the_default_limits(
    database18: dict[str, Any],
) -> None:
    events = [make_event(kind=kind) for kind in (1, 7)]
    authors = [f"{number:064x}" for number in range(1_999)] + [events[0].pubkey]
    feed = {"authors": authors, "kinds": [1, 6, 7, 16, 1111, 30023]}
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(*events)
        await client.send("COUNT", "c", feed)
        assert await client.next("COUNT") == ["c", {"count": 2, "counted": "notes"}]
        await client.send("REQ", "s", feed)
        assert {event["id"] for event in await client.read_stored("s")} == {event.id for event in events}


async def test_auth_gets_an_ok_that_says_it_is_not_needed(database18: dict[str, Any]) -> None:
    event = make_event(kind=22242)
    async with relay_on(database18) as url, Client(url) as client:
        await client.send("AUTH", event)
        event_id, accepted, text = await client.next("OK")
        assert (event_id, accepted, text.partition(":")[0]) == (event.id, False, "restricted")


async def test_stored_events_are_compact_json_with_the_id_first(database18: dict[str, Any]) -> None:
    event = make_event()
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.publish_all(event)
        await client.send("REQ", "sub", {})
        frame = await client.websocket.recv()
        assert isinstance(frame, str)
        assert frame.startswith('["EVENT","sub",{"id":"' + event.id + '","pubkey":"')
        assert ": " not in frame


async def test_a_message_that_is_no_json_but_begins_like_one_is_answered_by_its_id(database18: dict[str, Any]) -> None:
    deep = "[" * 50_000
    async with relay_on(database18, **PLAIN) as url, Client(url) as client:
        await client.send_raw('["EVENT",{"id":"abc","tags":' + deep + "]" * 50_000 + "}]")
        assert (await client.next("OK"))[:2] == ["abc", False]
        await client.send_raw('["EVENT",{"id":"abc","content":"\\ud800"}]')
        assert (await client.next("OK"))[:2] == ["abc", False]
        await client.send_raw('["REQ","sub",' + deep)
        assert (await client.next("CLOSED"))[0] == "sub"
        await client.send_raw('["COUNT","sub",{"#t":["\\ud800"]}]')
        assert (await client.next("CLOSED"))[0] == "sub"


async def test_a_refused_count_leaves_the_subscription_of_the_same_id_open(database18: dict[str, Any]) -> None:
    event = make_event()
    async with relay_on(database18, **PLAIN) as url, Client(url) as client, Client(url) as author:
        await client.send("REQ", "s", {})
        await client.next("EOSE")
        await client.send("COUNT", "s", {"colour": "red"})
        assert (await client.next("CLOSED"))[0] == "s"
        await author.publish_all(event)
        assert (await client.next("EVENT"))[1]["id"] == event.id


async def test_a_batch_of_large_notes_does_not_disconnect_those_who_read(database18: dict[str, Any]) -> None:
    limits = {**PLAIN["limits"], "read_bytes_per_s": 1e9, "max_pending_bytes": 1_000_000, "max_content_chars": 250_000}
    events = [make_event(content=f"{number}" + "x" * 200_000) for number in range(18)]
    settings = {**PLAIN, "limits": limits}
    async with relay_on(database18, **settings) as url, Client(url) as reader, Client(url) as author:
        await reader.send("REQ", "s", {"limit": 0})
        await reader.next("EOSE")
        for event in events:
            await author.send("EVENT", event)
        assert {(await reader.next("EVENT"))[1]["id"] for _ in events} == {event.id for event in events}


async def test_what_expires_while_a_slow_client_reads_is_not_sent_to_it(database18: dict[str, Any]) -> None:
    limits = {**PLAIN["limits"], "read_bytes_per_s": 1e9, "default_limit": 300, "max_limit": 300}
    async with (
        relay_on(database18, **{**PLAIN, "limits": limits}) as url,
        Client(url) as author,
        Client(url, max_queue=1) as slow,
    ):
        soon = (("expiration", str(int(time.time()) + 6)),)
        events = [make_event(content=f"{number}" + "x" * 90_000, tags=soon) for number in range(250)]
        for event in events:
            await author.send("EVENT", event)
        assert [(await author.next("OK"))[1] for _ in events] == [True] * len(events)
        slow.websocket.transport.pause_reading()
        await slow.send("REQ", "s", {})
        async with asyncio.timeout(scaled(20)):
            while await author.fetch({"limit": 1}):
                pass
        slow.websocket.transport.resume_reading()
        assert len(await slow.read_stored("s")) < len(events)


async def test_limit_zero_does_not_wait_for_the_queries_of_others(database18: dict[str, Any]) -> None:
    settings = {**PLAIN, "limits": {**PLAIN["limits"], "max_queries_running": 1, "query_timeout_s": 30}}
    blocker = await asyncpg.connect(**database18)
    async with relay_on(database18, **settings) as url, Client(url) as client:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE")
            await client.send("REQ", "slow", {"#t": ["x"]})
            await client.send("REQ", "live", {"limit": 0})
            assert await client.next("EOSE") == ["live"]
        assert await client.next("EOSE") == ["slow", ["finish"]]
    await blocker.close()
