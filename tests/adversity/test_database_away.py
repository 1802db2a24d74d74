"""The database goes away and comes back while the relay runs: no wrong OK, no lost note, and no restart needed."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from relay.log import Log
from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.embedded.cluster import DATABASE, PORT
from relay.postgres.migrate import apply_migrations, find_migrations_directory
from relay.protocol.event import Event
from relay.server import Relay, running
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.processes import find_free_port
from tests.support.raw import get
from tests.support.relays import OPEN_HOUSE, end_sessions, make_config, read_metric, to_url
from tests.support.time_factor import scaled
from tests.support.waiting import until

pytestmark = pytest.mark.serial

_BOUND_S = scaled(20.0)
_TEST_BOUND_S = scaled(75.0)
_TRIES = 20


@pytest_asyncio.fixture
async def own_server(reachable_directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Give a durable server that this test alone may stop."""
    server = EmbeddedPostgres(reachable_directory / "postgres", shared_buffers="16MB")
    await server.start()
    try:
        connection = await asyncpg.connect(**server.connect_arguments)
        await apply_migrations(connection, find_migrations_directory())
        await connection.close()
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def relay_for(arguments: dict[str, Any], private_port: int = 0) -> AsyncIterator[Relay]:
    config = make_config(arguments, server={"private_port": private_port}, **OPEN_HOUSE)
    # However it fails, a test of this file ends.
    async with asyncio.timeout(_TEST_BOUND_S), running(config, Log()) as relay:
        yield relay


async def expect_refusals(relay: Relay, private_port: int) -> None:
    """Expect that everything that needs the database is refused with `error:`, on a connection that stays."""
    async with Client(to_url(relay)) as client:
        for event in (make_event(content="away"), make_ring_note("away")):
            accepted, text = await client.publish(event)
            assert (accepted, text.partition(":")[0]) == (False, "error")
        for verb in ("REQ", "COUNT"):
            await client.send(verb, "sub", {})
            subscription, text = await client.next("CLOSED")
            assert (subscription, text.partition(":")[0]) == ("sub", "error")
        await client.send("REQ", "only live", {"limit": 0})
        assert await client.next("EOSE") == ["only live"]
    assert (await get(private_port, "/healthz"))[0] == 503


async def expect_service(relay: Relay, private_port: int, listener: Client) -> None:
    """Expect that everything works, for a subscriber of before too, who gets nothing but the new note."""

    async def is_healthy() -> bool:
        return (await get(private_port, "/healthz"))[0] == 200

    await until(is_healthy)
    note = make_event(content=secrets.token_hex(8), kind=7)
    async with Client(to_url(relay)) as client:

        async def is_accepted() -> bool:
            accepted, text = await client.publish(note)
            assert accepted or text.startswith("error:"), text
            return accepted

        await until(is_accepted)
        assert [event["id"] for event in await client.fetch({"ids": [note.id]})] == [note.id]
    assert (await listener.next("EVENT"))[1]["id"] == note.id


@pytest.mark.parametrize("is_crash", [False, True], ids=["stopped", "killed"])
async def test_while_postgres_is_away_everything_is_refused_and_when_it_is_back_everything_works(
    own_server: EmbeddedPostgres, is_crash: bool
) -> None:
    private_port = find_free_port()
    async with relay_for(own_server.connect_arguments, private_port) as relay, Client(to_url(relay)) as listener:
        await listener.follow(kinds=[7])
        await expect_service(relay, private_port, listener)
        for _ in range(2):
            if is_crash:
                kill(own_server)
            await own_server.stop()
            await expect_refusals(relay, private_port)
            await own_server.start()
            await expect_service(relay, private_port, listener)


def kill(server: EmbeddedPostgres) -> None:
    for pid in server.pids():
        os.kill(pid, signal.SIGKILL)


