"""Clients that do not read: what they cost the relay is bounded, and nobody else notices."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.log import Log
from relay.server import Relay, running
from tests.support.client import Client, publish_many
from tests.support.events import make_event
from tests.support.processes import serve
from tests.support.raw import SilentClient, connect_silently
from tests.support.relays import OPEN_HOUSE, make_config, read_metric, to_database_url, to_url

_MEBIBYTE = 1_048_576
# More than the kernel keeps for a connection on the relay's side (tcp_wmem) and on ours together.
_MAX_FLOOD_BYTES = 64 * _MEBIBYTE


@asynccontextmanager
async def relay_in_process(arguments: dict[str, Any], **sections: dict[str, Any]) -> AsyncIterator[Relay]:
    sections = {name: {**OPEN_HOUSE.get(name, {}), **sections.get(name, {})} for name in {*OPEN_HOUSE, *sections}}
    async with running(make_config(arguments, **sections), Log()) as relay:
        yield relay


def count_closes(relay: Relay) -> float:
    return read_metric(relay, "ringrelay_slow_client_closes_total")


async def test_a_subscriber_that_never_reads_is_closed_and_counted_and_the_others_get_everything(
    database18: dict[str, Any],
) -> None:
    async with relay_in_process(database18, limits={"max_pending_bytes": _MEBIBYTE}) as relay:
        url = to_url(relay)
        async with connect_silently(url) as silent, Client(url) as reader:
            for client in (silent, reader):
                await client.follow(kinds=[1])
            posted = asyncio.create_task(publish_many(url, 150, 90_000))
            received = [(await reader.next("EVENT"))[1]["id"] for _ in range(150)]
            assert received == await posted
            assert count_closes(relay) == 1
            messages, code = await silent.read_to_end()
            # The closing frame waits behind what was not read: it arrives, or the connection is cut.
            assert code in (1013, None)
            assert len(messages) < 150


async def test_a_subscriber_that_reads_too_slowly_but_reads_is_told_1013(database18: dict[str, Any]) -> None:
    async with relay_in_process(database18, limits={"max_pending_bytes": 65_536}) as relay:
        async with connect_silently(to_url(relay)) as slow:
            await slow.follow(kinds=[20001])
            posting = asyncio.create_task(publish_many(to_url(relay), 150, 90_000, kind=20001))
            while not count_closes(relay):
                await asyncio.wait([posting], timeout=0.01)
                assert not posting.done() or count_closes(relay)
            _, code = await slow.read_to_end()
            await posting
        assert code == 1013
        assert count_closes(relay) == 1


@pytest.mark.serial
async def test_many_subscribers_that_never_read_take_a_bounded_amount_of_memory(
    database18: dict[str, Any], reachable_directory: Path
) -> None:
    settings = {
        "DATABASE__URL": to_database_url(database18),
        "ACCEPT__PLAIN": "true",
        "LIMITS__EVENTS_PER_S": "10000",
        "LIMITS__MAX_PENDING_BYTES": str(_MEBIBYTE),
    }
    clients, notes = 10, 150
    async with serve(reachable_directory, **settings) as relay:
        # What a relay takes for the notes alone is not what is measured.
        await publish_many(relay.url, 20, 90_000)
        before = read_peak_memory(relay.pid)
        async with connect_all_silently(relay.url, clients):
            await publish_many(relay.url, notes, 90_000)
            grown = read_peak_memory(relay.pid) - before
    # Kept for everyone it would be 135 MB. For two seconds a client may leave four times the limit unread, and a write
    # under way is copied once.
    assert grown < 8 * clients * _MEBIBYTE


@asynccontextmanager
async def connect_all_silently(url: str, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(count):
            client = await stack.enter_async_context(connect_silently(url))
            await client.follow(kinds=[1])
        yield


def read_peak_memory(pid: int) -> int:
    """Return the most bytes that a process ever had resident."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    assert found
    return int(found[1]) * 1024


async def test_a_slow_reader_of_stored_notes_gets_everything_and_holds_no_database_connection(
    database18: dict[str, Any],
) -> None:
    async with relay_in_process(
        database18, database={"pool_size": 1}, limits={"max_pending_bytes": _MEBIBYTE}
    ) as relay:
        url = to_url(relay)
        stored = await publish_many(url, 150, 90_000)
        async with connect_silently(url) as slow, Client(url) as other:
            await slow.send("REQ", "all", {"limit": 1000})
            # The first page has come; what follows is more than the kernel takes off the relay's hands.
            first = await slow.receive_message()
            for _ in range(20):
                assert len(await other.fetch({"ids": stored[:1]})) == 1
            # Newer than all that is stored: one of the same second could be on a page that is not read yet.
            live = make_event(content="meanwhile", created_at=make_event().created_at + 60)
            await other.publish_all(live)
            messages = [first]
            while messages[-1][0] != "EOSE":
                messages.append(await slow.receive_message())
            assert sorted(message[2]["id"] for message in messages[:-1]) == sorted(stored)
            assert (await slow.receive_message())[2]["id"] == live.id
        assert count_closes(relay) == 0


async def test_a_client_that_never_reads_its_answers_is_not_read_from_any_more(database18: dict[str, Any]) -> None:
    event = make_event()
    async with relay_in_process(database18, limits={"events_per_s": 1, "burst_factor": 2}) as relay:
        url = to_url(relay)
        async with connect_silently(url) as silent, Client(url) as other:
            # Almost all are refused for their rate, which is the cheapest way to be sent an OK.
            sent = await silent.flood(SilentClient.frame("EVENT", event) * 1_000, _MAX_FLOOD_BYTES)
            assert sent < _MAX_FLOOD_BYTES
            taken = read_metric(relay, 'ringrelay_messages_total{verb="EVENT"}')
            # Others are served as before.
            assert len(await other.fetch({"ids": [event.id]})) == 1
            assert read_metric(relay, 'ringrelay_messages_total{verb="EVENT"}') == taken
            # Once it reads, it gets an answer to each, and is read from again.
            for _ in range(int(taken) + 1_000):
                assert (await silent.receive_message())[:2] == ["OK", event.id]
            assert read_metric(relay, 'ringrelay_messages_total{verb="EVENT"}') > taken


async def test_a_client_that_never_reads_the_answers_to_good_notes_leaves_no_note_half_done(
    database18: dict[str, Any],
) -> None:
    events = [make_event(content=str(number)) for number in range(300)]
    async with relay_in_process(database18) as relay:
        async with connect_silently(to_url(relay)) as silent:
            for event in events:
                await silent.send("EVENT", event)
            answers = [await silent.receive_message() for _ in events]
        assert sorted(answer[1] for answer in answers) == sorted(event.id for event in events)
        assert all(answer[2] for answer in answers)
