"""A filter means the same thing in memory, in the subscription index and in Postgres: what a ten-line oracle says."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.delivery.live_note import LiveNote
from relay.delivery.subscriptions import Subscription, Subscriptions
from relay.limits import Limits
from relay.protocol.filter import Filter, find_facts, matches_filter, parse_filter
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.storage.query import build_count
from relay.storage.reader import Reader
from relay.verify.claim import Claim
from tests.support.client_messages import write_filter
from tests.support.strategies import PRICES, filters, priced_filters
from tests.support.strategies import notes as any_notes

# So few that answers meet them.
LIMITS = [Limits(default_limit=6, max_ties=max_ties) for max_ties in (2, 0)]


def oracle(filter_: Filter, note: Note) -> bool:
    """Read NIP-01 aloud."""
    event = note.event
    if note.price_paid_msat < filter_.min_price_msat:
        return False
    for name, wanted in (("id", filter_.ids), ("pubkey", filter_.authors), ("kind", filter_.kinds)):
        if wanted is not None and getattr(event, name) not in wanted:
            return False
    for letter, values in filter_.tags:
        if not [tag for tag in event.tags if len(tag) > 1 and tag[0] == letter and tag[1] in values]:
            return False
    if filter_.since is not None and event.created_at < filter_.since:
        return False
    if filter_.until is not None and event.created_at > filter_.until:
        return False
    return all(note.claim is not None and says(note.claim, key, value) for key, value in filter_.search)


def says(claim: Claim, key: str, value: str) -> bool:
    """Read the table of search terms aloud."""
    if key == "ring":
        return value in [member.hex() for member in claim.ring]
    if key == "minring":
        return len(claim.ring) >= int(value)
    names = {"ringid": "ring_id", "keyimage": "key_image"}
    return str(getattr(claim, names.get(key, key))) == value


@given(priced_filters, any_notes)
@settings(max_examples=1000)
def test_a_filter_matches_what_the_oracle_says(filter_: Filter, note: Note) -> None:
    assert matches_filter(filter_, find_facts(note.event, note.claim, note.price_paid_msat)) == oracle(filter_, note)


@given(priced_filters, any_notes, st.sampled_from(PRICES))
def test_a_note_that_rose_is_new_to_those_only_who_did_not_see_it_before(
    filter_: Filter, note: Note, previous_price_msat: int
) -> None:
    facts = find_facts(note.event, note.claim, note.price_paid_msat, previous_price_msat)
    assert matches_filter(filter_, facts) == (filter_.min_price_msat > previous_price_msat and oracle(filter_, note))


@given(filters)
def test_a_filter_written_out_is_read_back_the_same(filter_: Filter) -> None:
    # Exact values are asked of the letters e and p; whatever else the pools hold there is refused.
    tags = tuple(tag for tag in filter_.tags if tag[0] not in "ep")
    plain = msgspec.structs.replace(filter_, tags=tags)
    assert parse_filter(write_filter(plain), Limits()) == plain


class Nobody:
    def deliver(self, subscription: Subscription, notes: Sequence[LiveNote]) -> None:
        raise AssertionError


@given(
    st.lists(st.lists(priced_filters, min_size=1, max_size=3), max_size=8), st.lists(any_notes, max_size=5), st.data()
)
@settings(max_examples=300)
def test_the_subscription_index_finds_what_brute_force_finds(
    requests: list[list[Filter]], notes: list[Note], data: st.DataObject
) -> None:
    index = Subscriptions()
    live = [Subscription(str(number), tuple(request), Nobody()) for number, request in enumerate(requests)]
    for subscription in live:
        index.add(subscription)
    gone = data.draw(st.lists(st.sampled_from(live), unique_by=id)) if live else []
    for subscription in gone:
        index.remove(subscription)
        live.remove(subscription)
    for note in notes:
        found = index.find_matching(note)
        expected = [s for s in live if any(oracle(filter_, note) for filter_ in s.filters)]
        assert sorted(map(id, found)) == sorted(map(id, expected))


async def fill(connection: asyncpg.Connection, wanted: list[Note]) -> list[Note]:
    """Reader notes in an empty database, and return those that are kept, with NIP-01's replacing left out."""
    await connection.execute("TRUNCATE notes, tags, ring_members, answers")
    distinct = list({note.event.id: note for note in wanted if note.event.kind in (1, 7)}.values())
    async with connection.transaction():
        await insert_batch(connection, distinct)
    return distinct


def test_postgres_finds_what_the_oracle_finds(database_between_loops: dict[str, Any]) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_between_loops))
        # Pages of two rows, or of one large one: every answer is put together from several.
        store = Reader(pool, pool, lambda _: None, page_rows=2, page_bytes=1000)

        @given(
            st.lists(any_notes, max_size=8),
            st.lists(priced_filters, min_size=1, max_size=3),
            st.sampled_from(LIMITS),
        )
        @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def check(wanted: list[Note], asked: list[Filter], limits: Limits) -> None:
            runner.run(compare(pool, store, wanted, asked, limits))

        check()
        runner.run(pool.close())


async def open_pool(arguments: dict[str, Any]) -> asyncpg.Pool:
    return await asyncpg.create_pool(**arguments, min_size=1, max_size=2)


async def compare(pool: asyncpg.Pool, store: Reader, wanted: list[Note], asked: list[Filter], limits: Limits) -> None:
    async with pool.acquire() as connection:
        stored = await fill(connection, wanted)
        count = await connection.fetchval(*to_call(build_count(asked, 1000, 0)))
    newest_first = sorted(stored, key=lambda note: (-note.event.created_at, note.event.id))
    answers = [choose(one, [n for n in newest_first if oracle(one, n)], limits) for one in asked]
    expected = {note.event.id for taken, _ in answers for note in taken}
    left_out = {note.event.id for _, rest in answers for note in rest[:1]}
    pages = store.read_pages(asked, limits, lambda: 0)
    found = [id_.hex() async for page in pages for _, id_, _ in page]
    assert found == [note.event.id for note in newest_first if note.event.id in expected]
    if left_out - expected:
        assert pages.hint == "more"
    elif left_out or any(filter_.limit == 0 for filter_ in asked):
        assert pages.hint is None
    else:
        assert pages.hint == "finish"
    assert count == sum(any(oracle(filter_, note) for filter_ in asked) for note in stored)


def choose(filter_: Filter, matching: list[Note], limits: Limits) -> tuple[list[Note], list[Note]]:
    """Read aloud which notes an answer holds, and which it leaves out (NIP-67)."""
    limit = limits.default_limit if filter_.limit is None else filter_.limit
    if limit == 0:
        return [], []
    taken, rest = fill_up(matching, limit, limits.max_ties)
    is_at_end = bool(rest) and taken[-1].event.created_at != rest[0].event.created_at
    if is_at_end and limits.max_ties and taken[-1].event.created_at == filter_.until:
        older, rest = fill_up(rest, limit, limits.max_ties)
        return taken + older, rest
    return taken, rest


def fill_up(matching: list[Note], limit: int, max_ties: int) -> tuple[list[Note], list[Note]]:
    taken, rest = matching[:limit], matching[limit:]
    ties = [note for note in rest if note.event.created_at == taken[-1].event.created_at][:max_ties]
    return taken + ties, rest[len(ties) :]


def to_call(query: Any) -> tuple[Any, ...]:
    return (query.text, *query.arguments)