async def test_a_database_that_is_away_is_not_counted_as_a_fault_of_the_relay(own_server: EmbeddedPostgres) -> None:
    private_port = find_free_port()
    async with relay_for(own_server.connect_arguments, private_port) as relay:
        await own_server.stop()
        await expect_refusals(relay, private_port)
        assert read_metric(relay, "ringrelay_internal_errors_total") == 0


async def test_notes_of_other_relays_are_delivered_again_after_postgres_was_away(own_server: EmbeddedPostgres) -> None:
    arguments = own_server.connect_arguments
    ports = find_free_port(), find_free_port()
    async with relay_for(arguments, ports[0]) as relay, relay_for(arguments, ports[1]) as other:  # noqa: SIM117
        async with Client(to_url(other)) as listener, Client(to_url(relay)) as own_listener:
            for client in (listener, own_listener):
                await client.follow(kinds=[7])
            await own_server.stop()
            await own_server.start()
            await expect_service(relay, ports[0], listener)
            assert (await own_listener.next("EVENT"))[1]["kind"] == 7


async def test_a_refusal_for_want_of_a_connection_is_answered_and_unhealthy(own_server: EmbeddedPostgres) -> None:
    private_port = find_free_port()
    arguments = own_server.connect_arguments
    async with relay_for(arguments, private_port) as relay:
        admin = await asyncpg.connect(**own_server.superuser_arguments)
        try:
            # A server that is starting, stopping or full refuses with an error of its own, not with a closed socket.
            await admin.execute(f"ALTER DATABASE {arguments['database']} WITH ALLOW_CONNECTIONS false")
            await end_sessions(admin, DATABASE)
            await expect_refusals(relay, private_port)
            await admin.execute(f"ALTER DATABASE {arguments['database']} WITH ALLOW_CONNECTIONS true")
        finally:
            await admin.close()
        async with Client(to_url(relay)) as listener:
            await listener.follow(kinds=[7])
            await expect_service(relay, private_port, listener)


async def post_until_accepted(url: str, events: list[Event], accepted: set[str]) -> None:
    """Post events a few at a time; those answered `error:` are sent again."""
    async with Client(url) as author:
        for start in range(0, len(events), 10):
            remaining = {event.id: event for event in events[start : start + 10]}
            for _ in range(_TRIES):
                for event in remaining.values():
                    await author.send("EVENT", event)
                for _ in range(len(remaining)):
                    event_id, is_accepted, text = await author.next("OK")
                    assert is_accepted or text.startswith("error:"), text
                    if is_accepted:
                        accepted.add(event_id)
                        del remaining[event_id]
                if not remaining:
                    break
            assert not remaining


async def test_no_acknowledged_note_is_lost_or_doubled_when_connections_are_terminated_under_load(
    own_server: EmbeddedPostgres,
) -> None:
    lists = [[make_event(key=key, content=str(number)) for number in range(300)] for key in KEYS[:3]]
    ids = sorted(event.id for events in lists for event in events)
    accepted: set[str] = set()
    async with relay_for(own_server.connect_arguments) as relay, Client(to_url(relay)) as listener:
        await listener.follow(kinds=[1])
        admin = await asyncpg.connect(**own_server.superuser_arguments)
        try:
            async with asyncio.TaskGroup() as group:
                posting = [group.create_task(post_until_accepted(to_url(relay), events, accepted)) for events in lists]
                group.create_task(terminate_while(admin, posting, accepted))
        finally:
            await admin.close()
        assert sorted(accepted) == ids
        stored = await fetch_stored(own_server)
        assert stored == ids
        live = [(await listener.next("EVENT"))[1]["id"] for _ in ids]
        assert sorted(live) == ids
        last = make_event(content="nothing more comes")
        async with Client(to_url(relay)) as author:
            await author.publish_all(last)
        assert (await listener.next("EVENT"))[1]["id"] == last.id


