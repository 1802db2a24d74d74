"""What check_privacy_settings says about real servers."""

from typing import Any

import asyncpg
import pytest

from relay.postgres.privacy_settings import PRIVACY_SETTINGS, check_privacy_settings


async def test_only_the_durability_that_tests_switch_off_is_reported_of_an_embedded_server(
    postgres_server18: Any, database18: dict[str, Any]
) -> None:
    connection = await asyncpg.connect(**database18)
    try:
        deviations = await check_privacy_settings(connection)
    finally:
        await connection.close()
    assert [deviation.split(" is ")[0] for deviation in deviations] == [
        "fsync",
        "full_page_writes",
        "synchronous_commit",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_statement", "all"),
        ("log_min_duration_statement", "100"),
        ("log_min_error_statement", "error"),
        ("log_error_verbosity", "default"),
        ("log_parameter_max_length_on_error", "-1"),
        ("log_lock_waits", "on"),
        ("log_temp_files", "0"),
        ("log_transaction_sample_rate", "0.5"),
        ("debug_print_plan", "on"),
    ],
)
async def test_a_setting_of_the_session_that_leaves_traces_is_named(
    postgres_server18: Any, database18: dict[str, Any], name: str, value: str
) -> None:
    connection = await asyncpg.connect(**{**postgres_server18.admin, "database": database18["database"]})
    try:
        await connection.execute("SELECT set_config($1, $2, false)", name, value)
        deviations = await check_privacy_settings(connection)
    finally:
        await connection.close()
    assert [deviation for deviation in deviations if deviation.startswith(f"{name} is {value}")]


async def test_every_setting_of_the_profile_exists_on_every_server(database: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database)
    try:
        known = {row["name"] for row in await connection.fetch("SELECT name FROM pg_settings")}
    finally:
        await connection.close()
    assert {setting.name for setting in PRIVACY_SETTINGS} <= known


async def test_an_acknowledged_write_waiting_for_the_local_disk_is_durable(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    try:
        await connection.execute("SET synchronous_commit = local")
        deviations = await check_privacy_settings(connection)
    finally:
        await connection.close()
    assert not [deviation for deviation in deviations if deviation.startswith("synchronous_commit")]
