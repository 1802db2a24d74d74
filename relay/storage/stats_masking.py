"""Mask when indexes and tables were last read: Postgres keeps that time for each, and it can be when the last note came.

The statement is made from the catalogue (pg_index), so that a new table or index is masked without a word here.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES

# A value of each type that no row has.
_NO_VALUE = {"bytea": "''::bytea", "text": "''::text", "integer": "-1", "bigint": "-1"}

_LIST_INDEXES = """
SELECT c.relname AS table, pg_get_expr(i.indpred, i.indrelid) AS predicate,
       array_agg(quote_ident(a.attname) ORDER BY k.place) AS columns,
       array_agg(format_type(a.atttypid, NULL) ORDER BY k.place) AS types,
       array_agg(CASE i.indoption[k.place - 1] & 1 WHEN 1 THEN ' DESC' ELSE '' END ORDER BY k.place) AS directions
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid,
    unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute a ON a.attnum = k.number
WHERE a.attrelid = i.indrelid AND k.place <= i.indnkeyatts
    AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'schema_migrations'
GROUP BY i.indexrelid, i.indrelid, i.indpred, c.relname
ORDER BY i.indexrelid
"""


@dataclass(frozen=True, slots=True)
class Statements:
    """A statement that reads the first row of every table, and one that looks something up in every index."""

    read_tables: str
    look_up_indexes: str


async def keep_masking(pool: asyncpg.Pool, every_s: float) -> None:
    """Mask the times every second until cancelled. While the database is away, its statistics are too."""
    statements: Statements | None = None
    while True:
        await asyncio.sleep(every_s)
        try:
            async with pool.acquire() as connection:
                # Once: tables and indexes change by migrations, before a relay serves.
                statements = statements or await build_statements(connection)
                await mask_statistics(connection, statements)
        except DATABASE_FAILURES:
            continue


async def build_statements(connection: asyncpg.Connection) -> Statements:
    """Return the statements for the tables and indexes that there are."""
    indexes = await connection.fetch(_LIST_INDEXES)
    tables = sorted({index["table"] for index in indexes})
    return Statements(
        _select_all(f"SELECT 1 FROM {table} LIMIT 1" for table in tables),
        _select_all(map(_build_look_up, indexes)),
    )


async def mask_statistics(connection: asyncpg.Connection, statements: Statements) -> None:
    """Read every table and index, so that all of their times say only that the relay was running."""
    async with connection.transaction():
        # While a table is small, Postgres reads it from its beginning instead of by an index.
        await connection.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off")
        await connection.fetchrow(statements.read_tables)
        await connection.execute(
            "SET LOCAL enable_indexscan = on; SET LOCAL enable_indexonlyscan = on; "
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
        )
        await connection.fetchrow(statements.look_up_indexes)


def _build_look_up(index: asyncpg.Record) -> str:
    """Build a query that one index answers best: by its first column, within its predicate, in its order."""
    columns = index["columns"]
    order = ", ".join(column + direction for column, direction in zip(columns, index["directions"], strict=True))
    predicate = f" AND {index['predicate']}" if index["predicate"] else ""
    found = f"{columns[0]} = {_NO_VALUE[index['types'][0]]}"
    return f"SELECT 1 FROM {index['table']} WHERE {found}{predicate} ORDER BY {order} LIMIT 1"


def _select_all(queries: Iterable[str]) -> str:
    return f"SELECT {', '.join(f'({query})' for query in queries)}"
