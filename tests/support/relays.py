"""Relays for tests: in this process, on a real database and real sockets, on ports the system chooses."""

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import asyncpg

from relay.config import Config
from relay.gateway.info import build_info
from relay.limits import INTERNAL_LIMITS, InternalLimits
from relay.log import Log
from relay.server import Relay, running
from tests.support.waiting import until

_DATA = tempfile.TemporaryDirectory(prefix="ringrelay-tests-")
# Tests that are not about it mine nothing.
WITHOUT_WORK = [{"path": "/"}]
# Everything is taken, as fast as it comes.
OPEN_HOUSE: dict[str, Any] = {
    "accept": {"plain": True},
    "limits": {"events_per_s": 100_000, "reqs_per_s": 100_000, "read_bytes_per_s": 1e9, "rows_per_s": 1e9},
}


def to_database_url(arguments: dict[str, Any]) -> str:
    """Return the URL of a test database, as an operator would write it."""
    if "dsn" in arguments:
        dsn: str = arguments["dsn"]
        return urlunsplit(urlsplit(dsn)._replace(path="/" + arguments["database"]))
    where = urlencode({"host": arguments["host"], "port": arguments["port"]})
    return f"postgresql://{arguments['user']}@/{arguments['database']}?{where}"


def find_data_dir(connect_arguments: dict[str, Any]) -> Path:
    """Return where relays on a database have their keys."""
    return Path(_DATA.name) / str(connect_arguments["database"])


def make_config(connect_arguments: dict[str, Any], **sections: Any) -> Config:
    """Return a configuration with free ports; sections are given as `limits={...}`."""
    sections.setdefault("server", {})
    sections["server"] = {"port": 0, "private_port": 0, **sections["server"]}
    sections["database"] = {"url": to_database_url(connect_arguments), **sections.get("database", {})}
    sections.setdefault("metrics", {"snapshot_every_s": 0})
    sections.setdefault("tiers", WITHOUT_WORK)
    # Tests that are not about it see at once what a payment does.
    sections["privacy"] = {"allow_linkable_payments": True, **sections.get("privacy", {})}
    # Relays on one database are on one machine here, and share its keys.
    sections.setdefault("data_dir", find_data_dir(connect_arguments))
    return Config(**sections)


def describe(config: Config) -> dict[str, Any]:
    """Return the info document at the relay's root."""
    return build_info(config, config.tiers[0], config.tiers, "http://relay.example/")


@asynccontextmanager
async def relay_on(
    connect_arguments: dict[str, Any],
    log: Log | None = None,
    *,
    internal: InternalLimits = INTERNAL_LIMITS,
    **sections: Any,
) -> AsyncIterator[str]:
    """Run a relay on a test database and give its URL."""
    async with running(make_config(connect_arguments, **sections), log or Log(), internal) as relay:
        yield to_url(relay)


def to_url(relay: Relay) -> str:
    return f"ws://127.0.0.1:{relay.port}"


def read_metric(relay: Relay, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", relay.metrics.render().decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


async def end_sessions(admin: asyncpg.Connection, database: str) -> None:
    """End the server processes of all relays on a database, once there are some."""

    async def has_ended_any() -> bool:
        # Which is which cannot be seen: track_activities is off.
        ended: int = await admin.fetchval(
            """
            SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
            WHERE application_name = 'ringrelay' AND datname = $1
            """,
            database,
        )
        return ended > 0

    await until(has_ended_any)
