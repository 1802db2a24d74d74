"""What waits for the next batch or for a payment, read as nobody can once its key is gone: these keys are remembered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

from relay.limits import PrivacyPolicy
from relay.protocol.event import decode_event
from relay.storage.held_notes import HeldNote, HeldNotes, open_row
from relay.storage.key_files import KeyFiles
from relay.storage.live_keys import LiveKeys, Purpose
from relay.storage.payments.open_invoices import Terms, open_terms
from relay.storage.publication import Publisher
from relay.storage.sealing import SealingKey
from relay.storage.waiting_notes import WaitingNotes
from relay.storage.writer import Writer


class RememberedKeyFiles(KeyFiles):
    """Files whose keys are kept in memory after their end."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.prepare()
        self.remembered: dict[bytes, SealingKey] = {}

    def write(self, key: SealingKey) -> None:
        super().write(key)
        self.remembered[key.fingerprint] = key

    def open(self, fingerprint: bytes, name: bytes, sealed: bytes) -> tuple[bytes, int]:
        """Return the id of a note that waits or waited, and the price paid for it."""
        held = open_row(self.remembered[fingerprint], fingerprint, name, sealed)
        return held.id, held.note.price_paid_msat

    def open_unpaid(self, fingerprint: bytes, sealed: bytes) -> bytes:
        """Return the id of a note that is unpaid."""
        return bytes.fromhex(decode_event(self.remembered[fingerprint].open(sealed)).id)

    def open_terms(self, fingerprint: bytes, sealed: bytes) -> Terms:
        """Return what an invoice is for."""
        return open_terms(self.remembered[fingerprint], sealed)


def make_waiting(files: KeyFiles, max_held: int = 10, period_s: float = 600.0) -> WaitingNotes:
    """Return the keys of one process."""
    return WaitingNotes(make_held(files, max_held, period_s), LiveKeys(files, Purpose.ORDER))


def make_held(files: KeyFiles, max_held: int = 10, period_s: float = 600.0) -> HeldNotes:
    return HeldNotes(LiveKeys(files, Purpose.BATCH), max_held, period_s)


async def make_publisher(pool: asyncpg.Pool, writer: Writer, held: HeldNotes, **policy: Any) -> Publisher:
    """Return a publisher that has a key."""
    publisher = Publisher(pool, writer, held, PrivacyPolicy(**policy))
    await publisher.prepare(has_other_hosts=False)
    return publisher


async def read_waiting(connection: asyncpg.Connection, held: HeldNotes) -> Sequence[HeldNote]:
    """Return all notes that wait."""
    records = await connection.fetch("SELECT key, name FROM held_notes")
    return await held.read(connection, [(record["key"], record["name"]) for record in records])
