"""An address (`kind:pubkey:d`) that a ring note has taken: what replaces it, what frees it, and who hears what.

The holder of the outer key is no member of the ring. Of a link to a verified article they must not make one to a note of a ring of
their own keys, or to a plain one: in every order, at once, paid for, and while notes wait for the next batch.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.limits import InternalLimits
from relay.log import Log
from relay.protocol.event import Event, to_address
from relay.server import Relay, running, unix_now
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.storage.row import Result, SaveResult
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note, to_note, to_ring_note
from tests.support.paid import order, shop, token_of
from tests.support.raw import request
from tests.support.relays import OPEN_HOUSE, make_config, relay_on, to_url
from tests.support.rewriting import rewrite
from tests.support.waiting import until

OUTER = KEYS[70]
NOW = int(time.time()) - 3_600
STORED = (True, "")
TAKEN = (
    False,
    "blocked: a ring note has this address, and only a note of the same ring replaces it; sign with that ring, or delete that "
    "note first",
)
OLDER = (False, "duplicate: a newer version of this event is already stored; give yours a later created_at")
# A period that no test waits for: they publish a batch when they like.
BATCHES = {"publish_every_s": 86_400}
HELD = (True, "accepted, to be published with others in the next batch, within 86400 seconds")
# The ring that has the address, and one that somebody made up.
OURS, THEIRS = 5, 6


def write(
    ring_size: int | None, at: int, *, kind: int = 30_023, content: str = "", d: str = "leak", **options: Any
) -> Event:
    """Return a version of the address, of a ring of this size or plain, made at so many seconds."""
    tags = (("d", d), *options.pop("tags", ()))
    given: dict[str, Any] = {"kind": kind, "content": content, "tags": tags, "created_at": NOW + at}
    if ring_size is None:
        return make_event(key=OUTER, **given)
    return make_ring_note(**given, ring_size=ring_size, author=OUTER, **options)


def delete(at: int, *tags: tuple[str, str], key: Any = OUTER) -> Event:
    return make_event(key=key, kind=5, content="", created_at=NOW + at, tags=tags)


def by_address(event: Event) -> tuple[str, str]:
    address = to_address(event)
    assert address is not None
    return "a", address


def to_verified(event: Event) -> Note:
    return to_ring_note(event) if any(tag[0] == "ring" for tag in event.tags) else to_note(event)


async def insert(connection: asyncpg.Connection, *events: Event) -> list[Result | None]:
    async with connection.transaction():
        return (await insert_batch(connection, [to_verified(event) for event in events])).saved


async def read_address(client: Client, kind: int = 30_023) -> list[Any]:
    return await client.fetch({"kinds": [kind]})


@asynccontextmanager
async def relay_of(arguments: dict[str, Any], **sections: Any) -> AsyncIterator[tuple[Relay, str]]:
    async with running(make_config(arguments, **OPEN_HOUSE, **sections), Log()) as relay:
        yield relay, to_url(relay)


@pytest.mark.parametrize("kind", [30_023, 0, 10_002])
@pytest.mark.parametrize("at", [9, 0, -9])
@pytest.mark.parametrize("other", [THEIRS, 4, None], ids=["a larger ring", "a smaller ring", "plain"])
async def test_a_version_from_another_ring_or_from_none_is_refused_whatever_its_time(
    database18: dict[str, Any], kind: int, at: int, other: int | None
) -> None:
    ours = write(OURS, 0, kind=kind)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(ours)
        # Also what NIP-01 would not let replace it: whoever signed that again with a later time would hear of the ring then.
        assert await client.publish(write(other, at, kind=kind)) == TAKEN
        assert await read_address(client, kind) == [as_json(ours)]
        assert await client.publish(ours) == (True, "duplicate: already have this event")


async def test_any_member_of_the_ring_replaces_it_and_so_does_the_other_scheme(database: dict[str, Any]) -> None:
    versions = [write(OURS, 0), write(OURS, 1, signer=4), write(OURS, 2, scope="leak"), write(OURS, 3, signer=0)]
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client, Client(url) as reader:
        await reader.follow(kinds=[30_023])
        for version in versions:
            assert await client.publish(version) == STORED
            assert await reader.next("EVENT") == ["live", as_json(version)]
            assert await read_address(client) == [as_json(version)]
        assert await client.publish(write(OURS, 2, content="older")) == OLDER
        assert await client.publish(write(THEIRS, 9)) == TAKEN


async def test_a_plain_notes_address_is_taken_by_the_first_ring_note_that_replaces_it(database: dict[str, Any]) -> None:
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(write(None, 0), write(None, 2))
        assert await client.publish(write(OURS, 1)) == OLDER
        await client.publish_all(write(OURS, 3))
        assert await client.publish(write(None, 4)) == TAKEN
        assert await client.publish(write(THEIRS, 4)) == TAKEN
        await client.publish_all(write(OURS, 4))


async def test_other_addresses_of_the_key_are_their_own(database18: dict[str, Any]) -> None:
    other = make_event(key=OUTER, kind=30_023, tags=(("d", "other"),), created_at=NOW)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(write(OURS, 0), other, write(THEIRS, 0, kind=30_024), write(None, 0, kind=0))
        # Of a kind that has no versions every note stays.
        await client.publish_all(write(OURS, 0, kind=1), write(THEIRS, 1, kind=1), write(None, 2, kind=1))
        assert len(await client.fetch({"kinds": [1]})) == 3


@pytest.mark.parametrize("other", [THEIRS, None], ids=["another ring", "plain"])
@pytest.mark.parametrize("way", ["e", "a"])
async def test_a_deletion_of_the_version_that_is_here_frees_the_address(
    database: dict[str, Any], way: str, other: int | None
) -> None:
    ours, new = write(OURS, 0), write(other, 2)
    named = ("e", ours.id) if way == "e" else by_address(ours)
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(ours, delete(1, named), new)
        assert await read_address(client) == [as_json(new)]
        # It is the new one's from then on.
        assert await client.publish(write(OURS, 3)) == (TAKEN if other else STORED)


async def test_a_deletion_that_does_not_take_the_version_that_is_here_frees_nothing(database: dict[str, Any]) -> None:
    before, ours = write(OURS, 0), write(OURS, 2)
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(before, ours)
        for request in (
            delete(1, by_address(ours)),
            delete(9, ("e", before.id)),
            delete(9, ("e", ours.id), by_address(ours), key=KEYS[71]),
        ):
            await client.publish_all(request)
            assert await client.publish(write(None, 3)) == TAKEN
            assert await client.publish(write(THEIRS, 3)) == TAKEN
        assert await read_address(client) == [as_json(ours)]


async def test_a_deletion_that_came_first_frees_nothing_of_a_later_version(database18: dict[str, Any]) -> None:
    ours = write(OURS, 2)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(delete(1, by_address(ours)), ours)
        assert await client.publish(write(THEIRS, 3)) == TAKEN


async def test_a_deletion_and_the_new_version_can_be_sent_at_once(database18: dict[str, Any]) -> None:
    ours, new = write(OURS, 0), write(THEIRS, 2)
    connection = await asyncpg.connect(**database18)
    for named in (("e", ours.id), by_address(ours)):
        transaction = connection.transaction()
        await transaction.start()
        await insert(connection, ours)
        assert await insert(connection, delete(1, named), new) == [SaveResult.STORED] * 2
        assert await connection.fetchval("SELECT id FROM notes WHERE address IS NOT NULL") == bytes.fromhex(new.id)
        await transaction.rollback()
    await insert(connection, ours)
    # Nor does one that would not take it.
    assert (await insert(connection, delete(-1, by_address(ours)), new))[1] is SaveResult.ADDRESS_TAKEN
    assert (await insert(connection, delete(1, ("e", new.id)), new))[1] is SaveResult.ADDRESS_TAKEN
    await connection.close()


async def test_a_deletion_that_waits_for_its_batch_frees_nothing_until_then(database18: dict[str, Any]) -> None:
    ours, plain = write(OURS, 0), write(None, 2)
    request = make_ring_note("", kind=5, author=OUTER, created_at=NOW + 1, tags=(("e", ours.id),))
    async with relay_of(database18, privacy=BATCHES) as (relay, url), Client(url) as client:
        assert await client.publish(ours) == HELD
        await relay.publisher.publish(unix_now())
        saved = await asyncio.gather(
            *(relay._writer.save(note) for note in (replace(to_ring_note(request), is_held=True), to_note(plain)))
        )
        assert saved == [SaveResult.HELD, SaveResult.ADDRESS_TAKEN]
        await relay.publisher.publish(unix_now())
        assert await client.publish(plain) == STORED


async def test_what_has_expired_frees_its_address_before_it_is_deleted_and_not_earlier(
    database18: dict[str, Any],
) -> None:
    expires_at = int(time.time()) + 2
    ours = write(OURS, 0, tags=(("expiration", str(expires_at)),))
    # It is never deleted while this runs.
    async with (
        relay_on(database18, internal=InternalLimits(delete_expired_every_s=3_600), **OPEN_HOUSE) as url,
        Client(url) as client,
    ):
        await client.publish_all(ours)
        assert await client.publish(write(THEIRS, 1)) == TAKEN

        async def is_gone() -> bool:
            return await read_address(client) == []

        await until(is_gone)
        new = write(THEIRS, 2)
        await client.publish_all(new)
        assert await read_address(client) == [as_json(new)]


async def test_the_rule_holds_after_the_night(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    await insert(connection, write(OURS, 0))
    await rewrite(database18)
    assert await connection.fetchval("SELECT count(*) FROM sorted_notes") == 1
    assert await insert(connection, write(THEIRS, 1)) == [SaveResult.ADDRESS_TAKEN]
    assert await insert(connection, write(OURS, 2)) == [SaveResult.STORED]
    assert await insert(connection, write(None, 3)) == [SaveResult.ADDRESS_TAKEN]
    await connection.close()


class Model:
    """What the page of the protocol says of one address, in a few lines."""

    def __init__(self) -> None:
        self.version: Event | None = None
        self.deletions: list[Event] = []

    def take(self, event: Event) -> SaveResult:
        if event.kind == 5:
            self.deletions.append(event)
            if self.version is not None and self.is_deleted(self.version):
                self.version = None
            return SaveResult.STORED
        if self.is_deleted(event):
            return SaveResult.DELETED
        if (held := self.version) is not None:
            ring = find_ring(held)
            if ring is not None and ring != find_ring(event):
                return SaveResult.ADDRESS_TAKEN
            if held.created_at > event.created_at:
                return SaveResult.SUPERSEDED
        self.version = event
        return SaveResult.STORED

    def is_deleted(self, event: Event) -> bool:
        return any(request.created_at >= event.created_at for request in self.deletions)


def find_ring(event: Event) -> tuple[str, ...] | None:
    return next((tag for tag in event.tags if tag[0] == "ring"), None)


async def test_every_order_of_versions_and_a_deletion_ends_as_the_protocol_says(database18: dict[str, Any]) -> None:
    ours = write(OURS, 1)
    events = [ours, write(THEIRS, 2), write(OURS, 3), write(None, 4), delete(2, by_address(ours))]
    connection = await asyncpg.connect(**database18)
    for given in permutations(events):
        model = Model()
        transaction = connection.transaction()
        await transaction.start()
        for event in given:
            expected = [model.take(event)]
            assert await insert(connection, event) == expected
        stored = await connection.fetchval("SELECT id FROM notes WHERE address IS NOT NULL")
        assert stored == (None if model.version is None else bytes.fromhex(model.version.id))
        await transaction.rollback()
    await connection.close()


OLD, KEPT_FROM, NEW = SaveResult.SUPERSEDED, SaveResult.ADDRESS_TAKEN, SaveResult.STORED


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (None, [OLD, KEPT_FROM, NEW, KEPT_FROM]),
        (write(OURS, 0), [OLD, KEPT_FROM, NEW, KEPT_FROM]),
        (write(THEIRS, 0), [KEPT_FROM, NEW, KEPT_FROM, KEPT_FROM]),
        (write(None, 0), [OLD, KEPT_FROM, NEW, KEPT_FROM]),
        (write(OURS, 9), [OLD, KEPT_FROM, OLD, KEPT_FROM]),
    ],
    ids=["nothing", "ours", "theirs", "plain", "a newer one"],
)
async def test_versions_in_one_transaction_are_decided_as_if_the_newest_came_first(
    database18: dict[str, Any], earlier: Event | None, expected: list[Result]
) -> None:
    events = [write(OURS, 1), write(THEIRS, 2), write(OURS, 4), write(None, 3)]
    assert await decide_in_every_order(database18, earlier, events) == expected


async def test_in_one_transaction_a_newer_plain_version_comes_first_too(database18: dict[str, Any]) -> None:
    assert await decide_in_every_order(database18, None, [write(OURS, 1), write(None, 2)]) == [OLD, NEW]


async def decide_in_every_order(
    arguments: dict[str, Any], earlier: Event | None, events: Sequence[Event]
) -> list[Result | None]:
    """Return what becomes of each event, which must not depend on their order."""
    connection = await asyncpg.connect(**arguments)
    seen = []
    for given in permutations(range(len(events))):
        transaction = connection.transaction()
        await transaction.start()
        if earlier is not None:
            await insert(connection, earlier)
        saved = await insert(connection, *(events[place] for place in given))
        seen.append([saved[given.index(place)] for place in range(len(events))])
        await transaction.rollback()
    await connection.close()
    assert all(results == seen[0] for results in seen)
    return seen[0]


async def test_of_versions_sent_to_two_relays_at_once_one_is_accepted(database: dict[str, Any]) -> None:
    async with (
        # From memory it could not know yet what the other one has just stored.
        relay_on(database, window={"max_mib": 0}, **OPEN_HOUSE) as first,
        relay_on(database, **OPEN_HOUSE) as second,
        Client(first) as one,
        Client(second) as other,
    ):
        for number in range(12):
            d = f"at once {number}"
            # A plain one that is newer keeps out what is older, and a ring note all that is not its ring's.
            rivals = (write(OURS, number % 3, d=d), write((THEIRS, None)[number % 2], 4, d=d))
            answers = await asyncio.gather(one.publish(rivals[0]), other.publish(rivals[1]))
            (stored,) = await one.fetch({"#d": [d]})
            here = answers.index(STORED)
            assert stored == as_json(rivals[here])
            assert answers[1 - here] == (OLDER if here and number % 2 else TAKEN)


async def test_what_waits_takes_no_address_and_says_nothing_and_the_batch_publishes_one(
    database18: dict[str, Any],
) -> None:
    ours, theirs, again = write(OURS, 1), write(THEIRS, 2), write(OURS, 3)
    async with relay_of(database18, privacy=BATCHES) as (relay, url), Client(url) as client:
        for version in (ours, theirs, again, ours):
            assert await client.publish(version) == HELD
        await relay.publisher.publish(unix_now())
        assert await read_address(client) == [as_json(again)]
        # What is here is public.
        assert await client.publish(write(THEIRS, 4)) == TAKEN
        assert await client.publish(write(None, 4)) == TAKEN
        assert await client.publish(write(OURS, 4)) == HELD


async def test_what_waits_is_dropped_where_another_ring_has_the_address_by_then(database18: dict[str, Any]) -> None:
    ours, theirs = write(OURS, 1), write(THEIRS, 2)
    async with (
        relay_of(database18, privacy=BATCHES) as (waiting, waiting_url),
        relay_on(database18, **OPEN_HOUSE) as url,
        Client(waiting_url) as author,
        Client(url) as other,
    ):
        assert await author.publish(theirs) == HELD
        await other.publish_all(ours)
        await waiting.publisher.publish(unix_now())
        assert await read_address(other) == [as_json(ours)]


async def test_what_waits_comes_after_a_plain_version_by_its_time_alone(database18: dict[str, Any]) -> None:
    async with relay_of(database18, privacy=BATCHES) as (relay, url), Client(url) as client:
        assert await client.publish(write(OURS, 1)) == HELD
        # Nothing of the ring's was to be seen when this came.
        await client.publish_all(write(None, 2))
        assert await client.publish(ours := write(OURS, 3)) == HELD
        await relay.publisher.publish(unix_now())
        assert await read_address(client) == [as_json(ours)]


async def test_nobody_is_asked_to_pay_for_a_version_that_another_ring_keeps_out(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with (
        shop(database18, tmp_path, accept={"plain": True}) as sold,
        Client(sold.url) as free,
        Client(sold.expensive) as author,
    ):
        await free.publish_all(write(OURS, 0))
        for version in (write(THEIRS, 1), write(None, 1)):
            assert await author.publish(version) == TAKEN
        assert sold.node.made == []
        await order(author, write(OURS, 1))


@pytest.mark.parametrize("privacy", [{}, BATCHES], ids=["at once", "in batches"])
async def test_of_two_rings_versions_that_are_paid_for_one_is_published_and_the_other_ones_money_is_kept(
    database18: dict[str, Any], tmp_path: Path, privacy: dict[str, int]
) -> None:
    ours, theirs = write(OURS, 2), write(THEIRS, 1)
    async with (
        shop(database18, tmp_path, privacy=privacy) as sold,
        Client(sold.expensive) as author,
        Client(sold.cheap) as other,
    ):
        bought, lost = await order(author, ours), await order(other, theirs)
        await sold.node.pay(bought.bolt11)
        assert (await author.next("OK"))[1] is True
        await sold.node.pay(lost.bolt11)
        answer = await other.next("OK")
        if privacy:
            # What waits says nothing of what else waits.
            assert answer[1] is True
            await sold.relay.publisher.publish(unix_now())
        else:
            assert answer == [theirs.id, *TAKEN]
            head = f"GET /pay/{token_of(lost)} HTTP/1.1\nHost: x\nAccept: application/json"
            status, _, body = await request(sold.relay.port, head)
            assert (status, json.loads(body)["state"]) == (409, "unpublished")
        assert await author.fetch({}) == [as_json(ours)]
        assert await other.fetch({}) == [as_json(ours)]
        # It is not asked for a second time.
        assert await other.publish(theirs) == TAKEN
    connection = await asyncpg.connect(**database18)
    ((reference, note_id, amount_msat, reason),) = await connection.fetch(
        "SELECT reference, note_id, amount_msat, reason FROM unapplied_payments"
    )
    # As long as the payment is not forgotten its reference claims it at the node; what waited has left that behind.
    assert ((reference is None) == bool(privacy), note_id, amount_msat, reason) == (True, None, 1_000_000, "refused")
    await connection.close()
