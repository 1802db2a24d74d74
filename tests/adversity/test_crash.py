"""The relay and all of its Postgres die in one moment, again and again: what was answered OK true is there afterwards."""

import asyncio
import random
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import asyncpg
import pytest
from coincurve import PrivateKey
from websockets.exceptions import ConnectionClosed

from relay.postgres.embedded.cluster import SUPERUSER
from relay.protocol.event import Event
from tests.support.client import Client, fetch_ids
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.processes import LOAD_SETTINGS, ServeProcess, serve
from tests.support.relays import relay_on
from tests.support.waiting import until

pytestmark = pytest.mark.serial

KILLS = 20
# What one client sends and has not been answered yet.
_WINDOW = 40
_MAX_EVENTS_A_ROUND = 3_000


def make_plain_notes(key: PrivateKey) -> Iterator[Event]:
    for number in range(_MAX_EVENTS_A_ROUND):
        yield make_event(key=key, content=f"{number} {secrets.token_hex(8)}", tags=(("t", "load"),))


def make_ring_notes() -> Iterator[Event]:
    for number in range(_MAX_EVENTS_A_ROUND):
        scope = "crash" if number % 4 == 0 else None
        # The fewest members that are accepted of linkable rings.
        ring_size = 5 if scope else 3
        yield make_ring_note(f"{number} {secrets.token_hex(8)}", ring_size=ring_size, scope=scope)


async def post(url: str, events: Iterator[Event], acknowledged: set[str]) -> None:
    """Send events, some at a time, and note which are answered OK true, until the relay is gone."""
    try:
        async with Client(url) as client:
            for number, event in enumerate(events):
                await client.send("EVENT", event)
                # Not answered one by one: a client's events wait together for their commit.
                if number >= _WINDOW:
                    await note_answer(client, acknowledged)
    except (ConnectionClosed, OSError, EOFError):
        return


async def note_answer(client: Client, acknowledged: set[str]) -> None:
    event_id, accepted, text = await client.next("OK")
    assert accepted or text.startswith("error:"), text
    if accepted:
        acknowledged.add(event_id)


async def kill_under_load(relay: ServeProcess, acknowledged: set[str], after: int) -> None:
    """Let clients post, and kill everything once so many more notes were answered OK true."""
    wanted = len(acknowledged) + after
    async with asyncio.TaskGroup() as group:
        for key in KEYS[10:13]:
            group.create_task(post(relay.url, make_plain_notes(key), acknowledged))
        group.create_task(post(relay.url, make_ring_notes(), acknowledged))
        await until(lambda: len(acknowledged) >= wanted)
        await relay.kill_everything()


async def find_lost(relay: ServeProcess, acknowledged: set[str]) -> set[str]:
    """Return which of the notes are not in the database whole: the note, its bytes and its tags."""
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        found = await connection.fetch(
            """
            SELECT n.id FROM notes n WHERE n.id = ANY($1::bytea[])
            AND octet_length(n.event) > 0 AND (n.signed_id IS NOT NULL OR EXISTS (SELECT FROM tags WHERE note_id = n.id))
            """,
            [bytes.fromhex(event_id) for event_id in acknowledged],
        )
    finally:
        await connection.close()
    return acknowledged - {record["id"].hex() for record in found}


async def check_live_delivery(url: str) -> None:
    """Expect that a new note reaches a subscriber once, and nothing else does."""
    first, second = (make_event(content=secrets.token_hex(8), kind=7) for _ in range(2))
    async with Client(url) as reader, Client(url) as author:
        await reader.follow(kinds=[7])
        await author.publish_all(first, second)
        assert [(await reader.next("EVENT"))[1]["id"] for _ in range(2)] == [first.id, second.id]


async def set_in_database(directory: Path, settings: Mapping[str, str]) -> None:
    """Change the server's settings as somebody with its superuser could; the relay itself has no such option."""
    async with serve(directory) as relay:
        connection = await asyncpg.connect(**relay.connect_arguments(SUPERUSER, "postgres"))
        try:
            for name, value in settings.items():
                await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        finally:
            await connection.close()


async def read_settings(relay: ServeProcess, *names: str) -> dict[str, str]:
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        return {name: await connection.fetchval("SELECT current_setting($1)", name) for name in names}
    finally:
        await connection.close()


async def lost_after_kills(
    directory: Path, kills: int, settings: Mapping[str, str] = MappingProxyType({})
) -> tuple[set[str], set[str]]:
    """Kill everything under load so many times, or until something is lost.

    Returns the ids that were answered OK true, and those of them that are gone.
    """
    if settings:
        await set_in_database(directory, settings)
    acknowledged: set[str] = set()
    draw = random.Random(2)
    for _ in range(kills):
        async with serve(directory, **LOAD_SETTINGS) as relay:
            assert await read_settings(relay, *settings) == dict(settings)
            if lost := await find_lost(relay, acknowledged):
                return acknowledged, lost
            await check_live_delivery(relay.url)
            await kill_under_load(relay, acknowledged, after=draw.randint(1, 400))
    async with serve(directory, **LOAD_SETTINGS) as relay:
        return acknowledged, await find_lost(relay, acknowledged)


# Half a minute where nothing else runs, three where the machine is busy.
@pytest.mark.timeout(900)
async def test_every_note_answered_ok_is_there_after_twenty_kills_of_the_relay_and_its_postgres(
    reachable_directory: Path,
) -> None:
    acknowledged, lost = await lost_after_kills(reachable_directory, KILLS)
    assert lost == set()
    assert len(acknowledged) > KILLS
    async with serve(reachable_directory, **LOAD_SETTINGS, LIMITS__REQS_PER_S="1000") as relay:
        assert sorted(await fetch_ids(relay.url, acknowledged)) == sorted(acknowledged)


async def test_with_synchronous_commit_off_a_note_answered_ok_is_lost_so_the_crash_test_can_fail(
    reachable_directory: Path,
) -> None:
    # The delays only make certain what would happen within a few tries without them.
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
    acknowledged, lost = await lost_after_kills(reachable_directory, KILLS, settings)
    assert lost
    assert lost <= acknowledged


async def test_the_built_in_postgres_of_a_served_relay_writes_every_commit_to_the_disk(
    reachable_directory: Path,
) -> None:
    async with serve(reachable_directory) as relay:
        assert await read_settings(relay, "fsync", "full_page_writes", "synchronous_commit") == {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
        }


async def test_after_a_crash_emptied_the_feed_another_relay_on_the_database_still_learns_of_new_notes(
    reachable_directory: Path,
) -> None:
    async with serve(reachable_directory, **LOAD_SETTINGS) as relay:
        await kill_under_load(relay, set(), after=100)
    note = make_event(content="across processes")
    async with (
        serve(reachable_directory, **LOAD_SETTINGS) as relay,
        relay_on(relay.connect_arguments(), accept={"plain": True}) as other_url,
        Client(other_url) as reader,
        Client(relay.url) as author,
    ):
        await reader.follow()
        await author.publish_all(note)
        assert (await reader.next("EVENT"))[1]["id"] == note.id
