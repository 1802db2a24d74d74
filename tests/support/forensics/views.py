"""What the server itself says to whoever may ask it everything: where its tables lie, its statistics, every number in a row."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from tests.support.forensics.heap import Relation
from tests.support.forensics.marks import Needles
from tests.support.raw import get

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00")
# What belongs to the system has a number below.
_OWN_TOAST = re.compile(r"pg_toast_(?:1[6-9]|[2-9]\d)\d{3}")
_BY_THE_CLOCK = {"last_vacuum", "last_autovacuum", "last_analyze", "last_autoanalyze"}


@dataclass(frozen=True)
class Told:
    """Which file is of which table, every number in a row about a note, and the statistics as lines of JSON."""

    relations: dict[int, Relation] = field(default_factory=dict)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    statistics: str = ""


async def ask(arguments: dict[str, Any], marks: Needles) -> Told:
    """Ask a server for all that, and have it write to its files what is in its memory."""
    connection = await asyncpg.connect(**arguments)
    try:
        told = Told(
            await list_relations(connection), await read_numbers(connection, marks), await read_statistics(connection)
        )
        await connection.execute("CHECKPOINT")
        return told
    finally:
        await connection.close()


async def list_relations(connection: asyncpg.Connection) -> dict[int, Relation]:
    """Return all tables, by the number of their file; a TOAST table has the name of its table."""
    records = await connection.fetch(
        """
        SELECT c.relname, pg_relation_filenode(c.oid)::bigint AS file, owner.relname AS owner
        FROM pg_class c LEFT JOIN pg_class owner ON owner.reltoastrelid = c.oid
        WHERE c.relkind IN ('r', 't', 'm') AND pg_relation_filenode(c.oid) IS NOT NULL
        """
    )
    return {
        record["file"]: Relation(
            f"TOAST of {record['owner']}" if record["owner"] else record["relname"],
            record["file"],
            bool(record["owner"]),
        )
        for record in records
    }


async def read_statistics(connection: asyncpg.Connection) -> str:
    """Return all rows of the statistics as lines of JSON: what was counted and when, and the samples of values."""
    names = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('v', 'r') "
        "AND relname LIKE 'pg_stat%'"
    )
    await connection.execute("SET timezone = 'UTC'")
    rows = [await connection.fetch(f'SELECT to_jsonb(v)::text FROM pg_catalog."{name}" v') for (name,) in names]
    return "\n".join(row[0] for table in rows for row in table)


def list_times(text: str) -> list[float]:
    """Return all times (Unix seconds) that stand in such lines."""
    return [datetime.fromisoformat(time_).timestamp() for time_ in _TIME.findall(text)]


def list_own_times(text: str) -> list[float]:
    """Return the times at which the relay's own tables and indexes, and their TOAST tables, were last used."""
    found = []
    for line in text.splitlines():
        row = json.loads(line)
        if row.get("schemaname") == "public" or _OWN_TOAST.fullmatch(row.get("relname") or ""):
            # When Postgres vacuums is its own affair: a clock wakes it.
            found += list_times(json.dumps({name: value for name, value in row.items() if name not in _BY_THE_CLOCK}))
    return found


async def read_numbers(connection: asyncpg.Connection, marks: Needles) -> dict[str, dict[str, Any]]:
    """Return every number in a row that is about a note, by table and column, and note."""
    found: dict[str, dict[str, Any]] = {}
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    for (table,) in tables:
        for row in await connection.fetch(f'SELECT * FROM "{table}"'):
            for name in marks.name(b" ".join(value for value in row.values() if isinstance(value, bytes))):
                for column, value in row.items():
                    if type(value) is int:
                        found.setdefault(f"{table}.{column}", {})[name] = value
    return found


class MetricsWatch:
    """A scrape of the metrics, again and again; `changes` are when they were others than before, and of how many events."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.changes: list[tuple[float, float]] = []
        self.texts: set[bytes] = set()

    async def keep_watching(self, every_s: float = 0.2) -> None:
        last, accepted = b"", 0.0
        while True:
            _, _, text = await get(self._port, "/metrics")
            if text != last:
                now_accepted = _count_accepted(text)
                self.changes.append((time.time(), now_accepted - accepted))
                self.texts.add(text)
                last, accepted = text, now_accepted
            await asyncio.sleep(every_s)


def _count_accepted(text: bytes) -> float:
    lines = text.decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith('ringrelay_events_total{outcome="accepted"')
    )
