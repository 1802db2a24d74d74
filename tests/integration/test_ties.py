"""Notes that share a second: no page cuts one off, and EOSE says whether there are older ones (NIP-67)."""

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from relay.limits import Limits
from relay.postgres.open import _READ_SETTINGS
from relay.protocol.event import Event
from relay.protocol.filter import Filter, parse_filter
from relay.storage.conditions import Cursor
from relay.storage.insert import insert_batch
from relay.storage.query import Query, build_page
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, to_note
from tests.support.paid import shop
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.rewriting import rewrite

HOUR = 3_600
EOSE = list[Any]


def with_limits(**limits: Any) -> dict[str, Any]:
    return {**OPEN_HOUSE, "limits": {**OPEN_HOUSE["limits"], **limits}}


def make_hour(hour: int, count: int, **members: Any) -> list[Event]:
    """Make notes of one second, in the order in which they are read."""
    notes = [make_event(content=f"{hour} {number}", created_at=hour * HOUR, **members) for number in range(count)]
    return sorted(notes, key=lambda note: note.id)


async def ask(client: Client, *filters: dict[str, Any]) -> tuple[list[str], EOSE]:
    """Return the ids that a REQ gives, and what its EOSE says beyond the subscription."""
    await client.send("REQ", "s", *filters)
    ids = []
    while (message := await client.receive())[0] == "EVENT":
        ids.append(message[2]["id"])
    assert message[:2] == ["EOSE", "s"]
    await client.send("CLOSE", "s")
    return ids, message[2:]


def ids_of(*groups: Sequence[Event]) -> list[str]:
    return [note.id for group in groups for note in group]


async def store(arguments: dict[str, Any], notes: Sequence[Event]) -> None:
    """Store notes as if posted long ago."""
    connection = await asyncpg.connect(**arguments)
    for start in range(0, len(notes), 500):
        async with connection.transaction():
            await insert_batch(connection, [to_note(note) for note in notes[start : start + 500]])
    await connection.close()


async def test_eose_says_whether_older_notes_match(database: dict[str, Any]) -> None:
    notes = [make_event(created_at=1_000 + number) for number in range(3)]
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        assert await ask(client, {}) == ([], [["finish"]])
        await client.publish_all(*notes)
        newest = ids_of(notes[::-1])
        assert await ask(client, {"limit": 2}) == (newest[:2], [["more"]])
        assert await ask(client, {"limit": 3}) == (newest, [["finish"]])
        assert await ask(client, {"limit": 4}) == (newest, [["finish"]])
        assert await ask(client, {"ids": newest}) == (newest, [["finish"]])
        assert await ask(client, {"ids": newest, "limit": 1}) == (newest[:1], [["more"]])
        assert await ask(client, {"ids": [], "limit": 1}) == ([], [["finish"]])
        assert await ask(client, {"since": 1_001, "limit": 2}) == (newest[:2], [["finish"]])
        assert await ask(client, {"until": 1_001, "limit": 1}) == (newest[1:], [["finish"]])


async def test_a_page_goes_on_to_the_end_of_its_last_second(database: dict[str, Any]) -> None:
    older, newer = make_hour(1, 4), make_hour(2, 7)
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*older, *newer)
        assert await ask(client, {"limit": 3}) == (ids_of(newer), [["more"]])
        assert await ask(client, {"limit": 7}) == (ids_of(newer), [["more"]])
        assert await ask(client, {"limit": 8}) == (ids_of(newer, older), [["finish"]])
        # Nothing older: of an author, of a kind, since a time.
        assert await ask(client, {"authors": [pubkey_of(KEYS[0])], "limit": 9}) == (ids_of(newer, older), [["finish"]])
        assert await ask(client, {"kinds": [1], "since": 2 * HOUR, "limit": 1}) == (ids_of(newer), [["finish"]])


async def test_the_notes_of_the_second_of_until_do_not_use_the_limit_up(database18: dict[str, Any]) -> None:
    first, second, third = make_hour(1, 2), make_hour(2, 5), make_hour(3, 4)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*first, *second, *third)
        # Cut off by the limit, and exactly as many.
        assert await ask(client, {"until": 3 * HOUR, "limit": 3}) == (ids_of(third, second), [["more"]])
        assert await ask(client, {"until": 3 * HOUR, "limit": 4}) == (ids_of(third, second), [["more"]])
        # Those that left room are counted.
        assert await ask(client, {"until": 3 * HOUR, "limit": 5}) == (ids_of(third, second), [["more"]])
        assert await ask(client, {"until": 2 * HOUR, "limit": 1}) == (ids_of(second, first), [["finish"]])
        assert await ask(client, {"until": 1 * HOUR, "limit": 1}) == (ids_of(first), [["finish"]])


