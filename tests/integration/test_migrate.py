"""Migrations on real databases: applied once, whole, and only onto the history they belong to."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.postgres.migrate import (
    MigrationError,
    apply_migrations,
    compute_digest,
    find_migrations_directory,
    load_migrations,
)

FIRST = "CREATE TABLE first (id int);\nINSERT INTO first VALUES (1);\n"
SECOND = "CREATE TABLE second (id int);\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text(FIRST)
    (tmp_path / "0002_second.sql").write_text(SECOND)
    return tmp_path


async def migrate_once(database: dict[str, Any], directory: Path) -> list[str]:
    connection = await asyncpg.connect(**database)
    try:
        return await apply_migrations(connection, directory)
    finally:
        await connection.close()


async def fetch(database: dict[str, Any], statement: str) -> Any:
    connection = await asyncpg.connect(**database)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_files_are_applied_in_order_and_only_once(empty_database: dict[str, Any], files: Path) -> None:
    assert await migrate_once(empty_database, files) == ["0001_first", "0002_second"]
    assert await migrate_once(empty_database, files) == []
    assert await fetch(empty_database, "SELECT count(*) FROM first") == 1


async def test_a_new_file_is_applied_on_top_of_the_old_ones(empty_database: dict[str, Any], files: Path) -> None:
    await migrate_once(empty_database, files)
    (files / "0003_third.sql").write_text("CREATE TABLE third ();")
    assert await migrate_once(empty_database, files) == ["0003_third"]


async def test_nothing_says_when_a_file_was_applied(empty_database: dict[str, Any], files: Path) -> None:
    await migrate_once(empty_database, files)
    columns = await fetch(
        empty_database,
        "SELECT array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns "
        "WHERE table_name = 'schema_migrations'",
    )
    assert columns == ["version", "name", "digest"]


async def test_an_edited_file_is_refused(empty_database: dict[str, Any], files: Path) -> None:
    await migrate_once(empty_database, files)
    (files / "0001_first.sql").write_text(FIRST.replace("VALUES (1)", "VALUES (2)"))
    with pytest.raises(MigrationError, match="0001_first was applied with other contents"):
        await migrate_once(empty_database, files)


async def test_a_comment_in_an_applied_file_can_be_corrected(empty_database: dict[str, Any], files: Path) -> None:
    await migrate_once(empty_database, files)
    (files / "0001_first.sql").write_text("-- an afterthought\n" + FIRST.replace("\n", "  /* and\nanother */\n"))
    assert await migrate_once(empty_database, files) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1", "SELECT 2"),
        ("SELECT '-- 1'", "SELECT '-- 2'"),
        ("SELECT 'it''s -- 1'", "SELECT 'it''s -- 2'"),
        ("SELECT ' '", "SELECT '  '"),
        ('SELECT 1 AS "a -- b"', 'SELECT 1 AS "a -- c"'),
        ("DO $$ BEGIN; -- 1\n END $$", "DO $$ BEGIN; -- 2\n END $$"),
        ("SELECT 1 2", "SELECT 12"),
    ],
)
def test_what_postgres_runs_differently_has_another_digest(one: str, other: str) -> None:
    assert compute_digest(one) != compute_digest(other)


async def test_a_database_newer_than_the_relay_is_refused(empty_database: dict[str, Any], files: Path) -> None:
    await migrate_once(empty_database, files)
    (files / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match="has migration 0002_second, which this relay does not"):
        await migrate_once(empty_database, files)


async def test_two_relays_starting_at_once_apply_each_file_once(empty_database: dict[str, Any], files: Path) -> None:
    applied = await asyncio.gather(*(migrate_once(empty_database, files) for _ in range(4)))
    assert sorted(applied) == [[], [], [], ["0001_first", "0002_second"]]
    assert await fetch(empty_database, "SELECT count(*) FROM first") == 1


async def test_a_failing_file_leaves_nothing_of_itself_and_keeps_those_before(
    empty_database: dict[str, Any], files: Path
) -> None:
    (files / "0002_second.sql").write_text(f"{SECOND}INSERT INTO second\nSELECT * FROM nowhere;\n")
    with pytest.raises(MigrationError, match=r"0002_second failed at line 3: UndefinedTableError, SQLSTATE 42P01"):
        await migrate_once(empty_database, files)
    assert await fetch(empty_database, "SELECT to_regclass('second')") is None
    assert await fetch(empty_database, "SELECT array_agg(version) FROM schema_migrations") == [1]


async def test_a_repaired_file_is_applied_after_a_failure(empty_database: dict[str, Any], files: Path) -> None:
    (files / "0002_second.sql").write_text("nonsense")
    with pytest.raises(MigrationError):
        await migrate_once(empty_database, files)
    (files / "0002_second.sql").write_text(SECOND)
    assert await migrate_once(empty_database, files) == ["0002_second"]


async def test_the_error_does_not_quote_stored_values(empty_database: dict[str, Any], files: Path) -> None:
    (files / "0002_second.sql").write_text("SELECT 'canary'::int;")
    with pytest.raises(MigrationError) as raised:
        await migrate_once(empty_database, files)
    assert "canary" not in str(raised.value)


async def test_a_history_that_cannot_be_read_or_a_lost_connection_is_a_migration_error(
    empty_database: dict[str, Any], files: Path
) -> None:
    connection = await asyncpg.connect(**empty_database)
    await connection.execute("CREATE TABLE schema_migrations (something_else int)")
    with pytest.raises(MigrationError, match=r"schema_migrations cannot be made or read: UndefinedColumnError"):
        await apply_migrations(connection, files)
    await connection.close()
    with pytest.raises(MigrationError, match="InterfaceError"):
        await apply_migrations(connection, files)


async def test_the_lock_is_given_back_after_a_failure(empty_database: dict[str, Any], files: Path) -> None:
    (files / "0002_second.sql").write_text("nonsense")
    connection = await asyncpg.connect(**empty_database)
    try:
        with pytest.raises(MigrationError):
            await apply_migrations(connection, files)
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
            == 0
        )
    finally:
        await connection.close()


async def test_a_limit_on_queries_does_not_stop_a_migration(empty_database: dict[str, Any], files: Path) -> None:
    (files / "0002_second.sql").write_text("SELECT pg_sleep(0.6);")
    connection = await asyncpg.connect(**empty_database, server_settings={"statement_timeout": "300"})
    try:
        assert await apply_migrations(connection, files) == ["0001_first", "0002_second"]
    finally:
        await connection.close()


def test_a_gap_in_the_numbers_is_refused(files: Path) -> None:
    (files / "0004_fourth.sql").write_text("")
    with pytest.raises(MigrationError, match="number 0003 is missing"):
        load_migrations(files)


def test_a_number_used_twice_is_refused(files: Path) -> None:
    (files / "0002_another.sql").write_text("")
    with pytest.raises(MigrationError, match="two migrations have the number 0002"):
        load_migrations(files)


def test_a_file_with_another_kind_of_name_is_refused(files: Path) -> None:
    (files / "3_third.sql").write_text("")
    with pytest.raises(MigrationError, match="not named like a migration"):
        load_migrations(files)


def test_the_migrations_of_this_relay_are_found_and_well_numbered() -> None:
    load_migrations(find_migrations_directory())
