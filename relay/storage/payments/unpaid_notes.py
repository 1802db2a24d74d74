"""Notes that were verified and wait for a payment, sealed: their rows tell nothing once the key is destroyed.

Knows their table; the caller owns the transaction and the writer's lock.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from relay.protocol.event import decode_event, to_address
from relay.storage.live_keys import LiveKeys
from relay.storage.named_notes import NamedNotes
from relay.storage.note import Note
from relay.storage.payments.order_keys import find_used
from relay.storage.row import hash_address
from relay.storage.sealing import Place, SealingKey, list_places

_NAME_BYTES = 32


class UnpaidTotals(NamedTuple):
    """How many notes are unpaid, how many bytes they take, and how many invoices are open."""

    notes: int
    bytes: int
    open_invoices: int


async def count_unpaid(connection: asyncpg.Connection, account: str) -> UnpaidTotals:
    """Count unpaid notes, and the open invoices of this account: what another one made keeps nobody from ordering."""
    return UnpaidTotals(
        *await connection.fetchrow(
            """
            SELECT count(*), coalesce(sum(octet_length(sealed)), 0)::bigint,
                   (SELECT count(*) FROM invoices WHERE state IN ('creating', 'open') AND account = $1)
            FROM unpaid_notes
            """,
            account,
        )
    )


async def insert_unpaid(connection: asyncpg.Connection, key: SealingKey, note: Note) -> None:
    """Keep a note until it is paid for; it may be there for another tier already."""
    id_, pubkey, address = bytes.fromhex(note.event.id), bytes.fromhex(note.event.pubkey), to_address(note.event)
    await connection.execute(
        """
        INSERT INTO unpaid_notes (key, name, owner_name, address_name, sealed) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (key, name) DO NOTHING
        """,
        key.fingerprint,
        key.name(id_),
        _name_owner(key, pubkey, id_),
        # Without one it looks as if it had one.
        secrets.token_bytes(_NAME_BYTES) if address is None else _name_address(key, pubkey, hash_address(address)),
        key.seal(note.encoded),
    )


async def find_unpaid(
    connection: asyncpg.Connection, keys: Sequence[SealingKey], note_ids: Sequence[bytes]
) -> dict[bytes, bytes]:
    """Return the compact JSON of those of these notes that are unpaid, by id."""
    places = list_places(keys, note_ids)
    found = {}
    for record in await _fetch(connection, places, "u.key, u.name, u.sealed"):
        key, note_id = places[record["key"], record["name"]]
        found[note_id] = key.open(record["sealed"])
    return found


async def find_owned(
    connection: asyncpg.Connection, keys: Sequence[SealingKey], owned: Sequence[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Return those of these pairs of a pubkey and an id that are an unpaid note and its author."""
    return [owned[place] for _, place in await _find_owned(connection, keys, owned)]


async def _find_owned(
    connection: asyncpg.Connection, keys: Sequence[SealingKey], owned: Sequence[tuple[bytes, bytes]]
) -> list[tuple[Place, int]]:
    """Return the rows of what is unpaid and its author's, each with its index in `owned`."""
    places = list_places(keys, {id_ for _, id_ in owned})
    records = await _fetch(connection, places, "u.key, u.name, u.owner_name")
    rows = {places[record["key"], record["name"]][1]: record for record in records}
    by_fingerprint = {key.fingerprint: key for key in keys}
    return [
        ((row["key"], row["name"]), index)
        for index, (pubkey, id_) in enumerate(owned)
        if (row := rows.get(id_)) is not None
        and row["owner_name"] == _name_owner(by_fingerprint[row["key"]], pubkey, id_)
    ]


