"""The relay against nostr-tools under Node, a client nobody here wrote: what NIP-01, 09, 11 and 45 promise it.

nostr-tools finds subscription and event ids in the text of a frame, drops what it did not ask for, and checks every
signature; an event it drops or finds invalid fails the test that meant to receive it. client.mjs drives it.
"""

import asyncio
import json
import os
import secrets
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.client.signing.verify_event import verify_note
from relay.protocol.event import Event, decode_event
from tests.support import npm
from tests.support.client import Client, as_json, to_json
from tests.support.events import make_event, make_ring_note
from tests.support.relays import relay_on
from tests.support.time_factor import scaled

FOLDER = Path(__file__).parent / "nostr_tools"
TIMEOUT_S = scaled(20.0)
MAX_LINE_BYTES = 2**24
PLAIN = {"plain": True}
NO_FULL_TEXT = (
    "unsupported: full-text search is not available; "
    "search by ring:, ringid:, keyimage:, scope:, scheme:, minring:, binding: or form:"
)
CONTENTS = {
    "control characters": "".join(map(chr, range(0x20))),
    "zero": "a\0b",
    "delete": "a\x7fb",
    "line separators": "a\u2028b\u2029c\x85d",
    "emoji": "\U0001f600 \U0001f469\u200d\U0001f4bb \u00e9 e\u0301 \u4e16",
    "escapes": '"\\/</script>\\u0000\\n',
    "what looks like a frame": '["EVENT","other",{"id":"' + "0" * 64 + '"}]',
}

Json = dict[str, Any]


class NostrTools:
    """One process of client.mjs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.lines: defaultdict[str, deque[Json]] = defaultdict(deque)

    async def ask(self, command: str, **arguments: Any) -> Json:
        """Give a command and return its answer."""
        self._stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        return await self.next("answer")

    async def next(self, recipient: str) -> Json:
        """Return the next line for a subscription, or the next answer."""
        while not self.lines[recipient]:
            async with asyncio.timeout(TIMEOUT_S):
                raw = await self._stdout.readline()
            assert raw, "client.mjs ended; its error is on stderr"
            line = json.loads(raw)
            self.lines[line.pop("to")].append(line)
        return self.lines[recipient].popleft()

    async def make(
        self, content: str = "hello", *, secret: str, kind: int = 1, tags: Sequence[Sequence[str]] = (), at: int = 0
    ) -> Json:
        """Make an event with nostr-tools' finalizeEvent."""
        template = {"content": content, "kind": kind, "tags": tags, "created_at": at or int(time.time())}
        event: Json = (await self.ask("finalize", template=template, secret=secret))["event"]
        return event

    async def publish(self, event: Json | Event) -> tuple[bool, str]:
        answer = await self.ask("publish", event=to_json(event))
        return answer["ok"], answer["reason"]

    async def publish_all(self, *events: Json | Event) -> None:
        for event in events:
            accepted, reason = await self.publish(event)
            assert accepted, reason

    async def fetch(self, *filters: Json, subscription: str = "fetch") -> list[Json]:
        """Return stored events in the order they came, all of them checked by nostr-tools."""
        answer = await self.ask("fetch", filters=filters, id=subscription)
        assert answer["invalid"] == []
        assert answer["scanned"] == list_ids(answer["events"])
        events: list[Json] = answer["events"]
        return events

    async def subscribe(self, subscription: str, *filters: Json) -> list[Json]:
        """Open a subscription and return what came before its EOSE."""
        await self.ask("subscribe", filters=filters, id=subscription)
        return await self.read_stored(subscription)

    async def read_stored(self, subscription: str) -> list[Json]:
        events = []
        while (line := await self.next(subscription)) != {"eose": True}:
            events.append(line["event"])
        return events

    async def next_event(self, subscription: str) -> Json:
        event: Json = (await self.next(subscription))["event"]
        return event


def list_ids(events: Sequence[Json]) -> list[str]:
    return [event["id"] for event in events]


@pytest.fixture(scope="session")
def node() -> str:
    """Install nostr-tools where that was not done yet, and give the path of Node; skip where either cannot be had."""
    return npm.install(FOLDER, "nostr-tools is not tested")


