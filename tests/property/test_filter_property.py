"""A filter means the same thing in memory, in the subscription index and in Postgres: what a ten-line oracle says."""

import asyncio
from typing import Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.event import Event
from relay.filter import Filter, index_tags, matches
from relay.insert import insert_batch
from relay.note import Note
from relay.query import build_count
from relay.store import Store
from relay.subscriptions import Subscription, Subscriptions
from tests.support.events import to_note
from tests.support.strategies import events, filters


def oracle(filter_: Filter, event: Event) -> bool:
    """Read NIP-01 aloud."""
    for name, wanted in (("id", filter_.ids), ("pubkey", filter_.authors), ("kind", filter_.kinds)):
        if wanted is not None and getattr(event, name) not in wanted:
            return False
    for letter, values in filter_.tags:
        if not [tag for tag in event.tags if len(tag) > 1 and tag[0] == letter and tag[1] in values]:
            return False
    if filter_.since is not None and event.created_at < filter_.since:
        return False
    return not (filter_.until is not None and event.created_at > filter_.until)


@given(filters, events)
@settings(max_examples=1000)
def test_a_filter_matches_what_the_oracle_says(filter_: Filter, event: Event) -> None:
    assert matches(filter_, event, index_tags(event)) == oracle(filter_, event)


class Nobody:
    def deliver(self, subscription: Subscription, note: Note) -> None:
        raise AssertionError


@given(st.lists(st.lists(filters, min_size=1, max_size=3), max_size=8), st.lists(events, max_size=5), st.data())
@settings(max_examples=300)
def test_the_subscription_index_finds_what_brute_force_finds(
    requests: list[list[Filter]], notes: list[Event], data: st.DataObject
) -> None:
    index = Subscriptions()
    live = [Subscription(str(number), tuple(request), Nobody()) for number, request in enumerate(requests)]
    for subscription in live:
        index.add(subscription)
    gone = data.draw(st.lists(st.sampled_from(live), unique_by=id)) if live else []
    for subscription in gone:
        index.remove(subscription)
        live.remove(subscription)
    for event in notes:
        found = index.matching(event)
        expected = [s for s in live if any(oracle(filter_, event) for filter_ in s.filters)]
        assert sorted(map(id, found)) == sorted(map(id, expected))


async def fill(connection: asyncpg.Connection, wanted: list[Event]) -> list[Event]:
    """Store events in an empty database, and return those that are kept, with NIP-01's replacing left out."""
    await connection.execute("TRUNCATE notes CASCADE")
    distinct = list({event.id: event for event in wanted if event.kind in (1, 7)}.values())
    async with connection.transaction():
        await insert_batch(connection, [to_note(event) for event in distinct])
    return distinct


def test_postgres_finds_what_the_oracle_finds(database_between_loops: dict[str, Any]) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_between_loops))
        # Pages of two rows, or of one large one: every answer is put together from several.
        store = Store(pool, pool, lambda _: None, page_rows=2, page_bytes=1000)

        @given(st.lists(events, max_size=8), st.lists(filters, min_size=1, max_size=3))
        @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def check(wanted: list[Event], asked: list[Filter]) -> None:
            runner.run(compare(pool, store, wanted, asked))

        check()
        runner.run(pool.close())


async def open_pool(arguments: dict[str, Any]) -> asyncpg.Pool:
    return await asyncpg.create_pool(**arguments, min_size=1, max_size=2)


async def compare(pool: asyncpg.Pool, store: Store, wanted: list[Event], asked: list[Filter]) -> None:
    async with pool.acquire() as connection:
        stored = await fill(connection, wanted)
        count = await connection.fetchval(*to_call(build_count(asked, 1000, 0)))
    newest_first = sorted(stored, key=lambda event: (-event.created_at, event.id))
    expected: set[str] = set()
    for filter_ in asked:
        limit = 500 if filter_.limit is None else filter_.limit
        expected.update(event.id for event in [e for e in newest_first if oracle(filter_, e)][:limit])
    found = [row.id.hex() async for page in store.read_pages(asked, 500, lambda: 0) for row in page]
    assert found == [event.id for event in newest_first if event.id in expected]
    assert count == sum(any(oracle(filter_, event) for filter_ in asked) for event in stored)


def to_call(query: Any) -> tuple[Any, ...]:
    return (query.text, *query.arguments)
