"""What is deleted of payments leaves the files, and nobody waits long for that."""

from typing import Any

import asyncpg

from relay.storage.payments.scrub import rewrite_links


async def test_tables_are_rewritten_later_where_somebody_reads_them_for_long(database: dict[str, Any]) -> None:
    connection, backup = await asyncpg.connect(**database), await asyncpg.connect(**database)
    try:
        async with backup.transaction():
            await backup.fetch("SELECT FROM invoices")
            assert not await rewrite_links(connection)
        assert await connection.fetchval("SHOW lock_timeout") == "0"
        assert await rewrite_links(connection)
    finally:
        await connection.close()
        await backup.close()