async def _fetch(
    connection: asyncpg.Connection, places: dict[Place, tuple[SealingKey, bytes]], columns: str
) -> list[asyncpg.Record]:
    if not places:
        return []
    records: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT {columns} FROM unnest($1::bytea[], $2::bytea[]) AS r (key, name), LATERAL (
            SELECT * FROM unpaid_notes u WHERE u.key = r.key AND u.name = r.name LIMIT 1) u
        """,  # noqa: S608
        *_to_columns(places),
    )
    return records


async def move_unpaid(
    connection: asyncpg.Connection, keys: Sequence[SealingKey], key: SealingKey, note_id: bytes
) -> None:
    """Seal an unpaid note with another key, if it is there under one of `keys`: a note's rows have one key."""
    encoded = (await find_unpaid(connection, keys, [note_id])).get(note_id)
    if encoded is None:
        return
    await delete_unpaid(connection, keys, note_id)
    await insert_unpaid(connection, key, Note(decode_event(encoded), encoded, None))


async def delete_unpaid(connection: asyncpg.Connection, keys: Sequence[SealingKey], note_id: bytes) -> None:
    """Drop an unpaid note: it is published, or never will be."""
    await _delete(connection, list(list_places(keys, [note_id])))


async def _delete(connection: asyncpg.Connection, places: Sequence[Place]) -> None:
    await connection.execute(
        """
        DELETE FROM unpaid_notes u USING unnest($1::bytea[], $2::bytea[]) AS r (key, name)
        WHERE u.key = r.key AND u.name = r.name
        """,
        *_to_columns(places),
    )


async def delete_if_uninvoiced(connection: asyncpg.Connection, place: Place) -> None:
    """Drop an unpaid note if no open invoice asks for it any more."""
    await connection.execute(
        """
        DELETE FROM unpaid_notes WHERE key = $1 AND name = $2
            AND NOT EXISTS (SELECT FROM invoices WHERE key = $1 AND note_name = $2 AND state IN ('creating', 'open'))
        """,
        *place,
    )


async def delete_uninvoiced(connection: asyncpg.Connection) -> None:
    """Drop the unpaid notes that no open invoice asks for any more."""
    await connection.execute(
        """
        DELETE FROM unpaid_notes u WHERE NOT EXISTS (
            SELECT FROM invoices i WHERE i.key = u.key AND i.note_name = u.name AND i.state IN ('creating', 'open'))
        """
    )


async def withdraw_unpaid(connection: asyncpg.Connection, order_keys: LiveKeys, named: NamedNotes) -> None:
    """Drop notes that their own author asks to delete before they are paid for (NIP-09)."""
    keys = await find_used(connection, order_keys)
    owned = list(zip(*named.id_columns, strict=True))
    places = [place for place, _ in await _find_owned(connection, keys, owned)]
    if named.addresses:
        places += await _find_versions(connection, keys, named)
    if places:
        await _delete(connection, places)


async def _find_versions(connection: asyncpg.Connection, keys: Sequence[SealingKey], named: NamedNotes) -> list[Place]:
    """Return the rows of the versions that requests name by address: those up to the request's created_at (NIP-09)."""
    asked = {
        (key.fingerprint, _name_address(key, pubkey, address)): (key, created_at)
        # Of two requests for one address the later one counts.
        for _, pubkey, address, created_at in sorted(named.addresses, key=lambda entry: entry[3])
        for key in keys
    }
    records = await connection.fetch(
        """
        SELECT u.key, u.name, u.address_name, u.sealed FROM unnest($1::bytea[], $2::bytea[]) AS r (key, address_name)
            JOIN unpaid_notes u ON u.key = r.key AND u.address_name = r.address_name
        """,
        *_to_columns(list(asked)),
    )
    found = []
    for record in records:
        key, created_at = asked[record["key"], record["address_name"]]
        if decode_event(key.open(record["sealed"])).created_at <= created_at:
            found.append((record["key"], record["name"]))
    return found


def _name_owner(key: SealingKey, pubkey: bytes, id_: bytes) -> bytes:
    return key.name(b"owner" + pubkey + id_)


def _name_address(key: SealingKey, pubkey: bytes, hashed_address: bytes) -> bytes:
    return key.name(b"address" + pubkey + hashed_address)


def _to_columns(places: Sequence[Place] | dict[Place, tuple[SealingKey, bytes]]) -> list[list[bytes]]:
    return [[place[column] for place in places] for column in (0, 1)]
