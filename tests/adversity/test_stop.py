"""Starting and stopping a served relay: what was answered is stored, everything ends in time, and refusals say what to do."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from relay.postgres.embedded.cluster import SUPERUSER
from tests.support.client import Client, fetch_ids, publish_many
from tests.support.events import make_event
from tests.support.processes import LOAD_SETTINGS, ServeProcess, exists, has_signal, serve, started
from tests.support.raw import connect_silently
from tests.support.time_factor import scaled
from tests.support.waiting import until, until_blocked

pytestmark = pytest.mark.serial

STOP_S = scaled(10.0)
_GOING_AWAY = 1001
both_signals = pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])


async def stop(relay: ServeProcess, signal_number: signal.Signals = signal.SIGTERM) -> float:
    """Signal a relay, expect that it and its Postgres end well within the time, and return how long that took."""
    postgres = relay.list_postgres()
    started_s = time.monotonic()
    relay.process.send_signal(signal_number)
    status = await relay.wait_for_end()
    took_s = time.monotonic() - started_s
    assert (status, [pid for pid in postgres if exists(pid)]) == (0, []), relay.log
    assert took_s < STOP_S
    assert "internal_error" not in relay.log, relay.log
    return took_s


async def read_answers(client: Client) -> tuple[dict[str, bool], int | None]:
    """Return every OK until the connection closes, and the closing code."""
    answers: dict[str, bool] = {}
    try:
        while True:
            event_id, accepted, _ = await client.next("OK")
            answers[event_id] = accepted
    except ConnectionClosed as closed:
        return answers, closed.rcvd.code if closed.rcvd else None


@both_signals
async def test_what_was_answered_before_the_end_is_stored_and_every_connection_is_closed_with_1001(
    reachable_directory: Path, signal_number: signal.Signals
) -> None:
    events = [make_event(content=str(number)) for number in range(400)]
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(serve(reachable_directory, **LOAD_SETTINGS))
        idle = await stack.enter_async_context(Client(relay.url))
        author = await stack.enter_async_context(Client(relay.url))
        reading = asyncio.create_task(read_answers(author))
        for event in events:
            await author.send("EVENT", event)
        assert await stop(relay, signal_number) < STOP_S / 2
        answers, code = await reading
        assert code == _GOING_AWAY
        assert await read_answers(idle) == ({}, _GOING_AWAY)
    accepted = {event_id for event_id, is_accepted in answers.items() if is_accepted}
    # None is refused because of the stop: an event is answered as ever, or was not taken.
    assert len(accepted) == len(answers)
    async with serve(reachable_directory, **LOAD_SETTINGS) as relay:
        assert set(await fetch_ids(relay.url, {event.id for event in events})) == accepted


async def test_events_in_flight_when_the_signal_comes_are_answered_and_stored(reachable_directory: Path) -> None:
    event = make_event()
    async with (
        serve(reachable_directory, **LOAD_SETTINGS) as relay,
        Client(relay.url) as author,
        holding_locks(relay, "SHARE ROW EXCLUSIVE") as locks,
    ):
        await author.send("EVENT", event)
        await until_blocked(relay.connect_arguments(), 1)
        stopping = asyncio.create_task(stop(relay))
        await until(lambda: "stopping" in relay.log)
        await locks.execute("ROLLBACK")
        assert await read_answers(author) == ({event.id: True}, _GOING_AWAY)
        await stopping
    async with serve(reachable_directory, **LOAD_SETTINGS) as relay:
        assert await fetch_ids(relay.url, {event.id}) == [event.id]


async def test_a_stopping_relay_takes_no_more_connections(reachable_directory: Path) -> None:
    # It keeps the relay busy for a while: it does not answer the closing handshake.
    async with (
        serve(reachable_directory, **LOAD_SETTINGS) as relay,
        connect_silently(relay.url),
    ):
        stopping = asyncio.create_task(stop(relay))
        await until(lambda: "stopping" in relay.log)
        while not stopping.done():
            try:
                async with Client(relay.url, open_timeout=STOP_S) as late:
                    with pytest.raises(ConnectionClosed):
                        await late.receive()
            except ConnectionRefusedError:
                break
        assert not stopping.done()
        await stopping


async def test_clients_that_never_read_and_never_answer_the_closing_handshake_do_not_hold_up_the_end(
    reachable_directory: Path,
) -> None:
    async with serve(reachable_directory, **LOAD_SETTINGS) as relay:
        await publish_many(relay.url, 100, 90_000)
        async with AsyncExitStack() as stack:
            for _ in range(5):
                client = await stack.enter_async_context(connect_silently(relay.url))
                await client.send("REQ", "all", {"limit": 1000})
                assert (await client.receive_message())[0] == "EVENT"
            await stop(relay)


@asynccontextmanager
async def holding_locks(relay: ServeProcess, mode: str) -> AsyncIterator[Any]:
    """Make statements on notes wait, as a slow disk or a long migration would."""
    connection = await asyncpg.connect(**relay.connect_arguments(SUPERUSER))
    try:
        await connection.execute(f"BEGIN; LOCK TABLE notes IN {mode} MODE")
        yield connection
    finally:
        connection.terminate()


@both_signals
async def test_a_slow_query_under_way_does_not_hold_up_the_end(
    reachable_directory: Path, signal_number: signal.Signals
) -> None:
    async with (
        serve(reachable_directory, **LOAD_SETTINGS, LIMITS__QUERY_TIMEOUT_S="60") as relay,
        Client(relay.url) as reader,
        holding_locks(relay, "ACCESS EXCLUSIVE"),
    ):
        await reader.send("REQ", "slow", {})
        await reader.send("COUNT", "slow count", {})
        await until_blocked(relay.connect_arguments(), 2)
        assert await stop(relay, signal_number) < STOP_S / 2


@pytest.mark.parametrize("mode", ["SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"], ids=["its commit", "its lookup"])
async def test_an_event_whose_statement_hangs_does_not_hold_up_the_end(reachable_directory: Path, mode: str) -> None:
    async with (
        serve(reachable_directory, **LOAD_SETTINGS, LIMITS__QUERY_TIMEOUT_S="60") as relay,
        Client(relay.url) as author,
        holding_locks(relay, mode),
    ):
        await author.send("EVENT", make_event())
        await until_blocked(relay.connect_arguments(), 1)
        await stop(relay)


async def until_listening_for_signals(relay: ServeProcess) -> None:
    """Wait until SIGTERM is caught: before that, the interpreter is loading, and a signal ends it as it ends anything."""
    await until(lambda: has_signal("SigCgt", relay.pid, signal.SIGTERM))


@both_signals
async def test_a_signal_while_the_relay_is_starting_for_the_first_time_ends_it_and_leaves_it_startable(
    reachable_directory: Path, signal_number: signal.Signals
) -> None:
    async with started(ServeProcess(reachable_directory)) as relay:
        await until_listening_for_signals(relay)
        await until(lambda: list(relay.data_dir.glob("postgres/cluster*")))
        await stop(relay, signal_number)
        assert relay.list_postgres() == []
    async with serve(reachable_directory) as relay:
        await stop(relay)


async def test_a_signal_while_the_relay_waits_for_a_database_that_does_not_answer_ends_it(
    reachable_directory: Path,
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(say_nothing) as port:
        url = f"postgresql://nobody@127.0.0.1:{port}/nothing"
        async with started(ServeProcess(reachable_directory, DATABASE__URL=url)) as relay:
            await until_listening_for_signals(relay)
            relay.process.terminate()
            assert await relay.wait_for_end(STOP_S) == 0


@asynccontextmanager
async def listening(serve_one: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """Listen on a port of the system's choice and give it."""
    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def fail_to_start(directory: Path, **settings: str) -> str:
    """Start a relay that cannot start, and return what it says."""
    relay = ServeProcess(directory, variables={}, **settings)
    await relay.start()
    try:
        assert await relay.wait_for_end() == 1, relay.log
    finally:
        if relay.process.returncode is None:
            await relay.kill_everything()
    return relay.log