async def terminate_while(admin: asyncpg.Connection, posting: list["asyncio.Task[None]"], accepted: set[str]) -> None:
    """Terminate all connections again and again, each time after something was stored."""

    def has_come_to(wanted: int) -> bool:
        return len(accepted) >= wanted or all(task.done() for task in posting)

    while not all(task.done() for task in posting):
        wanted = len(accepted) + 30
        await end_sessions(admin, DATABASE)
        await until(partial(has_come_to, wanted))


async def fetch_stored(server: EmbeddedPostgres) -> list[str]:
    connection = await asyncpg.connect(**server.connect_arguments)
    try:
        return sorted(record["id"].hex() for record in await connection.fetch("SELECT id FROM notes"))
    finally:
        await connection.close()


class CuttingProxy:
    """Stand between a relay and its Postgres, and lose the answer to one COMMIT together with its connection."""

    def __init__(self, server: EmbeddedPostgres, directory: Path) -> None:
        self._target = Path(server.connect_arguments["host"]) / f".s.PGSQL.{PORT}"
        self._directory = directory
        self.connect_arguments = {**server.connect_arguments, "host": str(directory)}
        self.notified = asyncio.Event()
        self._before_cut: Callable[[], Awaitable[None]] | None = None

    def cut_at_commit(self, before_cut: Callable[[], Awaitable[None]]) -> None:
        """Pass the next COMMIT on, keep its answer back, wait for `before_cut`, and then close the connection."""
        self.notified.clear()
        self._before_cut = before_cut

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["CuttingProxy"]:
        server = await asyncio.start_unix_server(self._forward, self._directory / f".s.PGSQL.{PORT}")
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._target)
        muted = asyncio.Event()
        answers = asyncio.create_task(self._pass_answers(server_reader, writer, muted))
        try:
            while data := await reader.read(65_536):
                server_writer.write(data)
                if b"COMMIT;" in data and self._before_cut is not None:
                    before_cut, self._before_cut = self._before_cut, None
                    muted.set()
                    await before_cut()
                    return
        except ConnectionError:
            pass
        finally:
            server_writer.close()
            writer.close()
            await asyncio.wait([answers])

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if muted.is_set():
                    continue
                writer.write(data)
                # A NotificationResponse begins with A and its length, and names the channel.
                if b"ringrelay_feed\x00" in data:
                    self.notified.set()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.mark.parametrize("is_notified_first", [False, True], ids=["", "after its notification"])
async def test_a_note_whose_commit_lost_its_answer_is_delivered_once_and_a_duplicate_when_sent_again(
    own_server: EmbeddedPostgres, tmp_path: Path, is_notified_first: bool
) -> None:
    note, last = make_event(content="cut"), make_event(content="last")
    async with (
        CuttingProxy(own_server, tmp_path).listening() as proxy,
        relay_for(proxy.connect_arguments) as relay,
        Client(to_url(relay)) as author,
        Client(to_url(relay)) as listener,
    ):
        await listener.follow(kinds=[1])
        # The feed follows from here on.
        await author.publish_all(make_event(content="first"))
        assert (await listener.next("EVENT"))[1]["content"] == "first"

        async def is_stored() -> bool:
            return note.id in await fetch_stored(own_server)

        async def before_cut() -> None:
            await until(is_stored)
            if is_notified_first:
                async with asyncio.timeout(_BOUND_S):
                    await proxy.notified.wait()
                async with Client(to_url(relay)) as other:
                    # By the time this is answered the relay has read the notification too.
                    assert len(await other.fetch({"ids": [note.id]})) == 1

        proxy.cut_at_commit(before_cut)
        accepted, text = await author.publish(note)
        assert accepted or text.startswith("error:"), text
        assert await author.publish(note) == (True, "duplicate: already have this event")
        assert (await listener.next("EVENT"))[1]["id"] == note.id
        await author.publish_all(last)
        assert (await listener.next("EVENT"))[1]["id"] == last.id
        assert note.id in await fetch_stored(own_server)
