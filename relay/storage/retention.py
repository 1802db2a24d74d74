"""What is deleted when its time has come: one loop, and a rule for each kind of row.

Queries leave expired notes out whether or not this ran.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.feed import Feed
from relay.storage.writer_lock import lock_writers

_EXPIRED_EVERY_S = 30.0
_FEED_EVERY_S = 30.0
# The writer waits meanwhile: 1.3 ms for each note over a ring of 1,000.
_BATCH = 200


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How often something is deleted, and how."""

    every_s: float
    apply: Callable[[asyncpg.Connection], Awaitable[object]]


def list_note_rules(feed: Feed, now: Callable[[], int]) -> list[RetentionRule]:
    """Return the rules for notes that expired and for rows of the feed; `now` is Unix time."""
    return [
        RetentionRule(_EXPIRED_EVERY_S, lambda connection: delete_expired(connection, now())),
        RetentionRule(_FEED_EVERY_S, lambda connection: feed.prune(connection, time.monotonic())),
    ]


async def keep_deleting(
    pool: asyncpg.Pool, rules: Sequence[RetentionRule], report: Callable[[BaseException], None]
) -> None:
    """Apply each rule when it is due until cancelled, one at a time; a database that is away is reported."""
    due = {rule: time.monotonic() + rule.every_s for rule in rules}
    while True:
        rule = min(due, key=lambda rule: due[rule])
        await asyncio.sleep(due[rule] - time.monotonic())
        try:
            async with pool.acquire() as connection:
                await rule.apply(connection)
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
            tag: str = await connection.execute(
                "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE expires_at <= $1 LIMIT $2)", now, _BATCH
            )
        count = int(tag.rpartition(" ")[2])
        deleted += count
        if count < _BATCH:
            return deleted
