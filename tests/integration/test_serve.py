"""The relay as a process: what ends it, what it says when it cannot start, and what it greets with."""

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.config import Config
from relay.log import Log
from relay.postgres.open import open_database
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.processes import REPOSITORY, ServeProcess, find_free_port, send_signal, serve, started
from tests.support.relays import to_database_url
from tests.support.time_factor import scaled
from tests.support.waiting import until


@pytest.mark.parametrize("taken_over", [False, True], ids=["its own", "one taken over"])
async def test_a_relay_whose_built_in_postgres_is_killed_says_so_ends_with_1_and_can_be_started_again(
    reachable_directory: Path, taken_over: bool
) -> None:
    async with serve(reachable_directory) as relay:
        if taken_over:
            relay.process.kill()
            await relay.wait_for_end()
            await relay.start()
            await relay.wait_until_ready()
        send_signal(relay.list_postgres()[0], signal.SIGKILL)
        assert await relay.wait_for_end() == 1
        assert "ringrelay stopped: the built-in Postgres has ended" in relay.log
        assert "Start the relay again" in relay.log
        assert "Traceback" not in relay.log
        await relay.start()
        await relay.wait_until_ready()
        async with Client(relay.url) as client:
            assert await client.fetch({}) == []
        await relay.stop()


async def test_a_crash_that_postgres_recovers_from_does_not_end_the_relay(reachable_directory: Path) -> None:
    async with serve(reachable_directory) as relay:
        before = set(relay.list_postgres())
        victim = await find_session(relay)
        send_signal(victim, signal.SIGKILL)
        await until(lambda: victim not in relay.list_postgres() and set(relay.list_postgres()) - before)
        assert relay.process.returncode is None
        await relay.stop()


async def find_session(relay: ServeProcess) -> int:
    """Return the process id of a session of the relay."""
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        pid: int = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'ringrelay' LIMIT 1"
        )
        return pid
    finally:
        await connection.close()


def make_terminal() -> tuple[int, int, str]:
    """Return both ends of a terminal, and Python that makes it control a process in a session of its own."""
    terminal, other_end = os.openpty()
    name = os.ttyname(other_end)
    prelude = f"import fcntl, os, termios; os.setsid(); fcntl.ioctl(os.open({name!r}, os.O_RDWR), termios.TIOCSCTTY, 0)"
    return terminal, other_end, prelude


async def test_a_terminal_that_closes_stops_the_relay_as_sigterm_does(reachable_directory: Path) -> None:
    terminal, other_end, prelude = make_terminal()
    async with serve(reachable_directory, prelude=prelude) as relay:
        os.close(other_end)
        os.close(terminal)
        assert await relay.wait_for_end() == 0
        assert "event='stopped'" in relay.log
        assert relay.list_postgres() == []


async def test_nohup_keeps_a_relay_running_when_the_terminal_closes(reachable_directory: Path) -> None:
    terminal, other_end, prelude = make_terminal()
    prelude += "; import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    async with serve(reachable_directory, prelude=prelude) as relay:
        os.close(other_end)
        os.close(terminal)
        # What the signal means to a relay without a terminal.
        await until(lambda: "event='tiers_reloaded'" in relay.log)
        async with Client(relay.url) as client:
            assert await client.fetch({}) == []
        await relay.stop()


async def test_a_relay_that_waits_for_its_database_says_so_once(reachable_directory: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{find_free_port()}/nothing"
    async with started(ServeProcess(reachable_directory, DATABASE__URL=url)) as relay:
        await until(lambda: "waiting_for_database" in relay.log)
        relay.process.terminate()
        assert await relay.wait_for_end() == 0
        assert relay.log.count("waiting_for_database") == 1
        assert "nobody" not in relay.log


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"RELAY_DATABASE__URL": "postgresql://me:can#ary@127.0.0.1/db"}, "# is %23"),
        ({"RELAY_DATA_DIR": "/dev/full"}, "RELAY_DATA_DIR"),
    ],
    ids=["password", "directory"],
)
def test_what_is_in_the_way_is_said_in_one_line(
    reachable_directory: Path, command: str, variables: dict[str, str], said: str
) -> None:
    done = run(command, reachable_directory, **variables)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert "can" + "ary" not in done.stderr.replace("cannot", "")


@pytest.mark.parametrize("command", ["serve", "migrate"])
async def test_a_role_that_may_not_create_tables_is_told_so_in_one_line(
    postgres_server18: Any, reachable_directory: Path, command: str
) -> None:
    async with owned_by_another(postgres_server18) as database:
        done = run(command, reachable_directory, RELAY_DATABASE__URL=to_database_url(database))
    assert done.returncode == 1
    assert "make it the owner of the database" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@asynccontextmanager
