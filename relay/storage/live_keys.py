"""The keys under which rows are sealed: one for new rows, and older ones as long as rows need them. Knows no sealed row.

A key lies in a file on this machine. The table only says which keys there are, so that relays that share a database agree.
Everything here runs under the writer's lock, but for `find_live`.
"""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

import asyncpg

from relay.storage.key_files import KeyFiles
from relay.storage.sealing import SealingKey


class Purpose(StrEnum):
    """What keys are for. Each purpose has its own."""

    BATCH = "batch"
    ORDER = "order"


class KeyMissingError(Exception):
    """The key for new rows is not on this machine."""


class LiveKeys:
    """The keys of one purpose, as one process has them."""

    def __init__(self, files: KeyFiles, purpose: Purpose) -> None:
        self._files = files
        self._purpose = purpose
        self._known: dict[bytes, SealingKey] = {}
        # As last read.
        self.pow_bits = 0

    async def find_current(self, connection: asyncpg.Connection) -> SealingKey:
        """Return the key for new rows. Raises KeyMissingError where it is on another machine."""
        record = await connection.fetchrow(
            "SELECT fingerprint, pow_bits FROM sealing_keys WHERE purpose = $1 AND is_current", self._purpose
        )
        key = None if record is None else await self.read(record["fingerprint"])
        if key is None:
            raise KeyMissingError
        self.pow_bits = record["pow_bits"]
        return key

    async def find_live(self, connection: asyncpg.Connection) -> list[SealingKey]:
        """Return all keys that rows may be sealed with, but for those that are not on this machine."""
        keys = [await self.read(fingerprint) for fingerprint in await self.list_fingerprints(connection)]
        return [key for key in keys if key is not None]

    async def list_fingerprints(self, connection: asyncpg.Connection, *, is_current: bool | None = None) -> list[bytes]:
        """Return the fingerprints of all keys, or of those that are, or are not, for new rows."""
        records = await connection.fetch(
            """
            SELECT fingerprint FROM sealing_keys
            WHERE purpose = $1 AND ($2::boolean IS NULL OR is_current = $2) ORDER BY fingerprint
            """,
            self._purpose,
            is_current,
        )
        return [record["fingerprint"] for record in records]

    async def find_lost(self, connection: asyncpg.Connection) -> list[bytes]:
        """Return the fingerprints of the keys that are not on this machine."""
        fingerprints = await self.list_fingerprints(connection)
        return [fingerprint for fingerprint in fingerprints if await self.read(fingerprint) is None]

    async def rotate(self, connection: asyncpg.Connection, pow_bits: int = 0) -> None:
        """Make a new key, in its file first, and seal all new rows with it as soon as the transaction is committed.

        `pow_bits` is kept beside it, for all who share the database.
        """
        key = SealingKey.make()
        await asyncio.to_thread(self._files.write, key)
        self._known[key.fingerprint] = key
        await connection.execute(
            "UPDATE sealing_keys SET is_current = false WHERE purpose = $1 AND is_current", self._purpose
        )
        await connection.execute(
            "INSERT INTO sealing_keys (fingerprint, purpose, is_current, pow_bits) VALUES ($1, $2, true, $3)",
            key.fingerprint,
            self._purpose,
            pow_bits,
        )
        self.pow_bits = pow_bits

    async def set_pow_bits(self, connection: asyncpg.Connection, pow_bits: int) -> None:
        """Change what is kept beside the key for new rows, where nothing was sealed with it."""
        await connection.execute(
            "UPDATE sealing_keys SET pow_bits = $2 WHERE purpose = $1 AND is_current AND pow_bits <> $2",
            self._purpose,
            pow_bits,
        )
        self.pow_bits = pow_bits

    async def forget(self, connection: asyncpg.Connection, fingerprints: Sequence[bytes]) -> None:
        """Take keys out of the table. Their rows must be gone; `destroy` them after the commit."""
        await connection.execute("DELETE FROM sealing_keys WHERE fingerprint = ANY($1::bytea[])", fingerprints)

    async def destroy(self, fingerprints: Sequence[bytes]) -> None:
        """Destroy keys that are in no table any more."""
        for fingerprint in fingerprints:
            self._known.pop(fingerprint, None)
            await asyncio.to_thread(self._files.destroy, fingerprint)

    async def destroy_strays(self, connection: asyncpg.Connection) -> None:
        """Destroy the keys in files that no row was ever sealed with: their transaction did not end, or has ended them."""
        records = await connection.fetch("SELECT fingerprint FROM sealing_keys")
        named = {record["fingerprint"] for record in records}
        present = await asyncio.to_thread(self._files.list_fingerprints)
        await self.destroy([fingerprint for fingerprint in present if fingerprint not in named])

    async def destroy_ended(self, connection: asyncpg.Connection) -> None:
        """Destroy the keys that this process has used, and that this or another process has taken out of the table."""
        named = set(await self.list_fingerprints(connection))
        await self.destroy([fingerprint for fingerprint in self._known if fingerprint not in named])

    async def read(self, fingerprint: bytes) -> SealingKey | None:
        """Return a key, None if it is not on this machine."""
        if fingerprint not in self._known:
            key = await asyncio.to_thread(self._files.read, fingerprint)
            if key is None:
                return None
            self._known[fingerprint] = key
        return self._known[fingerprint]
