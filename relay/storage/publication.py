"""The publication of notes that wait: some or all of them at once, in an order that says nothing.

The key is changed first, so that what comes meanwhile waits for the next batch. The rows are deleted last, all in one
transaction: no record of the write-ahead log says then which row became which note. Killed in between, it goes on where it was.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from relay.limits import INTERNAL_LIMITS, PrivacyPolicy
from relay.policy.batch_pool import choose_published, find_held_bits
from relay.postgres.errors import DATABASE_FAILURES, is_away
from relay.postgres.old_log import drop_old_log, may_drop_old_log
from relay.protocol.event import is_expired
from relay.storage.held_notes import HeldNote, HeldNotes
from relay.storage.live_keys import KeyMissingError
from relay.storage.lost_notes import count_lost, give_up_lost
from relay.storage.note import Note, count_rows
from relay.storage.payments.unapplied_payments import record_refused
from relay.storage.row import Result, SaveResult
from relay.storage.sealing import Place
from relay.storage.writer import TooMuchReplacedError, Writer
from relay.storage.writer_lock import lock_writers

# Notes that are read, and published in one transaction. Those who post meanwhile wait for it: the p99 of their EVENT is 31 ms,
# and 57 with 50, of which a third more are published a second.
_MAX_NOTES = 25
# Session-level advisory lock: who holds it publishes, in whichever process.
_PUBLISHER_LOCK = 0x72696E68


@dataclass(slots=True)
class _Left:
    """What is not published: notes that expired meanwhile, and rows that the tables did not take."""

    expired: list[Note] = field(default_factory=list)
    failed: list[Place] = field(default_factory=list)


class Publisher:
    """The one that publishes what waits."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        writer: Writer,
        held: HeldNotes,
        policy: PrivacyPolicy,
    ) -> None:
        self._pool = pool
        self._writer = writer
        self._held = held
        self._policy = policy
        self._turn = asyncio.Lock()

    async def has_keys(self) -> bool:
        """Return whether anything has waited on this database. Raises DATABASE_FAILURES."""
        async with self._pool.acquire() as connection:
            return bool(await self._held.keys.list_fingerprints(connection))

    async def prepare(self, *, has_other_hosts: bool) -> int:
        """Make a key if there is none, and destroy those that no row needs. Return how many notes were lost with their key.

        A key that is not here is lost, unless other machines use the database, too: then it may be there. Raises OSError or
        DATABASE_FAILURES.
        """
        keys, lost = self._held.keys, 0
        async with self._pool.acquire() as connection, connection.transaction():
            if not has_other_hosts:
                lost = await give_up_lost(connection, self._held)
            await lock_writers(connection)
            await keys.destroy_strays(connection)
            if not await keys.list_fingerprints(connection, is_current=True):
                await keys.rotate(connection)
        return lost

    async def count_lost(self) -> int | None:
        """Return how many notes wait under keys that are not on this machine, None where every key is."""
        async with self._pool.acquire() as connection:
            return await count_lost(connection, self._held)

    async def publish(self, now: int) -> None:
        """Publish what waits; `now` is Unix time. Another process may be at it: then this does nothing.

        Raises DATABASE_FAILURES.
        """
        async with self._turn, self._pool.acquire() as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _PUBLISHER_LOCK):
                with contextlib.suppress(KeyMissingError):
                    # For what the other one has set beside it.
                    await self._held.keys.find_current(connection)
                return
            try:
                await self._publish(connection, now)
            finally:
                # A session that is lost has lost its locks.
                if not connection.is_closed():
                    await connection.execute("SELECT pg_advisory_unlock($1)", _PUBLISHER_LOCK)

    async def _publish(self, connection: asyncpg.Connection, now: int) -> None:
        if await self._change_key(connection):
            lost = await self._held.keys.find_lost(connection)
            old = await self._held.keys.list_fingerprints(connection, is_current=False)
            if readable := [fingerprint for fingerprint in old if fingerprint not in lost]:
                await self._publish_under(connection, readable, now)
        # Also where nothing waited: payments leave times in it, too.
        if await may_drop_old_log(connection):
            await drop_old_log(connection)

    async def _change_key(self, connection: asyncpg.Connection) -> bool:
        """Seal what comes from now on with a new key, and return whether that is for this machine to do."""
        async with connection.transaction():
            await lock_writers(connection)
            try:
                await self._held.keys.find_current(connection)
            except KeyMissingError:
                # Who has the key publishes. If nobody has, the operator must say so.
                return False
            waiting: int = await connection.fetchval("SELECT count(*) FROM held_notes")
            bits = find_held_bits(waiting, self._policy)
            # A key that sealed nothing stays.
            await (self._held.keys.rotate if waiting else self._held.keys.set_pow_bits)(connection, bits)
        return True

    async def _publish_under(self, connection: asyncpg.Connection, old: Sequence[bytes], now: int) -> None:
        places = [place for fingerprint in old for place in await self._held.list_places(connection, fingerprint)]
        waiting = await self._choose_waiting(connection, places, now)
        left = _Left()
        going = [place for place in places if place not in waiting]
        for first in range(0, len(going), _MAX_NOTES):
            held = await self._held.read(connection, going[first : first + _MAX_NOTES])
            await self._publish_notes(held, left, now)
        async with connection.transaction():
            await lock_writers(connection)
            await self._keep_waiting(connection, [*waiting, *left.failed])
            await record_refused(connection, left.expired, [SaveResult.FAILED] * len(left.expired))
            await self._held.delete_all(connection, old)
            await self._held.keys.forget(connection, old)
        # A deleted row stays in the file until it is vacuumed.
        await connection.execute("VACUUM held_notes")
        await self._held.keys.destroy(old)

    async def _choose_waiting(self, connection: asyncpg.Connection, places: Sequence[Place], now: int) -> set[Place]:
        """Return which of these wait for another batch."""
        if not self._policy.min_batch:
            return set()
        overdue: list[Place] = []
        for first in range(0, len(places), _MAX_NOTES):
            held = await self._held.read(connection, places[first : first + _MAX_NOTES])
            overdue += [one.place for one in held if now - one.since >= self._policy.max_wait_s]
        return set(places) - choose_published(places, overdue, self._policy.min_batch)

    async def _keep_waiting(self, connection: asyncpg.Connection, places: Sequence[Place]) -> None:
        shuffled = list(places)
        secrets.SystemRandom().shuffle(shuffled)
        for first in range(0, len(shuffled), _MAX_NOTES):
            held = await self._held.read(connection, shuffled[first : first + _MAX_NOTES])
            await self._held.seal_again(connection, held)

    async def _publish_notes(self, held: Sequence[HeldNote], left: _Left, now: int) -> None:
        left.expired += [one.note for one in held if is_expired(one.note.event, now)]
        for part in _split([one for one in held if not is_expired(one.note.event, now)]):
            await self._publish_part(part, left)

    async def _publish_part(self, held: Sequence[HeldNote], left: _Left) -> None:
        """Publish notes in one transaction. One bad row never fails its neighbours; alone it waits for the next batch."""
        there: list[HeldNote] = []

        async def load(connection: asyncpg.Connection) -> Sequence[Note]:
            # Again, under the lock: one that was paid for meanwhile waits elsewhere, at its new price.
            there[:] = await self._held.read(connection, [one.place for one in held])
            return [one.note for one in there]

        async def conclude(connection: asyncpg.Connection, notes: Sequence[Note], results: Sequence[Result]) -> None:
            await self._held.mark_published(connection, there)
            await record_refused(connection, notes, results)

        try:
            await self._writer.publish(load, conclude)
        except (*DATABASE_FAILURES, ValueError, TooMuchReplacedError) as error:
            if is_away(error):
                raise
            if len(held) == 1:
                left.failed.append(held[0].place)
                return
            for one in held:
                await self._publish_part([one], left)


def _split(held: Sequence[HeldNote]) -> list[list[HeldNote]]:
    """Return notes in parts of so many rows as one transaction may write."""
    parts: list[list[HeldNote]] = []
    rows = 0
    for one in held:
        note_rows = count_rows(one.note)
        if not parts or rows + note_rows > INTERNAL_LIMITS.max_batch_rows:
            parts.append([])
            rows = 0
        parts[-1].append(one)
        rows += note_rows
    return parts