async def test_several_filters_are_finished_only_if_each_is(database18: dict[str, Any]) -> None:
    ones, twos = make_hour(1, 2), make_hour(2, 2, kind=7)
    async with relay_on(database18, **with_limits(max_ties=0)) as url, Client(url) as client:
        await client.publish_all(*ones, *twos)
        both = ids_of(twos, ones)
        assert await ask(client, {"kinds": [1]}, {"kinds": [7]}) == (both, [["finish"]])
        assert await ask(client, {"kinds": [1], "limit": 1}, {"kinds": [7]}) == (both[:3], [["more"]])
        # What one filter leaves out the other brings: nobody looks whether it brings all.
        assert await ask(client, {"kinds": [1], "limit": 1}, {}) == (both, [])


async def test_limit_zero_asks_for_nothing_that_is_stored_so_nothing_is_said_of_it(database18: dict[str, Any]) -> None:
    notes = [make_event(created_at=1_000 + number) for number in range(2)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*notes)
        assert await ask(client, {"limit": 0}) == ([], [])
        assert await ask(client, {"limit": 0}, {"ids": [notes[0].id]}) == ([notes[0].id], [])
        assert await ask(client, {"limit": 0}, {"limit": 1}) == ([notes[1].id], [["more"]])


async def test_expired_notes_are_not_more(database18: dict[str, Any]) -> None:
    expiry = int(time.time()) + HOUR
    gone = [make_event(content=str(n), created_at=1_000 + n % 2, tags=(("expiration", "2000"),)) for n in range(4)]
    kept = make_event(created_at=1_001, tags=(("expiration", str(expiry)),))
    await store(database18, [*gone, kept])
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        assert await ask(client, {"limit": 1}) == ([kept.id], [["finish"]])


async def test_what_the_search_leaves_out_is_not_more(database18: dict[str, Any]) -> None:
    small = [make_ring_note(str(number), created_at=HOUR, ring_size=5) for number in range(3)]
    large = [make_ring_note(str(number), created_at=HOUR, ring_size=9) for number in range(3)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*small, *large)
        found, hint = await ask(client, {"search": "minring:9", "limit": 2})
        assert (set(found), hint) == (set(ids_of(large)), [["finish"]])
        found, hint = await ask(client, {"search": f"ring:{pubkey_of(KEYS[0])}", "limit": 2})
        assert (set(found), hint) == (set(ids_of(small, large)), [["finish"]])


async def test_held_notes_are_not_more(database18: dict[str, Any]) -> None:
    async with relay_on(database18, privacy={"publish_every_s": 3_600}, **OPEN_HOUSE) as url, Client(url) as client:
        plain = make_event(created_at=2_000)
        await client.publish_all(plain, make_ring_note("waits", created_at=1_000), make_ring_note("", created_at=2_000))
        assert await ask(client, {"limit": 1}) == ([plain.id], [["finish"]])


async def test_what_is_not_read_on_a_path_is_not_more(database18: dict[str, Any], tmp_path: Path) -> None:
    free = make_event(content="free", created_at=1_000)
    async with shop(database18, tmp_path, **OPEN_HOUSE) as sold:
        async with Client(sold.url) as client:
            await client.publish_all(free)
            assert await ask(client, {"limit": 1}) == ([free.id], [["finish"]])
        async with Client(sold.cheap) as client:
            assert await ask(client, {"limit": 1}) == ([], [["finish"]])


async def read_by_until(client: Client, limit: int) -> tuple[list[str], int]:
    """Read all notes as many clients do: on from the oldest created_at, until nothing is new. Return ids and requests."""
    found: dict[str, None] = {}
    until: dict[str, int] = {}
    requests = 0
    while True:
        requests += 1
        events = await client.fetch({"limit": limit, **until})
        fresh = [event for event in events if event["id"] not in found]
        if not fresh:
            return list(found), requests
        found |= dict.fromkeys(event["id"] for event in fresh)
        until = {"until": min(event["created_at"] for event in events)}


@pytest.mark.parametrize("hours", [3, 24, 1_000])
async def test_a_thousand_notes_of_shared_hours_are_read_whole_by_pages_of_twenty(
    database18: dict[str, Any], hours: int
) -> None:
    notes = [make_event(content=str(number), created_at=(1 + number % hours) * HOUR) for number in range(1_000)]
    await store(database18, notes)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        found, requests = await read_by_until(client, 20)
    assert found == ids_of(sorted(notes, key=lambda note: (-note.created_at, note.id)))
    assert requests <= 1_000 // 19 + 2