@asynccontextmanager
async def nostr_tools_on(node: str, url: str) -> AsyncIterator[NostrTools]:
    """Run client.mjs on a relay; at the end nostr-tools must have had nothing to complain about."""
    process = await asyncio.create_subprocess_exec(
        node,
        FOLDER / "client.mjs",
        url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        env={name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"},
    )
    client = NostrTools(process)
    try:
        yield client
        assert not client.lines["warning"]
        async with asyncio.timeout(TIMEOUT_S):
            # An empty input closes stdin: client.mjs then ends.
            await process.communicate(b"")
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def secret() -> str:
    return secrets.token_hex(32)


async def test_a_ring_note_is_published_and_found_by_id_author_and_ring(database18: dict[str, Any], node: str) -> None:
    note = make_ring_note("\0".join(CONTENTS.values()), tags=(("t", "ring"),))
    ring_id = next(tag[1] for tag in note.tags if tag[0] == "R")
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        assert await client.publish(note) == (True, "")
        await client.publish_all(make_ring_note(ring_size=4))
        for filter_ in ({"ids": [note.id]}, {"authors": [note.pubkey]}, {"#R": [ring_id]}):
            assert await client.fetch(filter_) == [as_json(note)]
        (found,) = (await client.ask("poolFetch", filter={"#R": [ring_id]}))["events"]
        proof = verify_note(decode_event(json.dumps(found)))
        assert proof.ring_id == ring_id


async def test_a_linkable_note_is_found_by_its_key_image(database18: dict[str, Any], node: str) -> None:
    first, second = (make_ring_note(text, scope="poll", signer=1) for text in ("yes", "no"))
    key_image = next(tag[1] for tag in first.tags if tag[0] == "J")
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        await client.publish_all(first, second, make_ring_note(scope="poll", signer=3))
        found = await client.fetch({"#J": [key_image]})
        assert set(list_ids(found)) == {first.id, second.id}
        assert {verify_note(decode_event(json.dumps(event))).key_image for event in found} == {key_image}


async def test_a_ring_note_is_delivered_live_over_another_connection(database18: dict[str, Any], node: str) -> None:
    note = make_ring_note(ring_size=40, signer=39)
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        assert await client.subscribe("live", {"kinds": [1]}) == []
        assert await client.ask("poolPublish", event=as_json(note)) == {"ok": True, "reason": ""}
        received = await client.next_event("live")
        assert received == as_json(note)
        verify_note(decode_event(json.dumps(received)))


async def test_a_refused_publish_is_rejected_with_our_reason(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    reason = "blocked: this relay only accepts ring-signed notes; sign it with a ring"
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        event = await client.make(secret=secret)
        assert await client.publish(event) == (False, reason)
        assert await client.ask("poolPublish", event=event) == {"ok": False, "reason": reason}
        accepted, text = await client.publish({**event, "content": "changed"})
        assert (accepted, text) == (
            False,
            "invalid: the id is not the SHA-256 of the event as NIP-01 serialises it: compute it again",
        )
        # NIP-01: a malformed event is answered by its id too.
        accepted, text = await client.publish({**event, "kind": 65536})
        assert (accepted, text) == (
            False,
            "invalid: the event's kind is missing or is not what NIP-01 asks for: correct it",
        )
        assert await client.fetch({}) == []


@pytest.mark.parametrize("name", CONTENTS)
async def test_content_comes_back_byte_for_byte(database18: dict[str, Any], node: str, secret: str, name: str) -> None:
    content = CONTENTS[name]
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        assert await client.subscribe("live", {"kinds": [1]}) == []
        event = await client.make(content, secret=secret, tags=[["t", content], ["x", content, "", content]])
        assert event["content"] == content
        await client.publish_all(event)
        assert await client.next_event("live") == event
        assert await client.fetch({"#t": [content]}) == [event]


async def test_frames_are_found_by_text_for_any_subscription_id_nostr_tools_can_make(
    database18: dict[str, Any], node: str
) -> None:
    event = make_event(content=CONTENTS["what looks like a frame"], tags=(("id", "0" * 64), ("EVENT", "x")))
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        await client.publish_all(event)
        # Not for "EVENT", which a caller would have to choose: of the answer ["EOSE","EVENT",["finish"]] (NIP-67) nostr-tools
        # takes "finish" for the id.
        for subscription in ("x", "<forced-ping>:1", "EVENT:1", "s" * 64):
            assert await client.fetch({}, subscription=subscription) == [as_json(event)]
        assert (await client.ask("poolFetch", filter={}))["events"] == [as_json(event)]


async def test_an_event_sent_again_is_accepted_as_a_duplicate(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        event = await client.make(secret=secret)
        assert await client.publish(event) == (True, "")
        assert await client.publish(event) == (True, "duplicate: already have this event")


async def test_stored_events_come_newest_first_and_the_lowest_id_first_in_one_second(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        # More than the relay reads from its database at once.
        events = [await client.make(str(n), secret=secret, kind=(1, 7)[n % 2], at=1000 + n // 3) for n in range(120)]
        await client.publish_all(*events)
        expected = list_ids(sorted(events, key=lambda event: (-event["created_at"], event["id"])))
        assert list_ids(await client.fetch({})) == expected
        # A limit that cuts through one second, which is sent whole (NIP-67).
        assert list_ids(await client.fetch({"limit": 5})) == expected[:6]
        # With two index scans to merge.
        assert list_ids(await client.fetch({"kinds": [1, 7], "limit": 5})) == expected[:6]


async def test_no_limit_gives_the_newest_and_too_high_a_limit_is_lowered(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    limits = {"default_limit": 2, "max_limit": 4}
    async with relay_on(database18, accept=PLAIN, limits=limits) as url, nostr_tools_on(node, url) as client:
        events = [await client.make(secret=secret, at=1000 + number) for number in range(6)]
        await client.publish_all(*events)
        assert await client.fetch({}) == [events[5], events[4]]
        assert await client.fetch({"limit": 5000}) == [events[5], events[4], events[3], events[2]]


async def test_a_thousand_notes_of_shared_hours_are_read_whole_by_pages_of_twenty(
    database18: dict[str, Any], node: str
) -> None:
    notes = [make_event(content=str(number), created_at=(1 + number % 3) * 3_600) for number in range(1_000)]
    house: dict[str, Any] = {"accept": PLAIN, "limits": {"events_per_s": 100_000, "read_bytes_per_s": 1e9}}
    async with relay_on(database18, **house) as url, nostr_tools_on(node, url) as client:
        async with Client(url) as author:
            await author.publish_all(*notes)
        found: dict[str, None] = {}
        page = await client.fetch({"limit": 20})
        while fresh := [event["id"] for event in page if event["id"] not in found]:
            found |= dict.fromkeys(fresh)
            page = await client.fetch({"limit": 20, "until": min(event["created_at"] for event in page)})
    assert list(found) == [note.id for note in sorted(notes, key=lambda note: (-note.created_at, note.id))]


async def test_limit_0_gives_only_what_comes_later(database18: dict[str, Any], node: str, secret: str) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        await client.publish_all(await client.make("stored", secret=secret))
        assert await client.subscribe("live", {"limit": 0}) == []
        live = await client.make("live", secret=secret)
        await client.publish_all(live)
        assert await client.next_event("live") == live


async def test_since_and_until_are_inclusive(database18: dict[str, Any], node: str, secret: str) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        events = [await client.make(secret=secret, at=at) for at in (1000, 1001, 1002, 1003)]
        await client.publish_all(*events)
        assert await client.fetch({"since": 1001, "until": 1002}) == [events[2], events[1]]
        assert await client.fetch({"since": 1003}) == [events[3]]
        assert await client.fetch({"until": 1000}) == [events[0]]
        assert await client.fetch({"until": 0}) == []
        # The same of live events.
        assert await client.subscribe("live", {"since": 2001, "until": 2001}) == []
        early, exact = [await client.make(secret=secret, at=at) for at in (2000, 2001)]
        await client.publish_all(early, exact)
        assert await client.next_event("live") == exact


async def test_values_of_a_tag_are_alternatives_and_two_tag_letters_must_both_match(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    person = secrets.token_hex(32)
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        both = await client.make("both", secret=secret, tags=[["p", person], ["t", "tea"]], at=3000)
        one = await client.make("one", secret=secret, tags=[["t", "milk"]], at=2000)
        tags = [["t", "tea"], ["t", "milk"], ["t", "tea"]]
        twice = await client.make("twice", secret=secret, tags=tags, at=1500)
        second_value = await client.make("second value", secret=secret, tags=[["t", "sugar", "tea"]], at=1000)
        await client.publish_all(both, one, twice, second_value)
        assert await client.fetch({"#t": ["tea", "milk"]}) == [both, one, twice]
        assert await client.fetch({"#t": ["tea", "milk"], "#p": [person]}) == [both]
        assert await client.fetch({"#t": ["milk"], "#p": [person]}) == []
        assert await client.fetch({"#T": ["tea"]}) == []


async def test_an_event_that_matches_two_filters_is_sent_once_stored_and_once_live(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        old, other, live, last = [
            await client.make(secret=secret, kind=kind, at=at)
            for at, kind in ((1000, 1), (2000, 7), (3000, 1), (4000, 7))
        ]
        await client.publish_all(old, other)
        filters = ({"kinds": [1]}, {"authors": [old["pubkey"]]}, {"ids": [old["id"]]})
        assert await client.subscribe("twice", *filters) == [other, old]
        await client.publish_all(live, last)
        assert [await client.next_event("twice") for _ in range(2)] == [live, last]


async def test_a_subscription_receives_live_events_after_eose_until_it_is_closed(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        stored, first, second = [await client.make(str(number), secret=secret) for number in range(3)]
        await client.publish_all(stored)
        await client.ask("poolSubscribe", filter={"kinds": [1]}, id="pool")
        assert await client.read_stored("pool") == [stored]
        assert await client.subscribe("relay", {"kinds": [1]}) == [stored]
        await client.publish_all(first)
        assert await client.next_event("relay") == first
        assert await client.next_event("pool") == first
        await client.ask("unsubscribe", id="relay")
        assert await client.next("relay") == {"closed": "closed by caller"}
        await client.publish_all(second)
        assert await client.next_event("pool") == second
        assert not client.lines["relay"]


async def test_a_second_req_with_the_same_id_replaces_the_first(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        old, note, reaction = [
            await client.make(secret=secret, kind=kind, at=at) for at, kind in enumerate((7, 1, 7), 1000)
        ]
        await client.publish_all(old)
        assert await client.subscribe("same", {"kinds": [1]}) == []
        assert await client.subscribe("same", {"kinds": [7]}) == [old]
        await client.publish_all(note, reaction)
        # An event of the first filter would be reported as invalid.
        assert await client.next_event("same") == reaction


async def test_a_closed_subscription_makes_room_for_another(database18: dict[str, Any], node: str) -> None:
    async with (
        relay_on(database18, limits={"max_subscriptions": 1}) as url,
        nostr_tools_on(node, url) as client,
    ):
        assert await client.subscribe("first", {}) == []
        closed = (await client.ask("fetch", filters=[{}], id="second"))["closed"]
        assert closed == "rate-limited: at most 1 subscriptions per connection; CLOSE one and try again"
        await client.ask("unsubscribe", id="first")
        assert await client.subscribe("second", {}) == []


async def test_a_refused_req_is_closed_with_our_reason(database18: dict[str, Any], node: str) -> None:
    search = NO_FULL_TEXT
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        assert await client.ask("fetch", filters=[{"search": "ring"}], id="x") == {"closed": search}
        await client.ask("poolSubscribe", filter={"search": "ring"}, id="pool")
        assert await client.next("pool") == {"eose": True}  # nostr-tools' own, so that nobody waits for a closed relay
        assert await client.next("pool") == {"closed": search}
        closed = (await client.ask("fetch", filters=[{"ids": ["abc"]}], id="x"))["closed"]
        assert closed == "invalid: ids must be a list of 64-character lower-case hex strings"


async def test_counts_are_those_of_the_matching_events(database18: dict[str, Any], node: str, secret: str) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        tags = [["t", "tea"], ["t", "milk"]]
        await client.publish_all(
            *[await client.make(str(n), secret=secret, kind=kind, tags=tags) for n, kind in enumerate((1, 1, 1, 7))]
        )
        for filters, count in (
            ([{}], 4),
            ([{"kinds": [7]}], 1),
            ([{"#t": ["tea", "milk"], "limit": 1}], 4),
            ([{"kinds": [1]}, {"#t": ["tea"]}], 4),
            ([{"kinds": [6]}], 0),
        ):
            assert await client.ask("count", filters=filters) == {"ok": True, "reason": count}
        refused = await client.ask("count", filters=[{"search": "ring"}])
        assert refused == {"ok": False, "reason": NO_FULL_TEXT}


async def test_a_count_of_answers_is_one_of_ring_members(database18: dict[str, Any], node: str) -> None:
    asked = make_ring_note("who agrees?")
    answers = {"kinds": [7], "#e": [asked.id]}
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        await client.publish_all(asked)
        for signer, accepted in ((0, True), (1, True), (1, False)):
            answer = make_ring_note("+", kind=7, scope=f"7:{asked.id}", tags=(("e", asked.id),), signer=signer)
            assert (await client.publish(answer))[0] is accepted
        assert await client.ask("count", filters=[answers]) == {"ok": True, "reason": 2}
        assert len(await client.fetch({**answers, "search": "form:bound scheme:blsag"})) == 2


async def test_of_replaceable_and_addressable_kinds_only_the_newest_version_is_given(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        old, new = [await client.make(secret=secret, kind=10002, at=at) for at in (1000, 2000)]
        first, second, other = [
            await client.make(secret=secret, kind=30023, tags=[["d", d]], at=at)
            for d, at in (("one", 1000), ("one", 2000), ("two", 3000))
        ]
        await client.publish_all(old, new, first, second, other)
        assert await client.fetch({"kinds": [10002]}) == [new]
        assert await client.fetch({"kinds": [30023]}) == [other, second]
        assert await client.fetch({"kinds": [30023], "#d": ["one"]}) == [second]
        accepted, reason = await client.publish(old)
        assert (accepted, reason.partition(":")[0]) == (False, "duplicate")


async def test_ephemeral_events_are_delivered_live_and_not_stored(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        event = await client.make(secret=secret, kind=20001)
        assert await client.subscribe("live", {"kinds": [20001]}) == []
        assert await client.publish(event) == (True, "")
        assert await client.next_event("live") == event
        assert await client.fetch({"kinds": [20001]}) == []


async def test_authors_delete_their_own_events_and_addresses_and_nobody_elses(
    database18: dict[str, Any], node: str, secret: str
) -> None:
    async with relay_on(database18, accept=PLAIN) as url, nostr_tools_on(node, url) as client:
        mine, other = await client.make(secret=secret), await client.make(secret=secrets.token_hex(32))
        article, later = [
            await client.make(secret=secret, kind=30023, tags=[["d", "one"]], at=at) for at in (1000, 3000)
        ]
        by_id = await client.make("", secret=secret, kind=5, tags=[["e", mine["id"]], ["e", other["id"]]], at=1500)
        by_address = await client.make("", secret=secret, kind=5, tags=[["a", f"30023:{mine['pubkey']}:one"]], at=2000)
        await client.publish_all(mine, other, article, by_id, by_address)
        assert set(list_ids(await client.fetch({}))) == set(list_ids([other, by_id, by_address]))
        accepted, reason = await client.publish(mine)
        assert (accepted, reason.partition(":")[0]) == (False, "blocked")
        await client.publish_all(later)
        assert await client.fetch({"kinds": [30023]}) == [later]


async def test_the_ping_that_nostr_tools_sends_from_a_browser_is_answered(
    database18: dict[str, Any], node: str
) -> None:
    async with relay_on(database18) as url, nostr_tools_on(node, url) as client:
        assert await client.ask("ping") == {"ok": True}
        # nostr-tools takes a refusal for an answer as well; this relay does not refuse it.
        assert await client.fetch({"ids": ["a" * 64], "limit": 1}, subscription="<forced-ping>:2") == []


async def test_nostr_tools_reads_the_info_document(database18: dict[str, Any], node: str) -> None:
    async with relay_on(database18, limits={"max_limit": 5123}) as url, nostr_tools_on(node, url) as client:
        info = (await client.ask("info"))["info"]
    assert {1, 9, 11, 40, 45, 67, 70} <= set(info["supported_nips"])
    assert info["limitation"]["max_limit"] == 5123
