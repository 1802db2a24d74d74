"""The relay against nostr-sdk, a client nobody here wrote: what NIP-01, 09, 11 and 45 promise it, ring notes included.

The SDK checks every id and signature it is sent, and it bans a relay that sends what was not asked for. Where order and
repeats matter its notifications are read, not its lists: those it sorts and deduplicates itself.
"""

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import nostr_sdk
import pytest
from nostr_sdk import (
    ClientBuilder,
    ClientMessage,
    EventBuilder,
    Keys,
    Kind,
    NostrSdkError,
    RelayInformationDocument,
    RelayUrl,
    ReqTarget,
    Tag,
    Timestamp,
)

from relay.client.signing.verify_event import verify_note
from relay.protocol.event import Event, decode_event
from relay.protocol.refusal import Rejected
from tests.support.client import as_json, to_json
from tests.support.events import KEYS, make_event, make_ring_note, make_words_note, pubkey_of, sign_again
from tests.support.relays import relay_on
from tests.support.time_factor import scaled

TIMEOUT_S = scaled(20.0)
TIMEOUT = timedelta(seconds=TIMEOUT_S)
PLAIN = {"plain": True}
ODD_CONTENT = "".join(map(chr, range(0x20))) + '\x7f"\\/\u2028\u2029 \u00e9\U0001f600'

Json = dict[str, Any]


