"""What waits on the disk when a relay starts, and what its operator hears where keys are lost, or the log would date it."""

import asyncio
from dataclasses import dataclass

from relay.config import Config
from relay.log import Log, LogEvent
from relay.postgres.errors import DATABASE_FAILURES
from relay.postgres.old_log import may_drop_old_log
from relay.postgres.open import Database, DatabaseError, open_beside
from relay.pricing.payments import Payments
from relay.storage.held_notes import HeldNotes
from relay.storage.key_files import KeyFiles
from relay.storage.live_keys import LiveKeys, Purpose
from relay.storage.lost_notes import count_lost, give_up_lost
from relay.storage.publication import Publisher
from relay.storage.waiting_notes import WaitingNotes


def make_waiting(config: Config) -> WaitingNotes:
    """Return the notes that wait for a batch, or for a payment."""
    files = KeyFiles(config.keys_dir)
    privacy = config.privacy
    held = HeldNotes(LiveKeys(files, Purpose.BATCH), privacy.max_held, privacy.publish_every_s)
    return WaitingNotes(held, LiveKeys(files, Purpose.ORDER))


def describe_lost(count: int) -> str:
    """Return what it means that notes wait under a key that is not on this machine, and what to do."""
    return (
        f"{count} notes wait under a key that is not in privacy.key_dir here, and no ring note is taken until it is: copy it "
        "from the machine that has it, or post there; if it is gone, `ringrelay forget-held --yes` gives these notes up"
    )


@dataclass(frozen=True, slots=True)
class WaitingCheck:
    """The look at what waits, before the first client connects. Its methods raise DATABASE_FAILURES, and OSError for key files."""

    config: Config
    database: Database
    log: Log

    @property
    def _has_other_hosts(self) -> bool:
        return self.config.database.url is not None

    async def prepare_held(self, publisher: Publisher) -> None:
        """Have a key for notes that wait for a batch, where there are batches or were, and say which notes are lost."""
        if not self.config.privacy.publish_every_s and not await publisher.has_keys():
            return
        await self._prepare_files()
        lost = await publisher.prepare(has_other_hosts=self._has_other_hosts)
        if lost:
            self.log.write(
                LogEvent.HELD_NOTES_LOST,
                advice=f"{lost} notes waited under a key that is gone; tell those who post here",
            )
        elsewhere = await publisher.count_lost()
        if elsewhere is not None:
            self.log.write(LogEvent.HELD_NOTES_ELSEWHERE, advice=describe_lost(elsewhere))

    async def prepare_orders(self, payments: Payments) -> None:
        """Have a key for orders, and say which orders are lost."""
        await self._prepare_files()
        lost = await payments.prepare(has_other_hosts=self._has_other_hosts)
        if lost:
            self.log.write(
                LogEvent.ORDERS_LOST,
                advice=f"{lost} unpaid invoices are for notes whose key is gone, and are closed; what is paid for them is kept "
                "in unapplied_payments, with reason key_lost",
            )

    async def _prepare_files(self) -> None:
        await asyncio.to_thread(KeyFiles(self.config.keys_dir).prepare)

    async def check_log_is_dropped(self) -> None:
        """Raise DatabaseError if notes are to wait and the database's own log would tell when each of them came."""
        privacy = self.config.privacy
        if not privacy.publish_every_s or privacy.allow_dated_wal:
            return
        async with self.database.writers.acquire() as connection:
            if not await may_drop_old_log(connection):
                role = await connection.fetchval("SELECT current_user")
                raise DatabaseError(
                    f"the write-ahead log would tell when each note came, and the relay's role may not drop it. As a superuser, in "
                    f'this database: GRANT pg_checkpoint TO "{role}"; GRANT EXECUTE ON FUNCTION pg_switch_wal() TO "{role}"; '
                    "or set privacy.allow_dated_wal = true, if that is no secret"
                )


async def forget_held(config: Config, log: Log, *, is_meant: bool) -> int | None:
    """Return how many notes wait under keys that are not on this machine, None where every key is; delete them if that is meant.

    Raises EmbeddedError, MigrationError or DatabaseError.
    """
    held = make_waiting(config).held
    try:
        async with open_beside(config.database, config.data_dir, log) as connection:
            count = await count_lost(connection, held)
            if count is not None and is_meant:
                await asyncio.to_thread(KeyFiles(config.keys_dir).prepare)
                count = await give_up_lost(connection, held)
            return count
    except DATABASE_FAILURES as error:
        raise DatabaseError(
            f"the database or privacy.key_dir cannot be used ({type(error).__name__}); nothing has changed: try again"
        ) from None
