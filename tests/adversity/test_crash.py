"""The relay and all of its Postgres die in one moment, again and again: what was answered OK true is there afterwards."""

import asyncio
import itertools
import os
import random
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
from coincurve import PrivateKey
from websockets.exceptions import ConnectionClosed

from relay.embedded.cluster import DATABASE, PORT, ROLE, SUPERUSER
from relay.event import Event
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.relays import relay_on

KILLS = 20
READY_S = 30.0
_POLL_S = 0.01
# What one client sends and has not been answered yet.
_WINDOW = 40
_MOST_EVENTS_A_ROUND = 3_000


async def until(condition: Callable[[], object], bound_s: float = 20.0) -> None:
    """Wait until something holds, and fail when it takes too long."""
    deadline = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(_POLL_S)


def exists(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def list_children(parent: int) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name, in parentheses, may hold spaces; what follows is the state and the parent.
            if int(entry.read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.add(int(entry.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def send_signal(pid: int, signal_number: signal.Signals) -> None:
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        pass  # It ended by itself in between.


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class ServeProcess:
    """Run `python -m relay serve` on a directory, with free ports; `settings` are RELAY_* variables without the prefix."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.private_port = find_free_port()
        self.url = ""
        self._settings = {"SERVER__PORT": "0", "SERVER__PRIVATE_PORT": str(self.private_port), **settings}
        self.process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def cluster(self) -> Path:
        return self.directory / "data" / "postgres" / "cluster"

    @property
    def log(self) -> str:
        """Return all that this and earlier relays on the directory wrote to standard error."""
        return (self.directory / "serve.log").read_text(encoding="utf-8")

    def connect_arguments(self, user: str = ROLE, database: str = DATABASE) -> dict[str, Any]:
        """Return what asyncpg needs to connect as the relay does."""
        sockets = self.directory / "data" / "postgres" / "socket"
        return {"host": str(sockets), "port": PORT, "user": user, "database": database}

    async def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
        environment |= {
            "RELAY_DATA_DIR": str(self.directory / "data"),
            "RELAY_DATABASE__SHARED_BUFFERS_MIB": "16",
            **{f"RELAY_{name}": value for name, value in self._settings.items()},
        }
        with (self.directory / "serve.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "relay", "serve"),
                stdout=PIPE,
                stderr=log,
                env=environment,
                # No relay.toml is there.
                cwd=self.directory,
            )

    async def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_S):
            while line := (await self.process.stdout.readline()).decode():
                if line.startswith("  relay "):
                    self.url = line.split()[1]
                if line.startswith("  first note "):
                    return
        raise AssertionError(f"the relay ended before it was ready: {self.log}")

    def list_postgres(self) -> list[int]:
        """Return the process ids of the built-in Postgres, the postmaster first."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return []
        return [pid, *sorted(list_children(pid))] if exists(pid) else []

    async def wait_for_end(self, bound_s: float = 15.0) -> int:
        """Return the exit status."""
        async with asyncio.timeout(bound_s):
            return await self.process.wait()

    async def kill_everything(self) -> None:
        """Freeze the relay and every process of its Postgres, then kill them all: one moment for the whole machine."""
        send_signal(self.pid, signal.SIGSTOP)
        pids = {self.pid}
        # A frozen postmaster forks no more; what it forked before it froze, the next look finds.
        while new := set(self.list_postgres()) - pids:
            for pid in sorted(new, key=lambda pid: pid not in self.list_postgres()[:1]):
                send_signal(pid, signal.SIGSTOP)
            pids |= new
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        await self.wait_for_end()
        await until(lambda: not any(map(exists, pids)))


@asynccontextmanager
async def serve(directory: Path, **settings: str) -> AsyncIterator[ServeProcess]:
    """Run a relay process; whatever is left of it at the end is killed."""
    relay = ServeProcess(directory, **settings)
    await relay.start()
    try:
        await relay.wait_until_ready()
        yield relay
    finally:
        if relay.process.returncode is None or relay.list_postgres():
            await relay.kill_everything()


LOAD_SETTINGS = {"ACCEPT__PLAIN": "true", "LIMITS__EVENTS_PER_S": "100000"}


def make_plain_notes(key: PrivateKey) -> Iterator[Event]:
    for number in range(_MOST_EVENTS_A_ROUND):
        yield make_event(key=key, content=f"{number} {secrets.token_hex(8)}", tags=(("t", "load"),))


def make_ring_notes() -> Iterator[Event]:
    for number in range(_MOST_EVENTS_A_ROUND):
        scope = "crash" if number % 4 == 0 else None
        yield make_ring_note(f"{number} {secrets.token_hex(8)}", ring_size=3, scope=scope)


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
            AND octet_length(n.event) > 0 AND (n.pre_id IS NOT NULL OR EXISTS (SELECT FROM tags WHERE note_id = n.id))
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
        await reader.send("REQ", "live", {"kinds": [7], "limit": 0})
        assert await reader.next("EOSE") == ["live"]
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


async def fetch_ids(url: str, ids: set[str]) -> list[str]:
    """Ask the relay for notes by id, some at a time, and return the ids it sends."""
    found: list[str] = []
    async with Client(url) as client:
        remaining = iter(sorted(ids))
        while chunk := list(itertools.islice(remaining, 500)):
            found += [event["id"] for event in await client.fetch({"ids": chunk, "limit": 500})]
    return found


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
        await reader.send("REQ", "live", {"limit": 0})
        assert await reader.next("EOSE") == ["live"]
        await author.publish_all(note)
        assert (await reader.next("EVENT"))[1]["id"] == note.id