async def owned_by_another(server: Any) -> AsyncIterator[dict[str, Any]]:
    """Give a database that the relay may connect to and no more."""
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(**server.admin)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield {**server.relay, "database": name}
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


def run(command: str, directory: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
    return subprocess.run(
        [sys.executable, "-m", "relay", command],
        capture_output=True,
        text=True,
        cwd=directory,
        env={**environment, "PYTHONPATH": str(REPOSITORY), "RELAY_SERVER__PORT": "0", **variables},
        timeout=scaled(60),
        check=False,
    )


def has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def test_the_greeting_can_be_copied_with_ipv6_hosts_and_a_program_in_a_directory_with_a_space(
    reachable_directory: Path,
) -> None:
    if not has_ipv6_loopback():
        pytest.skip("the greeting for IPv6 is not tested: this machine has no ::1")
    prelude = "import sys; sys.argv[0] = '/opt/my relay/ringrelay'"
    hosts = {"SERVER__HOST": "::1", "SERVER__PRIVATE_HOST": "::1", "SERVER__PRIVATE_PORT": "0"}
    async with serve(reachable_directory, prelude=prelude, **hosts) as relay:
        assert relay.url.startswith("ws://[::1]:")
        async with Client(relay.url) as client:
            assert await client.fetch({}) == []
        await relay.stop()
    printed = relay.printed.decode()
    program = "/opt/my relay/ringrelay"
    words = shlex.split(printed.splitlines()[-1])
    assert words == [program, "publish", relay.url, "--ring", "ring.txt", "--key-file", "my.key"]
    assert ":0/metrics" not in printed


async def test_every_pool_has_its_settings_and_its_size(database: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"database": {"url": to_database_url(database)}, "limits": {"query_timeout_s": 0.25}}
    config = Config(**sections)
    async with open_database(config.database, config.data_dir, config.limits.query_timeout_s, Log()) as opened:
        assert opened.server_ended is None
        assert [pool.get_max_size() for pool in (opened.readers, opened.lookups, opened.writers)] == [10, 1, 4]
        for pool, timeout in ((opened.readers, "250ms"), (opened.lookups, "250ms"), (opened.writers, "30s")):
            async with pool.acquire() as connection:
                assert await connection.fetchval("SELECT current_setting('statement_timeout')") == timeout
                assert await connection.fetchval("SELECT current_setting('enable_seqscan')") == "off"
                assert await connection.fetchval("SELECT current_setting('application_name')") == "ringrelay"


class ServeWithoutDataDir(ServeProcess):
    """A relay of root in a directory that only root can enter, where nobody said where the data goes."""

    def __init__(self, closed: Path, elsewhere: Path) -> None:
        # Not in /var/lib: a relay of this machine may have its data there.
        super().__init__(
            closed, prelude=f"import pathlib, relay.serve; relay.serve.ELSEWHERE = pathlib.Path({str(elsewhere)!r})"
        )
        del self._environment["RELAY_DATA_DIR"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in a directory that nobody else can enter")
async def test_root_in_a_directory_of_its_own_gets_a_relay_whose_data_is_found_again(reachable_directory: Path) -> None:
    closed, elsewhere = reachable_directory / "closed", reachable_directory / "lib"
    closed.mkdir(mode=0o700)
    note = make_ring_note()
    for is_first in (True, False):
        async with started(ServeWithoutDataDir(closed, elsewhere)) as relay:
            await relay.wait_until_ready()
            assert f"\n  data           {elsewhere}\n" in relay.printed.decode()
            async with Client(relay.url) as client:
                assert len(await client.fetch({})) == (0 if is_first else 1)
                assert (await client.publish(note))[0]
            await relay.stop()
    assert (closed / "data").readlink() == elsewhere


async def test_the_greeting_does_not_show_the_url_of_a_database(
    database18: dict[str, Any], reachable_directory: Path
) -> None:
    async with serve(reachable_directory, DATABASE__URL=to_database_url(database18)) as relay:
        await relay.stop()
    assert "\n  data           your own Postgres\n" in relay.printed.decode()
    assert not relay.data_dir.exists()


async def test_the_greeting_says_when_ring_notes_are_published_and_recommends_batches_for_disclosures(
    database: dict[str, Any], reachable_directory: Path
) -> None:
    for variables, told in (
        ({}, "published at once"),
        ({"PRIVACY__PUBLISH_EVERY_S": "900"}, "published in batches, after at most 900 seconds"),
    ):
        async with serve(reachable_directory, DATABASE__URL=to_database_url(database), **variables) as relay:
            await relay.stop()
        printed = relay.printed.decode()
        assert f"\n  ring notes     {told}" in printed
        assert ("check-config --print-disclosure > relay.toml" in printed) == (not variables)