async def test_a_second_relay_on_the_same_data_directory_says_what_to_do_and_leaves_the_first_alone(
    reachable_directory: Path,
) -> None:
    async with serve(reachable_directory, **LOAD_SETTINGS) as relay:
        said = await fail_to_start(reachable_directory)
        assert "another relay is using" in said
        assert "Stop it first, or give this relay a data directory of its own" in said
        assert "Traceback" not in said
        async with Client(relay.url) as client:
            await client.publish_all(make_event())
        assert await stop(relay) < STOP_S / 2


@pytest.mark.parametrize("variable", ["SERVER__PORT", "SERVER__PRIVATE_PORT"])
async def test_a_second_relay_on_the_same_port_names_the_setting_and_leaves_no_postgres(
    reachable_directory: Path, variable: str
) -> None:
    async with listening(lambda *_: None) as port:
        said = await fail_to_start(reachable_directory, **{variable: str(port)})
        assert f"cannot listen on 127.0.0.1:{port}" in said
        assert f"RELAY_{variable}" in said
        assert "Traceback" not in said
        # Its Postgres has ended and the directory is free.
        assert not (reachable_directory / "data" / "postgres" / "cluster" / "postmaster.pid").exists()


async def test_a_second_start_after_a_clean_stop_is_ready_in_under_three_seconds(reachable_directory: Path) -> None:
    async with serve(reachable_directory) as relay:
        await stop(relay)
    started_s = time.monotonic()
    async with serve(reachable_directory) as relay:
        async with Client(relay.url) as client:
            assert await client.fetch({}) == []
        assert time.monotonic() - started_s < scaled(3.0)
        await stop(relay)
