"""Which payments buy nothing any more: settled and forgotten, or claimed. Knows their table; the caller owns the transaction.

A payment is named by a hash of its payment hash. Neither leads to a note.
"""

import hashlib
from collections.abc import Iterable

import asyncpg


def _hash(payment_hash: bytes) -> bytes:
    return hashlib.sha256(b"ringrelay spent payment\0" + payment_hash).digest()


async def insert_spent(connection: asyncpg.Connection, payment_hashes: Iterable[bytes]) -> int:
    """Record payments, in no order of theirs; return how many are new."""
    return len(
        await connection.fetch(
            "INSERT INTO spent_payments (payment) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING RETURNING 1",
            sorted(map(_hash, payment_hashes)),
        )
    )


async def is_spent(connection: asyncpg.Connection, payment_hash: bytes) -> bool:
    """Return whether a payment was settled and forgotten, or claimed."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM spent_payments WHERE payment = $1)", _hash(payment_hash)
    )
    return found
