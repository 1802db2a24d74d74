"""The relay behind a real pgbouncer: at home in session mode, and refused with a clear text in the other modes."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from pydantic import SecretStr

from relay.limits import Limits
from relay.log import Log
from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.embedded.account import find_account
from relay.postgres.open import DatabaseError, migrate_only, open_database
from relay.postgres.settings import DatabaseSection
from tests.support.client import Client
from tests.support.events import make_event
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.waiting import until

# Debian puts it where not everybody's PATH leads.
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
pytestmark = [
    pytest.mark.skipif(PGBOUNCER is None, reason="not tested behind a pooler: no pgbouncer on this machine"),
    pytest.mark.xdist_group("pooler"),
]


@pytest.fixture(scope="module")
def server(shared_reachable_directory: Path) -> Iterator[EmbeddedPostgres]:
    """Give a server that lets a pooler in, whose user under root is not the relay's."""
    access = shared_reachable_directory / "access.conf"
    access.write_text("local all all trust\n")
    access.chmod(0o644)
    settings = {"hba_file": str(access), "fsync": "off"}
    made = EmbeddedPostgres(shared_reachable_directory / "postgres", shared_buffers="16MB", extra_settings=settings)
    asyncio.run(made.start())
    yield made
    asyncio.run(made.stop())


@asynccontextmanager
async def pooler(directory: Path, server: EmbeddedPostgres, mode: str, **options: str) -> AsyncIterator[dict[str, Any]]:
    """Run pgbouncer in a mode, and give asyncpg's arguments for it."""
    account = find_account()
    home = directory / "pgbouncer"
    home.mkdir()
    account.hand_over(home, 0o700)
    real = server.connect_arguments
    settings = {
        "listen_addr": "",
        "listen_port": "6432",
        "unix_socket_dir": str(home),
        "auth_type": "any",
        "pool_mode": mode,
        **options,
    }
    file = home / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n* = host={real['host']} port={real['port']} user={real['user']}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    file.chmod(0o644)
    assert PGBOUNCER is not None
    process = subprocess.Popen(  # noqa: ASYNC220 - uvloop or not, it runs as another user
        [PGBOUNCER, "-q", str(file)],
        stderr=subprocess.DEVNULL,
        user=account.uid,
        group=account.gid,
        extra_groups=account.extra_groups,
    )
    try:
        await until(lambda: is_listening(home / ".s.PGSQL.6432") or process.poll() is not None)
        yield {**real, "host": str(home), "port": "6432"}
    finally:
        process.terminate()
        process.wait()


def is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as knocking:
        return knocking.connect_ex(str(path)) == 0


def make_section(arguments: dict[str, Any]) -> DatabaseSection:
    where = urlencode({"host": arguments["host"], "port": arguments["port"]})
    return DatabaseSection(url=SecretStr(f"postgresql://{arguments['user']}@/{arguments['database']}?{where}"))


async def test_a_relay_works_behind_a_pooler_in_session_mode(
    reachable_directory: Path, server: EmbeddedPostgres
) -> None:
    event = make_event()
    async with pooler(reachable_directory, server, "session") as arguments:
        await migrate_only(make_section(arguments), Path(), Log())
        async with relay_on(arguments, **OPEN_HOUSE) as url, Client(url) as client:
            assert (await client.publish(event))[0]
            assert len(await client.fetch({"ids": [event.id]})) == 1


async def test_every_session_has_its_settings_behind_a_pooler(
    reachable_directory: Path, server: EmbeddedPostgres
) -> None:
    async with (
        pooler(reachable_directory, server, "session") as arguments,
        open_database(make_section(arguments), Path(), Limits().query_timeout_s, Log()) as database,
    ):
        for pool, timeout in (
            (database.readers, "2s"),
            (database.lookups, "2s"),
            (database.pages, "2s"),
            (database.writers, "30s"),
        ):
            async with pool.acquire() as connection:
                assert await connection.fetchval("SELECT current_setting('statement_timeout')") == timeout
                assert await connection.fetchval("SELECT current_setting('application_name')") == "ringrelay"
                assert await connection.fetchval("SELECT current_setting('jit')") == "off"


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "transaction"},
        {"mode": "transaction", "default_pool_size": "1"},
        {"mode": "transaction", "server_round_robin": "1"},
        {"mode": "statement"},
    ],
    ids=lambda options: " ".join(options.values()),
)
@pytest.mark.parametrize("idle", [0, 3])
async def test_a_pooler_that_shares_server_processes_is_refused(
    reachable_directory: Path, server: EmbeddedPostgres, options: dict[str, str], idle: int
) -> None:
    async with pooler(reachable_directory, server, **options) as arguments:
        if "default_pool_size" not in options:
            await use(arguments, idle)
        section = make_section(arguments)
        for _ in range(2):
            with pytest.raises(DatabaseError, match=r"transaction pooler"):
                async with open_database(section, Path(), Limits().query_timeout_s, Log()):
                    pass
            with pytest.raises(DatabaseError, match="transaction pooler"):
                await migrate_only(section, Path(), Log())


async def test_a_pooler_in_session_mode_with_too_few_connections_is_told_how_many_are_needed(
    reachable_directory: Path, server: EmbeddedPostgres
) -> None:
    async with pooler(reachable_directory, server, "session", default_pool_size="1") as arguments:
        with pytest.raises(DatabaseError, match=r"session mode with 17 connections for the relay"):
            await migrate_only(make_section(arguments), Path(), Log())


async def use(arguments: dict[str, Any], connections: int) -> None:
    """Leave the pooler with several idle server processes, as a database in use has."""
    opened = [await asyncpg.connect(**arguments, statement_cache_size=0) for _ in range(connections)]
    await asyncio.gather(*(connection.execute("SELECT pg_sleep(0.1)") for connection in opened))
    for connection in opened:
        await connection.close()
