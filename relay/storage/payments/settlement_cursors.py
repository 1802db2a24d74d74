"""Where the stream of payments of each node goes on after a restart. Knows its table and no node."""

import asyncpg


async def read_cursor(connection: asyncpg.Connection, account: str) -> str:
    """Return where a node's stream of payments goes on, "" at first."""
    cursor: str | None = await connection.fetchval("SELECT cursor FROM settlement_cursors WHERE account = $1", account)
    return cursor or ""


async def write_cursor(connection: asyncpg.Connection, account: str, cursor: str) -> None:
    """Record that a node's stream goes on after this payment."""
    await connection.execute(
        """
        INSERT INTO settlement_cursors (account, cursor) VALUES ($1, $2)
        ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor
        """,
        account,
        cursor,
    )


async def begin_cursor(connection: asyncpg.Connection, account: str, cursor: str) -> None:
    """Record that a node's stream goes on after this payment, unless it goes on anywhere already."""
    await connection.execute(
        "INSERT INTO settlement_cursors (account, cursor) VALUES ($1, $2) ON CONFLICT (account) DO NOTHING",
        account,
        cursor,
    )


async def rewrite_cursors(connection: asyncpg.Connection) -> None:
    """Write the cursors again: the number of their transaction would say which note was stored just before a payment."""
    await connection.execute("UPDATE settlement_cursors SET cursor = cursor")