class Sdk:
    """One SDK client on one relay."""

    def __init__(self, client: nostr_sdk.Client, relay: nostr_sdk.Relay) -> None:
        self._client = client
        self.relay = relay
        self._notifications = client.notifications()
        self._frames: defaultdict[str, deque[list[Any]]] = defaultdict(deque)
        self._new_events: deque[nostr_sdk.Event] = deque()

    async def publish(self, event: nostr_sdk.Event | Event) -> str:
        """Send an event and return the reason of a refusal, or nothing."""
        if isinstance(event, Event):
            event = to_sdk(event)
        output = await self._client.send_event(event, ok_timeout=TIMEOUT)
        assert len(output.success) + len(output.failed) == 1
        return "".join(output.failed.values())

    async def publish_all(self, *events: nostr_sdk.Event | Event) -> None:
        for event in events:
            assert await self.publish(event) == ""

    async def fetch(self, **filter_: Any) -> list[Json]:
        """Return what the SDK's own fetch gives; raise NostrSdkError with the reason of a refusal."""
        events = await self.relay.fetch_events(to_filter(filter_), TIMEOUT)
        return [json.loads(event.as_json()) for event in events]

    async def count(self, **filter_: Any) -> int:
        count: int = await self.relay.count_events(to_filter(filter_), TIMEOUT)
        return count

    async def subscribe(self, subscription: str, *filters: Json) -> list[Json]:
        """Open a subscription and return what is stored, as it was sent: in its order, with repeats if there are any."""
        target = ReqTarget.auto([to_filter(filter_) for filter_ in filters])
        output = await self._client.subscribe(target, id=subscription)
        assert output.failed == {}
        return await self._read_stored(subscription)

    async def replace(self, subscription: str, filter_: Json) -> list[Json]:
        """Send a REQ as it is, which the SDK's own subscribe does not do with an id in use, and return what is stored."""
        await self.relay.send_msg(ClientMessage.req(subscription, to_filter(filter_)))
        return await self._read_stored(subscription)

    async def _read_stored(self, subscription: str) -> list[Json]:
        events = []
        while (message := await self.next(subscription))[0] != "EOSE":
            assert message[0] == "EVENT", message
            events.append(message[2])
        return events

    async def unsubscribe(self, subscription: str) -> None:
        await self._client.unsubscribe(subscription)

    async def next(self, subscription: str) -> list[Any]:
        """Return the next frame that the relay sent for a subscription."""
        while not self._frames[subscription]:
            await self._read_notification()
        return self._frames[subscription].popleft()

    async def next_new_event(self) -> nostr_sdk.Event:
        """Return the next event that the SDK verified and had not seen before."""
        while not self._new_events:
            await self._read_notification()
        return self._new_events.popleft()

    async def _read_notification(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            notification = await self._notifications.next()
        assert notification is not None
        if notification.is_new_event():
            self._new_events.append(notification.event)
        elif notification.is_message():
            message = json.loads(notification.message.as_json())
            if message[0] in ("EVENT", "EOSE", "CLOSED"):
                self._frames[message[1]].append(message)


def to_sdk(event: Event) -> nostr_sdk.Event:
    return nostr_sdk.Event.from_json(json.dumps(to_json(event)))


def to_filter(fields: Json) -> nostr_sdk.Filter:
    """Return a filter from NIP-01's field names; `tag_t=[...]` stands for `#t`."""
    return nostr_sdk.Filter.from_json(
        json.dumps({name.replace("tag_", "#"): value for name, value in fields.items()}),
    )


def make(
    content: str = "hello", *, keys: Keys, kind: int = 1, tags: Sequence[Sequence[str]] = (), at: int | None = None
) -> nostr_sdk.Event:
    """Make an event with the SDK's own builder."""
    builder = EventBuilder(Kind(kind), content).tags([Tag.parse(list(tag)) for tag in tags])
    return builder.custom_created_at(Timestamp.from_secs(int(time.time()) if at is None else at)).finalize(keys)


def ids_of(*events: nostr_sdk.Event) -> list[str]:
    return [event.id().to_hex() for event in events]


def list_ids(events: list[Json]) -> list[str]:
    return [event["id"] for event in events]


@asynccontextmanager
async def sdk_on(url: str, *, is_strict: bool = True) -> AsyncIterator[Sdk]:
    """Connect a client; a strict one bans the relay over an event that its subscription did not ask for."""
    client = ClientBuilder().verify_subscriptions(is_strict).ban_relay_on_mismatch(is_strict).build()
    relay_url = RelayUrl.parse(url)
    await client.add_relay(relay_url)
    output = await client.try_connect(TIMEOUT)
    assert output.success == [relay_url]
    relay = await client.relay(relay_url)
    assert relay is not None
    try:
        yield Sdk(client, relay)
    finally:
        await client.shutdown()


@pytest.fixture
def keys() -> Keys:
    return Keys.generate()


async def test_a_ring_note_is_published_and_found_by_id_author_and_ring(database18: dict[str, Any]) -> None:
    note = make_ring_note(ODD_CONTENT, tags=(("t", "ring"),))
    ring_id = next(tag[1] for tag in note.tags if tag[0] == "R")
    async with relay_on(database18) as url, sdk_on(url) as author, sdk_on(url) as reader:
        await author.publish_all(make_ring_note(ring_size=4), note)
        for filter_ in ({"ids": [note.id]}, {"authors": [note.pubkey]}, {"tag_R": [ring_id]}):
            found = await reader.fetch(**filter_)
            assert found == [as_json(note)]
            proof = verify_note(decode_event(json.dumps(found[0])))
            assert proof.ring_id == ring_id


async def test_a_linkable_note_is_found_by_its_key_image(database18: dict[str, Any]) -> None:
    first, second = (make_ring_note(text, scope="poll", signer=1) for text in ("yes", "no"))
    key_image = next(tag[1] for tag in first.tags if tag[0] == "J")
    async with relay_on(database18) as url, sdk_on(url) as author, sdk_on(url) as reader:
        await author.publish_all(first, second, make_ring_note(scope="poll", signer=3))
        found = await reader.fetch(tag_J=[key_image])
        assert {event["id"] for event in found} == {first.id, second.id}
        assert {verify_note(decode_event(json.dumps(event))).key_image for event in found} == {key_image}


async def test_ring_notes_are_found_and_followed_by_a_search(database18: dict[str, Any]) -> None:
    small, large, words = make_ring_note(ring_size=4), make_ring_note(ring_size=6), make_words_note(ring_size=6)
    search = f"ring:{pubkey_of(KEYS[5])} minring:6 binding:event"
    async with relay_on(database18) as url, sdk_on(url) as author, sdk_on(url) as reader:
        await author.publish_all(small, large, words)
        assert await author.fetch(search=search) == [as_json(large)]
        assert await reader.subscribe("live", {"search": search, "limit": 0}) == []
        later = make_ring_note("later", ring_size=7)
        await author.publish_all(make_ring_note("other", ring_size=4), later)
        assert json.loads((await reader.next_new_event()).as_json()) == as_json(later)


async def test_a_ring_note_is_delivered_live_and_verifies(database18: dict[str, Any]) -> None:
    note = make_ring_note()
    async with relay_on(database18) as url, sdk_on(url) as author, sdk_on(url) as reader:
        assert await reader.subscribe("live", {"kinds": [1]}) == []
        await author.publish_all(note)
        received = await reader.next_new_event()
        assert json.loads(received.as_json()) == as_json(note)
        verify_note(decode_event(received.as_json()))


async def test_a_note_changed_after_its_ring_signed_it_is_refused_and_does_not_verify(
    database18: dict[str, Any],
) -> None:
    note = make_ring_note(author=KEYS[30])
    async with relay_on(database18) as url, sdk_on(url) as client:
        await client.publish_all(note)
        (found,) = await client.fetch()
        changed = sign_again(decode_event(json.dumps({**found, "content": "changed"})), KEYS[30], note.tags)
        with pytest.raises(Rejected):
            verify_note(changed)
        assert (await client.publish(changed)).startswith("invalid: ")


async def test_a_note_without_a_ring_is_refused_with_our_reason(database18: dict[str, Any], keys: Keys) -> None:
    async with relay_on(database18) as url, sdk_on(url) as client:
        assert (
            await client.publish(make(keys=keys))
            == "blocked: this relay only accepts ring-signed notes; sign it with a ring"
        )
        assert await client.publish(make(keys=keys, kind=0, content="{}")) == ""


@pytest.mark.parametrize(
    ("tags", "ahead_s", "reason"),
    [
        ([["-"]], 0, 'blocked: protected events are not accepted here; post it without its "-" tag'),
        ([["expiration", "1000"]], 0, "invalid: the event has expired; post it with a later expiration tag or none"),
        ([], 5000, "invalid: created_at is more than 900 seconds in the future; set your clock"),
    ],
)
async def test_a_refused_event_comes_back_with_our_reason(
    database18: dict[str, Any], keys: Keys, tags: list[list[str]], ahead_s: int, reason: str
) -> None:
    event = make(keys=keys, tags=tags, at=int(time.time()) + ahead_s)
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client:
        assert await client.publish(event) == reason
        assert await client.fetch() == []


async def test_events_come_back_as_they_were_sent_and_a_second_time_is_no_error(
    database18: dict[str, Any], keys: Keys
) -> None:
    event = make(ODD_CONTENT, keys=keys, tags=[["t", "a\0b"], ["x", ODD_CONTENT, ""], ["y"]])
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(event, event)
        assert await reader.fetch(tag_t=["a\0b"]) == [json.loads(event.as_json())]
        assert (await reader.fetch())[0]["content"] == ODD_CONTENT


async def test_stored_events_come_newest_first_and_the_lowest_id_first_in_one_second(
    database18: dict[str, Any], keys: Keys
) -> None:
    # More than the relay reads from its database at once.
    events = [make(keys=keys, kind=(1, 7)[n % 2], at=1000 + n // 3, content=str(n)) for n in range(120)]
    expected = sorted(events, key=lambda event: (-event.created_at().as_secs(), event.id().to_hex()))
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await asyncio.gather(*(client.publish_all(event) for event in events))
        assert list_ids(await reader.subscribe("all", {})) == ids_of(*expected)
        assert list_ids(await reader.subscribe("some", {"limit": 6})) == ids_of(*expected[:6])
        # With two index scans to merge.
        assert list_ids(await reader.subscribe("kinds", {"kinds": [1, 7], "limit": 6})) == ids_of(*expected[:6])


@pytest.mark.parametrize(("max_ties", "sent"), [(1_000, 3), (0, 2)])
async def test_a_second_is_sent_whole_to_a_client_that_does_not_ban_relays_for_it(
    database18: dict[str, Any], keys: Keys, max_ties: int, sent: int
) -> None:
    events = sorted((make(keys=keys, at=1000, content=str(n)) for n in range(3)), key=lambda event: event.id().to_hex())
    limits = {"max_ties": max_ties}
    async with relay_on(database18, accept=PLAIN, limits=limits) as url, sdk_on(url, is_strict=False) as client:
        await client.publish_all(*events)
        assert list_ids(await client.subscribe("notes", {"limit": 2})) == ids_of(*events[:sent])
        assert set(list_ids(await client.fetch(limit=2))) == set(ids_of(*events[:sent]))
    async with relay_on(database18, accept=PLAIN, limits=limits) as url, sdk_on(url) as strict:
        await strict.subscribe("notes", {"limit": 3})
        await strict.fetch(limit=2)
        # Nobody is strict who does not ask for it. An operator whose readers are sets max_ties = 0.
        assert (strict.relay.status() is nostr_sdk.RelayStatus.BANNED) == (sent > 2)


async def test_no_limit_gives_the_newest_and_too_high_a_limit_is_lowered(
    database18: dict[str, Any], keys: Keys
) -> None:
    events = [make(keys=keys, at=1000 + number) for number in range(6)]
    newest = ids_of(*reversed(events))
    limits = {"default_limit": 2, "max_limit": 4}
    async with relay_on(database18, accept=PLAIN, limits=limits) as url, sdk_on(url) as client:
        await client.publish_all(*events)
        assert list_ids(await client.subscribe("default", {})) == newest[:2]
        assert list_ids(await client.subscribe("high", {"limit": 5000})) == newest[:4]


async def test_limit_0_gives_only_what_comes_later(database18: dict[str, Any], keys: Keys) -> None:
    stored, live = make("stored", keys=keys), make("live", keys=keys)
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(stored)
        assert await reader.subscribe("live", {"limit": 0}) == []
        await client.publish_all(live)
        assert await reader.next("live") == ["EVENT", "live", json.loads(live.as_json())]


async def test_since_and_until_are_inclusive(database18: dict[str, Any], keys: Keys) -> None:
    events = [make(keys=keys, at=at) for at in (1000, 1001, 1002, 1003)]
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(*events)
        assert list_ids(await reader.fetch(since=1001, until=1002)) == ids_of(events[2], events[1])
        assert list_ids(await reader.fetch(since=1003)) == ids_of(events[3])
        assert list_ids(await reader.fetch(until=1000)) == ids_of(events[0])
        assert await reader.fetch(until=0) == []


async def test_values_of_a_tag_are_alternatives_and_two_tag_letters_must_both_match(
    database18: dict[str, Any], keys: Keys
) -> None:
    person = Keys.generate().public_key().to_hex()
    both = make("both", keys=keys, tags=[["p", person], ["t", "tea"]], at=3000)
    one = make("one", keys=keys, tags=[["t", "milk"]], at=2000)
    twice = make("twice", keys=keys, tags=[["t", "tea"], ["t", "milk"], ["t", "tea"]], at=1500)
    second_value = make("second value", keys=keys, tags=[["t", "sugar", "tea"]], at=1000)
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(both, one, twice, second_value)
        found = await reader.subscribe("either", {"#t": ["tea", "milk"]})
        assert list_ids(found) == ids_of(both, one, twice)
        assert list_ids(await reader.fetch(tag_t=["tea", "milk"], tag_p=[person])) == ids_of(both)
        assert await reader.fetch(tag_t=["milk"], tag_p=[person]) == []
        assert await reader.fetch(tag_T=["tea"]) == []


async def test_an_event_that_matches_two_filters_is_sent_once_stored_and_once_live(
    database18: dict[str, Any], keys: Keys
) -> None:
    old, other, live, last = (
        make(kind=kind, keys=keys, at=at) for at, kind in ((1000, 1), (2000, 7), (3000, 1), (4000, 7))
    )
    filters = ({"kinds": [1]}, {"authors": [keys.public_key().to_hex()]}, {"ids": ids_of(old)})
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(old, other)
        assert list_ids(await reader.subscribe("twice", *filters)) == ids_of(other, old)
        await client.publish_all(live, last)
        received = [(await reader.next("twice"))[2]["id"] for _ in range(2)]
        assert received == ids_of(live, last)


async def test_events_stored_and_live_arrive_in_one_subscription_until_it_is_closed(
    database18: dict[str, Any], keys: Keys
) -> None:
    stored, *live = (make(str(number), keys=keys) for number in range(5))
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(stored)
        assert list_ids(await reader.subscribe("notes", {"kinds": [1]})) == ids_of(stored)
        assert list_ids(await reader.subscribe("other", {"kinds": [1]})) == ids_of(stored)
        await client.publish_all(*live[:3])
        assert [(await reader.next("notes"))[2]["id"] for _ in range(3)] == ids_of(*live[:3])
        await reader.unsubscribe("notes")
        # An answer from the relay after its CLOSE: from here on nothing more is sent to "notes".
        await reader.fetch(ids=ids_of(stored))
        await client.publish_all(live[3])
        assert [(await reader.next("other"))[2]["id"] for _ in range(4)] == ids_of(*live)
        assert list_ids(await reader.subscribe("notes", {"ids": ids_of(stored)})) == ids_of(stored)


async def test_a_second_req_with_the_same_id_replaces_the_first(database18: dict[str, Any], keys: Keys) -> None:
    old, note, reaction = (make(keys=keys, kind=kind, at=at) for at, kind in enumerate((7, 1, 7), 1000))
    # The SDK remembers the first filter, and a strict client would hold the relay to it.
    async with (
        relay_on(database18, accept=PLAIN) as url,
        sdk_on(url) as client,
        sdk_on(url, is_strict=False) as reader,
    ):
        await client.publish_all(old)
        assert await reader.subscribe("same", {"kinds": [1]}) == []
        assert list_ids(await reader.replace("same", {"kinds": [7]})) == ids_of(old)
        await client.publish_all(note, reaction)
        assert (await reader.next("same"))[2]["id"] == reaction.id().to_hex()


async def test_a_closed_subscription_makes_room_for_another(database18: dict[str, Any], keys: Keys) -> None:
    event = make(keys=keys)
    async with relay_on(database18, accept=PLAIN, limits={"max_subscriptions": 1}) as url, sdk_on(url) as client:
        await client.publish_all(event)
        assert list_ids(await client.subscribe("first", {})) == ids_of(event)
        with pytest.raises(NostrSdkError, match="rate-limited: at most 1 subscriptions per connection"):
            await client.fetch()
        await client.unsubscribe("first")
        assert list_ids(await client.subscribe("second", {})) == ids_of(event)


async def test_a_refused_req_is_closed_with_our_reason(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"max_filter_values": 3}) as url, sdk_on(url) as client:
        with pytest.raises(NostrSdkError, match="unsupported: full-text search is not available; search by ring:"):
            await client.fetch(search="ring")
        with pytest.raises(NostrSdkError, match="invalid: too many values in one list of a filter: at most 3"):
            await client.fetch(kinds=[1, 2, 3, 4])
        assert await client.fetch() == []


async def test_counts_are_those_of_the_matching_events(database18: dict[str, Any], keys: Keys) -> None:
    events = [make(keys=keys, kind=kind, tags=[["t", "tea"], ["t", "milk"]]) for kind in (1, 1, 1, 7)]
    ours = {event.id().to_hex() for event in events}
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client:
        await client.publish_all(*events)
        assert await client.count() == len(ours)
        assert await client.count(kinds=[7]) == 1
        assert await client.count(tag_t=["tea", "milk"], limit=1) == len(ours)
        assert await client.count(kinds=[6]) == 0


async def test_of_a_replaceable_kind_only_the_newest_version_is_given(database18: dict[str, Any], keys: Keys) -> None:
    old, new = (make(str(at), keys=keys, kind=10002, at=at) for at in (1000, 2000))
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(old, new)
        assert list_ids(await reader.fetch(kinds=[10002])) == ids_of(new)
        assert (await client.publish(old)).startswith("duplicate: ")


async def test_of_an_addressable_kind_the_newest_version_of_each_address_is_given(
    database18: dict[str, Any], keys: Keys
) -> None:
    old, new, other = (
        make(keys=keys, kind=30023, tags=[["d", d]], at=at) for d, at in (("one", 1000), ("one", 3000), ("two", 2000))
    )
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(old, new, other)
        assert list_ids(await reader.fetch(kinds=[30023])) == ids_of(new, other)
        assert list_ids(await reader.fetch(tag_d=["one"])) == ids_of(new)


async def test_ephemeral_events_are_delivered_live_and_not_stored(database18: dict[str, Any], keys: Keys) -> None:
    event = make(keys=keys, kind=20001)
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        assert await reader.subscribe("live", {"kinds": [20001]}) == []
        await client.publish_all(event)
        assert (await reader.next("live"))[2] == json.loads(event.as_json())
        assert await reader.fetch(kinds=[20001]) == []


async def test_authors_delete_their_own_events_and_addresses_and_nobody_elses(
    database18: dict[str, Any], keys: Keys
) -> None:
    mine, other = make("mine", keys=keys), make("other", keys=Keys.generate())
    article = make(keys=keys, kind=30023, tags=[["d", "one"]], at=1000)
    later = make(keys=keys, kind=30023, tags=[["d", "one"]], at=3000)
    address = f"30023:{keys.public_key().to_hex()}:one"
    by_id = make("", keys=keys, kind=5, tags=[["e", event_id] for event_id in ids_of(mine, other)])
    by_address = make("", keys=keys, kind=5, tags=[["a", address]], at=2000)
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(mine, other, article, by_id, by_address)
        assert set(list_ids(await reader.fetch())) == set(ids_of(other, by_id, by_address))
        # Another client: the SDK itself holds back what it has seen deleted.
        assert (await reader.publish(mine)).startswith("blocked: ")
        await reader.publish_all(later)
        assert list_ids(await reader.fetch(kinds=[30023])) == ids_of(later)


async def test_the_sdk_reads_the_info_document(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"max_limit": 5123}) as url, aiohttp.ClientSession() as session:
        headers = {"Accept": "application/nostr+json"}
        async with session.get("http" + url.removeprefix("ws"), headers=headers) as response:
            document = RelayInformationDocument.from_json(await response.text())
    assert {1, 9, 11, 40, 45, 67, 70} <= set(document.supported_nips() or [])
    limitation = document.limitation()
    assert limitation is not None
    assert (limitation.max_limit, limitation.payment_required) == (5123, False)


async def test_events_made_elsewhere_pass_through_the_sdk_unchanged(database18: dict[str, Any]) -> None:
    event = make_event(content=ODD_CONTENT, tags=(("t", ODD_CONTENT),))
    async with relay_on(database18, accept=PLAIN) as url, sdk_on(url) as client, sdk_on(url) as reader:
        await client.publish_all(event)
        assert await reader.fetch(tag_t=[ODD_CONTENT]) == [as_json(event)]
