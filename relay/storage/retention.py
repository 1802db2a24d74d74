"""What is deleted when its time has come: one loop, and a rule for each kind of row.

Queries leave expired notes out whether or not this ran.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from relay.limits import INTERNAL_LIMITS, InternalLimits
from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.feed import Feed
from relay.storage.index_rows import DELETE_INDEX_ROWS, RETURNING
from relay.storage.writer_lock import lock_writers

_BATCH = 200

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How often something is deleted, and how."""

    every_s: float
    apply: Work
    is_due_at_start: bool = False


def list_rules(
    pool: asyncpg.Pool, feed: Feed, delete_forgotten: Work | None, now: Callable[[], int], limits: InternalLimits
) -> list[RetentionRule]:
    """Return a rule for expired notes, one for the feed, and one for payments, where there are any; `now` is Unix time."""

    async def delete_expired_notes() -> None:
        async with pool.acquire() as connection:
            await delete_expired(connection, now())

    async def prune_feed() -> None:
        async with pool.acquire() as connection:
            await feed.prune(connection, time.monotonic())

    rules = [
        RetentionRule(limits.delete_expired_every_s, delete_expired_notes),
        RetentionRule(limits.prune_feed_every_s, prune_feed),
    ]
    if delete_forgotten is not None:
        # What an earlier process deleted may be in the files still.
        rules.append(RetentionRule(limits.forget_payments_every_s, delete_forgotten, is_due_at_start=True))
    return rules


async def keep_deleting(rules: Sequence[RetentionRule], report: Callable[[BaseException], None]) -> None:
    """Apply each rule when it is due, one at a time, until cancelled. A database that is away is reported."""
    due = {rule: time.monotonic() + (0 if rule.is_due_at_start else rule.every_s) for rule in rules}
    while True:
        rule = min(due, key=lambda rule: due[rule])
        await asyncio.sleep(due[rule] - time.monotonic())
        try:
            await rule.apply()
        except DATABASE_FAILURES as error:
            report(error)
        due[rule] = time.monotonic() + rule.every_s


async def delete_expired(connection: asyncpg.Connection, now: int) -> int:
    """Delete the notes that expired at or before Unix time `now` (NIP-40), a batch a transaction; return how many."""
    deleted = 0
    while True:
        async with connection.transaction():
            # Deletion requests, and other relays' expiry, delete the same rows in an order of their own.
            await lock_writers(connection)
            count: int = await connection.fetchval(
                f"""
                WITH due AS (SELECT id, index_rows FROM notes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2),
                slice AS (
                    SELECT id FROM (SELECT id, sum(index_rows) OVER (ORDER BY id) - index_rows AS rows_before FROM due) AS counted
                    WHERE rows_before < $3
                ), deleted AS (DELETE FROM notes n USING slice WHERE n.id = slice.id {RETURNING}), {DELETE_INDEX_ROWS}
                SELECT count(*)::integer FROM deleted
                """,  # noqa: S608
                now,
                _BATCH,
                INTERNAL_LIMITS.max_deleted_rows,
            )
        deleted += count
        if not count:
            return deleted
