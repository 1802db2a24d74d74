"""The relay as an operator runs it, a process of its own with its own Postgres: what that Postgres keeps of its clients."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from relay.postgres.embedded.cluster import DATABASE, SUPERUSER
from relay.postgres.privacy_settings import DURABILITY_SETTINGS, PRIVACY_SETTINGS, check_privacy_settings
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.processes import ServeProcess, serve
from tests.support.relays import end_sessions


@pytest.fixture
async def served(reachable_directory: Path) -> AsyncIterator[ServeProcess]:
    async with serve(reachable_directory) as served:
        yield served
        await served.stop()


async def test_the_server_that_serve_starts_has_every_setting_of_the_profile(served: ServeProcess) -> None:
    connection = await asyncpg.connect(**served.connect_arguments(SUPERUSER))
    try:
        found = {row["name"]: row["setting"] for row in await connection.fetch("SELECT name, setting FROM pg_settings")}
        deviations = await check_privacy_settings(connection)
        own_settings = await connection.fetchval("SELECT count(*) FROM pg_db_role_setting")
    finally:
        await connection.close()
    wanted = {setting.name: setting for setting in (*PRIVACY_SETTINGS, *DURABILITY_SETTINGS)}
    assert deviations == []
    assert {
        name for name, setting in wanted.items() if found[name] not in {setting.wanted, *setting.also_fine}
    } == set()
    # No role and no database has settings of its own that would undo these.
    assert own_settings == 0
    assert found["log_min_messages"] == "fatal"
    # Neither %t nor %m, %n, %s: no line has a time; nor %h, %r: no address.
    assert found["log_line_prefix"] == ""
    assert found["listen_addresses"] == ""
    assert found["logging_collector"] == "off"


async def test_a_failing_statement_leaves_nothing_in_the_log_of_postgres(served: ServeProcess) -> None:
    connection = await asyncpg.connect(**served.connect_arguments(SUPERUSER))
    try:
        before = served.postgres_log
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("SELECT 'canary-literal' FROM canary_table")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch("SELECT 1 / (length($1) - length($1))", "canary-parameter")
        await connection.execute("CREATE TABLE canary (value text PRIMARY KEY); INSERT INTO canary VALUES ('canary')")
        with pytest.raises(asyncpg.UniqueViolationError) as refused:
            await connection.execute("INSERT INTO canary VALUES ('canary')")
        # This is what would stand in the log.
        assert "canary" in refused.value.detail
        await connection.execute("DO $$ BEGIN RAISE WARNING 'canary-warning'; RAISE LOG 'canary-log'; END $$")
        assert served.postgres_log == before
    finally:
        await connection.close()


async def test_the_log_of_postgres_holds_no_time_and_no_note(served: ServeProcess) -> None:
    note = make_ring_note("canary-in-the-content", scope="canary-in-the-scope")
    async with Client(served.url) as client:
        await client.publish_all(note)
        admin = await asyncpg.connect(**served.connect_arguments(SUPERUSER))
        try:
            # FATAL lines are all that is logged.
            await end_sessions(admin, DATABASE)
        finally:
            await admin.close()
        await client.send("COUNT", "canary-sub", {"ids": [note.id]})
        assert await client.next("COUNT") == ["canary-sub", {"count": 1, "counted": "notes"}]
    await served.stop()
    log = served.postgres_log
    assert "canary" not in log
    assert note.id not in log
    assert "terminating connection" in log
    assert not any(mark in log for mark in ("20", ":0", "UTC")), log
