"""The database stores nothing, and payments come: nothing is sold until a payment can be stored again.

Both faults are real. In one, the table of the day's notes lies in a tablespace on a file system of its own (a tmpfs), which is
full, so that Postgres fails with 53100 (disk_full) in the transaction of a settlement, while orders, in other tables, would go on.
In the other, default_transaction_read_only is on for the relay's database (25006).
"""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.embedded.cluster import DATABASE
from relay.postgres.migrate import apply_migrations, find_migrations_directory
from tests.support.client import Client, as_json
from tests.support.events import make_ring_note
from tests.support.paid import order, shop
from tests.support.relays import end_sessions, read_metric
from tests.support.time_factor import scaled
from tests.support.waiting import until

pytestmark = pytest.mark.serial

_SIZE = 8 * 2**20
# The relay tries again after 30 seconds at most.
_BOUND_S = scaled(60.0)


@pytest.fixture
def small_disk(reachable_directory: Path) -> Iterator[Path]:
    """Give a file system of 8 MiB."""
    place = reachable_directory / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest_asyncio.fixture
async def server(reachable_directory: Path, small_disk: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Give a server whose notes lie on the small file system."""
    server = EmbeddedPostgres(reachable_directory / "postgres", shared_buffers="16MB")
    await server.start()
    try:
        connection = await asyncpg.connect(**server.connect_arguments)
        await apply_migrations(connection, find_migrations_directory())
        await connection.close()
        admin = await asyncpg.connect(**server.superuser_arguments | {"database": DATABASE})
        owner = os.stat(await admin.fetchval("SHOW data_directory"))
        os.chown(small_disk, owner.st_uid, owner.st_gid)
        os.chmod(small_disk, 0o700)
        await admin.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        # What comes is stored in the table of the day.
        await admin.execute("ALTER TABLE day_notes SET TABLESPACE small")
        await admin.close()
        yield server
    finally:
        await server.stop()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Leave no room, and give it back."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4_096))
            except OSError:
                pass
        yield
    finally:
        filler.unlink()


async def test_nothing_is_sold_while_a_payment_cannot_be_stored(
    server: EmbeddedPostgres, small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note, other, third = (make_ring_note(content) for content in ("paid", "open", "new"))
    arguments: dict[str, Any] = server.connect_arguments
    async with shop(arguments, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.cheap) as client:
        offer = await order(author, note)
        await order(client, other)
        with full(small_disk):
            await sold.node.pay(offer.bolt11)
            await until(lambda: read_metric(sold.relay, "ringrelay_unstored_payments") == 1, _BOUND_S)
            # Neither what is new nor what is open already, nor the paid note itself, which would be paid twice.
            text = "error: a payment cannot be stored here at the moment, so nothing is sold; try again later"
            for sent in (third, other, note):
                assert await client.publish(sent) == (False, text)
            assert await author.fetch({}) == []
        assert await author.next("OK") == [note.id, True, ""]
        await until(lambda: read_metric(sold.relay, "ringrelay_unstored_payments") == 0, _BOUND_S)
        assert await author.fetch({}) == [as_json(note)]
        await order(client, third)
    said = capsys.readouterr().err
    assert said.count("event='selling_stopped'") == said.count("event='selling_resumed'") == 1
    assert said.index("selling_stopped") < said.index("selling_resumed")


async def test_nothing_is_sold_while_the_database_is_read_only(database18: dict[str, Any], tmp_path: Path) -> None:
    note, other = make_ring_note("paid"), make_ring_note("new")
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.cheap) as client:
        offer = await order(author, note)
        await let_write(database18, False)
        await sold.node.pay(offer.bolt11)
        await until(lambda: read_metric(sold.relay, "ringrelay_unstored_payments") == 1, _BOUND_S)
        accepted, text = await client.publish(other)
        assert (accepted, text[:33]) == (False, "error: a payment cannot be stored")
        await let_write(database18, True)
        await until(lambda: read_metric(sold.relay, "ringrelay_unstored_payments") == 0, _BOUND_S)
        assert await author.next("OK") == [note.id, True, ""]
        await order(client, other)


async def let_write(arguments: dict[str, Any], is_allowed: bool) -> None:
    """Make the database read-only, or not, for all sessions from now on, and end those that are there."""
    admin = await asyncpg.connect(**arguments, server_settings={"default_transaction_read_only": "off"})
    value = "off" if is_allowed else "on"
    await admin.execute(f"ALTER DATABASE {arguments['database']} SET default_transaction_read_only = {value}")
    await end_sessions(admin, arguments["database"])
    await admin.close()
