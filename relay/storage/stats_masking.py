"""Blur when indexes and tables were last read: Postgres keeps that time for each, and for some it is when the last note came."""

import asyncio

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES

_EVERY_S = 1.0

_TOUCH = """
SELECT EXISTS (SELECT FROM notes WHERE id = ''),
       EXISTS (SELECT FROM notes WHERE address = ''),
       EXISTS (SELECT FROM notes WHERE signed_id = ''),
       EXISTS (SELECT FROM notes WHERE content_key = ''),
       -- Ordered, as two indexes begin with pubkey, and either would do for the bare question.
       (SELECT id FROM notes WHERE pubkey = '' ORDER BY created_at DESC, id LIMIT 1),
       (SELECT id FROM notes WHERE pubkey = '' ORDER BY kind, created_at DESC, id LIMIT 1),
       EXISTS (SELECT FROM notes WHERE kind = -1),
       EXISTS (SELECT FROM notes WHERE created_at = -1),
       EXISTS (SELECT FROM notes WHERE expires_at = -1),
       EXISTS (SELECT FROM notes WHERE scheme = '' AND form = ''),
       EXISTS (SELECT FROM notes WHERE ring_id = ''),
       EXISTS (SELECT FROM notes WHERE key_image = ''),
       EXISTS (SELECT FROM notes WHERE scope = ''),
       EXISTS (SELECT FROM tags WHERE tag = ''),
       EXISTS (SELECT FROM tags WHERE note_id = ''),
       EXISTS (SELECT FROM ring_members WHERE member = ''),
       EXISTS (SELECT FROM ring_members WHERE note_id = ''),
       EXISTS (SELECT FROM answers WHERE kind = -1 AND target = ''),
       EXISTS (SELECT FROM answers WHERE note_id = ''),
       EXISTS (SELECT FROM spent_signatures WHERE signed_id = ''),
       EXISTS (SELECT FROM held_notes WHERE id = ''),
       EXISTS (SELECT FROM held_notes WHERE signed_id = ''),
       EXISTS (SELECT FROM held_notes WHERE content_key = ''),
       EXISTS (SELECT FROM held_notes WHERE answer_kind = -1 AND answer_target = ''),
       EXISTS (SELECT FROM feed WHERE id = '' AND event IS NOT NULL),
       (SELECT id FROM notes WHERE price_paid_msat IS NOT NULL AND created_at = -1 ORDER BY created_at DESC, id LIMIT 1),
       (SELECT id FROM notes WHERE price_paid_msat IS NOT NULL AND pubkey = '' ORDER BY created_at DESC, id LIMIT 1),
       EXISTS (SELECT FROM tags WHERE price_paid_msat IS NOT NULL AND tag = ''),
       EXISTS (SELECT FROM ring_members WHERE price_paid_msat IS NOT NULL AND member = ''),
       EXISTS (SELECT FROM unpaid_notes WHERE id = ''),
       EXISTS (SELECT FROM invoices WHERE reference = ''),
       EXISTS (SELECT FROM invoices WHERE token = ''),
       EXISTS (SELECT FROM invoices WHERE payment_hash = ''),
       EXISTS (SELECT FROM invoices WHERE note_id = '' AND tier = '' AND state IN ('creating', 'open')),
       EXISTS (SELECT FROM invoices WHERE note_id = ''),
       EXISTS (SELECT FROM unapplied_payments WHERE note_id = ''),
       EXISTS (SELECT FROM settlement_cursors WHERE backend = '')
"""
# While a table is small, Postgres reads it from its beginning instead of by an index; the first row is enough here.
_SCAN = """
SELECT EXISTS (SELECT FROM notes), EXISTS (SELECT FROM tags), EXISTS (SELECT FROM ring_members),
       EXISTS (SELECT FROM answers), EXISTS (SELECT FROM spent_signatures), EXISTS (SELECT FROM held_notes),
       EXISTS (SELECT FROM feed),
       EXISTS (SELECT FROM unpaid_notes), EXISTS (SELECT FROM invoices), EXISTS (SELECT FROM unapplied_payments),
       EXISTS (SELECT FROM settlement_cursors)
"""


async def keep_masking(pool: asyncpg.Pool) -> None:
    """Blur the times every second until cancelled. While the database is away, its statistics are too."""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            async with pool.acquire() as connection:
                await mask_statistics(connection)
        except DATABASE_FAILURES:
            continue


async def mask_statistics(connection: asyncpg.Connection) -> None:
    """Look something up in every index and table, so that all of their times say only that the relay was running."""
    async with connection.transaction():
        await connection.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off")
        await connection.fetchrow(_SCAN)
        await connection.execute("SET LOCAL enable_indexscan = on; SET LOCAL enable_indexonlyscan = on")
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("SET LOCAL enable_bitmapscan = off")
        await connection.execute("SET LOCAL enable_sort = off")
        await connection.fetchrow(_TOUCH)