async def test_beyond_the_bound_there_is_more_which_a_larger_limit_and_narrower_filters_read(
    database18: dict[str, Any],
) -> None:
    notes = make_hour(2, 30)
    tagged = make_hour(2, 5, tags=(("t", "x"),))
    older = make_event(created_at=HOUR)
    every = ids_of(sorted([*notes, *tagged], key=lambda note: note.id))
    await store(database18, [*notes, *tagged, older])
    async with relay_on(database18, **with_limits(max_ties=10)) as url, Client(url) as client:
        assert await ask(client, {"limit": 4}) == (every[:14], [["more"]])
        assert await ask(client, {"limit": 4, "until": 2 * HOUR}) == (every[:14], [["more"]])
        # Exactly as many as the bound, and nothing older; and one more.
        assert await ask(client, {"limit": 25, "since": 2 * HOUR}) == (every, [["finish"]])
        assert await ask(client, {"limit": 24, "since": 2 * HOUR}) == (every[:34], [["more"]])
        assert await ask(client, {"limit": 25}) == (every, [["more"]])
        assert await ask(client, {"limit": 4, "#t": ["x"]}) == (ids_of(tagged), [["finish"]])


async def test_without_ties_no_answer_has_more_notes_than_its_limit(database18: dict[str, Any]) -> None:
    older, newer = make_hour(1, 2), make_hour(2, 3)
    every = ids_of(newer, older)
    await store(database18, [*older, *newer])
    async with relay_on(database18, **with_limits(max_ties=0)) as url, Client(url) as client:
        for until in (dict[str, int](), {"until": 2 * HOUR}):
            assert await ask(client, {"limit": 2, **until}) == (every[:2], [["more"]])
            assert await ask(client, {"limit": 3, **until}) == (every[:3], [["more"]])
            assert await ask(client, {"limit": 5, **until}) == (every, [["finish"]])


SHAPES: list[dict[str, Any]] = [
    {},
    {"kinds": [1]},
    {"authors": [pubkey_of(KEYS[0]), pubkey_of(KEYS[1])]},
    {"authors": [pubkey_of(KEYS[0])], "kinds": [1, 7]},
    {"#t": ["x", "y"]},
]


async def test_the_rest_of_a_second_is_read_from_its_index_whatever_came_before(database18: dict[str, Any]) -> None:
    """Twenty thousand notes of one second: each statement reads no more rows than it gives, and one a list and table."""
    await store(database18, make_many(10_000))
    await rewrite(database18)
    await store(database18, make_many(10_000))
    connection = await asyncpg.connect(**database18, server_settings=_READ_SETTINGS)
    await connection.execute("ANALYZE")
    middle = await connection.fetchval("SELECT id FROM notes ORDER BY id OFFSET 10000 LIMIT 1")
    for shape in SHAPES:
        asked = parse_filter(shape, Limits())
        for filter_, after, rows in list_statements(asked, middle):
            read, scans = await explain(connection, build_page(filter_, after, rows, 262_144, 0))
            assert scans == 0, shape
            # Two partitions, two values of each of two lists, and the events of what is found.
            assert read <= 12 * rows, (shape, after, read)
    await connection.close()


def make_many(count: int) -> list[Event]:
    """Make notes that nobody verifies: their ids are drawn."""
    event = make_event(created_at=HOUR, tags=(("t", "x"),))
    return [
        Event(random.randbytes(32).hex(), pubkey_of(KEYS[n % 2]), HOUR, 1, event.tags, str(n), event.sig)
        for n in range(count)
    ]


def list_statements(asked: Filter, middle: bytes) -> list[tuple[Filter, Cursor | None, int]]:
    """Return what is read of a second: its first rows, some from its middle on, as a page or its end, and whether any is older."""
    older = msgspec.structs.replace(asked, until=HOUR - 1)
    return [
        (asked, None, 21),
        (asked, Cursor(HOUR, middle), 100),
        (asked, Cursor(HOUR, middle, is_in_last_second=True), 100),
        (older, None, 1),
    ]


async def explain(connection: asyncpg.Connection, query: Query) -> tuple[float, int]:
    """Run a statement as the relay does, with a plan for any arguments.

    Return how many rows its scans of tables gave or dropped, and how many scans read a table whole.
    """
    await connection.execute(f"PREPARE page AS {query.text}")
    arguments = ", ".join(map(write_literal, query.arguments))
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ({arguments})")
    await connection.execute("DEALLOCATE page")
    read, scans = 0.0, 0
    nodes = [json.loads(text)[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
        if "Relation Name" in node:
            read += node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            scans += node["Node Type"] == "Seq Scan"
    return read, scans


def write_literal(value: Any) -> str:
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, list):
        members = [f'"\\\\x{one.hex()}"' if isinstance(one, bytes) else str(one) for one in value]
        return f"'{{{','.join(members)}}}'"
    return f"'{value}'"
