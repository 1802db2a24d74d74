"""What is asked for a note, read from sealed rows: id, tier and price of each invoice, under the keys of orders.

A note has few open invoices, and all of them have one key. Knows their table; the caller owns the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from relay.storage.live_keys import LiveKeys
from relay.storage.payments.order_keys import find_used
from relay.storage.sealing import SealingKey, list_places

# Holds the longest path of a tier: all rows have one length.
_SHAPES = (128,)


class Terms(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed in a row: which note, by which tier's path, for which price, and what part of that came before."""

    note_id: bytes
    tier: str
    price_msat: int
    credit_msat: int = 0

    @property
    def asked_msat(self) -> int:
        """Return what the invoice is over."""
        return self.price_msat - self.credit_msat

    def seal(self, key: SealingKey) -> bytes:
        """Return it encrypted."""
        return key.seal(msgspec.msgpack.encode(self), _SHAPES)


def open_terms(key: SealingKey, sealed: bytes) -> Terms:
    """Return what is sealed in a row. Raises WrongKeyError."""
    return msgspec.msgpack.decode(key.open(sealed), type=Terms)


async def read_terms(order_keys: LiveKeys, fingerprint: bytes, sealed: bytes) -> Terms | None:
    """Return what is sealed in a row, None if its key is not on this machine."""
    key = await order_keys.read(fingerprint)
    return None if key is None else open_terms(key, sealed)


@dataclass(frozen=True, slots=True)
class Asked:
    """An open invoice; there is no BOLT 11 while it is being made. `expires_at` is in Unix seconds."""

    reference: bytes
    token: bytes
    terms: Terms
    bolt11: str | None
    expires_at: int
    account: str


async def find_open(
    connection: asyncpg.Connection, keys: Sequence[SealingKey], note_ids: Sequence[bytes]
) -> list[Asked]:
    """Return the open invoices of these notes."""
    places = list_places(keys, note_ids)
    if not places:
        return []
    records = await connection.fetch(
        """
        SELECT i.key, i.note_name, i.reference, i.token, i.sealed, i.sealed_bolt11, i.expires_at, i.account
        FROM unnest($1::bytea[], $2::bytea[]) AS r (key, note_name)
            JOIN invoices i ON i.key = r.key AND i.note_name = r.note_name AND i.state IN ('creating', 'open')
        """,
        *_to_columns(places),
    )
    return [_to_asked(places[record["key"], record["note_name"]][0], record) for record in records]


def _to_asked(key: SealingKey, record: asyncpg.Record) -> Asked:
    sealed_bolt11: bytes | None = record["sealed_bolt11"]
    return Asked(
        record["reference"],
        record["token"],
        open_terms(key, record["sealed"]),
        None if sealed_bolt11 is None else key.open(sealed_bolt11).decode(),
        record["expires_at"],
        record["account"],
    )


async def find_asked(connection: asyncpg.Connection, order_keys: LiveKeys, note_ids: Sequence[bytes]) -> list[bytes]:
    """Return those of these notes for which something is asked."""
    places = list_places(await find_used(connection, order_keys), note_ids)
    records = await connection.fetch(
        """
        SELECT DISTINCT i.key, i.note_name FROM unnest($1::bytea[], $2::bytea[]) AS r (key, note_name)
            JOIN invoices i ON i.key = r.key AND i.note_name = r.note_name AND i.state IN ('creating', 'open')
        """,
        *_to_columns(places),
    )
    return [places[record["key"], record["note_name"]][1] for record in records]


async def move_open(
    connection: asyncpg.Connection, keys: Sequence[SealingKey], key: SealingKey, note_id: bytes
) -> None:
    """Seal the open invoices of a note with another key, where they are under one of `keys`."""
    places = list_places(keys, [note_id])
    if not places:
        return
    records = await connection.fetch(
        # Locked: what the node made may be recorded at this moment.
        """
        SELECT i.key, i.note_name, i.reference, i.token, i.sealed, i.sealed_bolt11, i.expires_at, i.account
        FROM unnest($1::bytea[], $2::bytea[]) AS r (key, note_name)
            JOIN invoices i ON i.key = r.key AND i.note_name = r.note_name AND i.state IN ('creating', 'open')
        FOR UPDATE OF i
        """,
        *_to_columns(places),
    )
    for record in records:
        asked = _to_asked(places[record["key"], record["note_name"]][0], record)
        await connection.execute(
            "UPDATE invoices SET key = $2, note_name = $3, sealed = $4, sealed_bolt11 = $5 WHERE reference = $1",
            asked.reference,
            key.fingerprint,
            key.name(note_id),
            asked.terms.seal(key),
            None if asked.bolt11 is None else key.seal(asked.bolt11.encode()),
        )


def _to_columns(places: dict[tuple[bytes, bytes], tuple[SealingKey, bytes]]) -> list[list[bytes]]:
    return [[place[column] for place in places] for column in (0, 1)]
