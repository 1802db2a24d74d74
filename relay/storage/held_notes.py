"""Ring notes that were accepted and wait for the next batch, which publishes many of them in an order that says nothing.

Each row is sealed under the batch's key, which is destroyed once its notes are published: neither the tables nor the
write-ahead log tell then when one of them came. Who sends a note that waits, or a copy of its words, hears what everybody
hears; what the batch does not take is dropped when it is published. Knows the table, not when a batch is published.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from relay.storage.batch import Batch
from relay.storage.live_keys import KeyMissingError, LiveKeys
from relay.storage.note import Note, read_note
from relay.storage.row import Row, SaveResult
from relay.storage.sealing import Place, SealingKey, list_places


@dataclass(frozen=True, slots=True)
class HeldNote:
    """A note that waits. `place` is its row; `since` is when the period began in which it came (Unix seconds)."""

    place: Place
    since: int
    note: Note

    @property
    def id(self) -> bytes:
        """Return the note's id."""
        return bytes.fromhex(self.note.event.id)


class _Content(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed in a row."""

    since: int
    price_paid_msat: int
    content_key: bytes | None
    encoded: bytes


@dataclass(frozen=True, slots=True)
class HeldNotes:
    """The notes that wait, at most `max_held` of them that nobody paid for. Periods of `period_s` seconds say when one came.

    Its methods run inside the writer's transaction, under its lock, but for `find`.
    """

    keys: LiveKeys
    max_held: int
    period_s: float

    async def find(self, connection: asyncpg.Connection, ids: Sequence[bytes]) -> dict[bytes, HeldNote]:
        """Return those of these notes that wait, by id; of a note that waits at two prices, the higher one."""
        keys = await self.keys.find_live(connection)
        places = list_places(keys, ids)
        if not places:
            return {}
        records = await connection.fetch(
            """
            SELECT h.key, h.name, h.sealed FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS r (key, name, mark), LATERAL (
                SELECT * FROM held_notes h WHERE h.key = r.key AND h.name = r.name LIMIT 1) h
            WHERE NOT EXISTS (SELECT FROM held_marks m WHERE m.key = r.key AND m.mark = r.mark)
            """,
            [fingerprint for fingerprint, _ in places],
            [name for _, name in places],
            [key.mark(id_) for key, id_ in places.values()],
        )
        found: dict[bytes, HeldNote] = {}
        for record in records:
            key, id_ = places[record["key"], record["name"]]
            held = open_row(key, *record)
            if id_ not in found or held.note.price_paid_msat > found[id_].note.price_paid_msat:
                found[id_] = held
        return found

    async def raise_price(self, connection: asyncpg.Connection, held: HeldNote, row: Row) -> None:
        """Give a note that waits the price of a row. Raises KeyMissingError."""
        await connection.execute("DELETE FROM held_notes WHERE key = $1 AND name = $2", *held.place)
        await self._insert(connection, [row])

    async def hold(self, connection: asyncpg.Connection, batch: Batch) -> None:
        """Keep the rows that are to be held, and decide about each: it waits, or why not. Paid notes always have a place."""
        rows = batch.select(lambda row: row.note.is_held)
        if not rows:
            return
        await _refuse_stored(connection, rows)
        rows = [row for row in rows if row.result is None]
        waiting = await self.find(connection, [row.id for row in rows])
        new: dict[bytes, Row] = {}
        # One that comes twice at once is kept once, at the higher price.
        for row in sorted(rows, key=lambda row: -row.note.price_paid_msat):
            if row.id in waiting or row.id in new:
                row.result = SaveResult.DUPLICATE if row.note.price_paid_msat else SaveResult.HELD
            else:
                new[row.id] = row
        await self._keep(connection, list(new.values()))

    async def _keep(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        count: int = await connection.fetchval("SELECT count(*) FROM held_notes")
        free = [row for row in rows if not row.note.price_paid_msat]
        for row in free[max(0, self.max_held - count) :]:
            row.result = SaveResult.HELD_FULL
        kept = [row for row in rows if row.result is None]
        try:
            await self._insert(connection, kept)
        except KeyMissingError:
            for row in kept:
                row.result = SaveResult.HELD_ELSEWHERE

    async def _insert(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Insert rows that wait from now on. Raises KeyMissingError."""
        if not rows:
            return
        key = await self.keys.find_current(connection)
        now: int = await connection.fetchval("SELECT extract(epoch FROM now())::bigint")
        period_s = max(1, int(self.period_s))
        contents = [
            _Content(now // period_s * period_s, row.note.price_paid_msat, row.note.content_key, row.note.encoded)
            for row in rows
        ]
        await _insert_sealed(connection, key, [(row.id, content) for row, content in zip(rows, contents, strict=True)])
        for row in rows:
            row.result = SaveResult.HELD

    async def list_places(self, connection: asyncpg.Connection, fingerprint: bytes) -> list[Place]:
        """Return the places of all notes under a key, in an order that says nothing."""
        records = await connection.fetch("SELECT key, name FROM held_notes WHERE key = $1 ORDER BY name", fingerprint)
        return [(record["key"], record["name"]) for record in records]

    async def read(self, connection: asyncpg.Connection, places: Sequence[Place]) -> list[HeldNote]:
        """Return the notes at these places, in their order, but for those that are published."""
        keys = {key.fingerprint: key for key in await self.keys.find_live(connection)}
        records = await connection.fetch(
            """
            SELECT h.key, h.name, h.sealed
            FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS r (key, name, position), LATERAL (
                SELECT * FROM held_notes h WHERE h.key = r.key AND h.name = r.name LIMIT 1) h
            ORDER BY r.position
            """,
            [fingerprint for fingerprint, _ in places],
            [name for _, name in places],
        )
        held = [open_row(keys[record["key"]], *record) for record in records]
        marks = [keys[one.place[0]].mark(one.id) for one in held]
        published = {
            record["mark"]
            for record in await connection.fetch("SELECT mark FROM held_marks WHERE mark = ANY($1::bytea[])", marks)
        }
        return [one for one, mark in zip(held, marks, strict=True) if mark not in published]

    async def mark_published(self, connection: asyncpg.Connection, held: Sequence[HeldNote]) -> None:
        """Record that these notes wait no longer, whatever became of them."""
        keys = {key.fingerprint: key for key in await self.keys.find_live(connection)}
        fingerprints = [one.place[0] for one in held]
        await connection.execute(
            "INSERT INTO held_marks (key, mark) SELECT * FROM unnest($1::bytea[], $2::bytea[])",
            fingerprints,
            [keys[fingerprint].mark(one.id) for fingerprint, one in zip(fingerprints, held, strict=True)],
        )

    async def seal_again(self, connection: asyncpg.Connection, held: Sequence[HeldNote]) -> None:
        """Insert notes that wait on under the key for new rows; their old rows are deleted with their key."""
        key = await self.keys.find_current(connection)
        contents = [
            (
                one.id,
                _Content(one.since, one.note.price_paid_msat, one.note.content_key, one.note.encoded),
            )
            for one in held
        ]
        await _insert_sealed(connection, key, contents)

    async def count(self, connection: asyncpg.Connection, fingerprints: Sequence[bytes]) -> int:
        """Return how many notes wait under these keys."""
        waiting: int = await connection.fetchval(
            """
            SELECT (SELECT count(*) FROM held_notes WHERE key = ANY($1::bytea[]))
                - (SELECT count(*) FROM held_marks WHERE key = ANY($1::bytea[]))
            """,
            fingerprints,
        )
        return waiting

    async def delete_all(self, connection: asyncpg.Connection, fingerprints: Sequence[bytes]) -> int:
        """Delete all notes under these keys, and return how many there were that nobody has published."""
        waited: int = await connection.fetchval(
            """
            WITH deleted AS (DELETE FROM held_notes WHERE key = ANY($1::bytea[]) RETURNING 1),
                 marks AS (DELETE FROM held_marks WHERE key = ANY($1::bytea[]) RETURNING 1)
            SELECT (SELECT count(*) FROM deleted)::integer - (SELECT count(*) FROM marks)::integer
            """,
            fingerprints,
        )
        return waited


async def _refuse_stored(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
    """Refuse what is stored already, at such a price or a higher one."""
    prices = {
        record["id"]: record["price_paid_msat"]
        for record in await connection.fetch(
            "SELECT id, coalesce(price_paid_msat, 0) AS price_paid_msat FROM notes WHERE id = ANY($1::bytea[])",
            [row.id for row in rows],
        )
    }
    for row in rows:
        if prices.get(row.id, -1) >= row.note.price_paid_msat:
            row.result = SaveResult.DUPLICATE


async def _insert_sealed(
    connection: asyncpg.Connection, key: SealingKey, contents: Sequence[tuple[bytes, _Content]]
) -> None:
    # Sorted by name, so that rows of one transaction lie in no order of arrival.
    sealed = sorted((key.name(id_), key.seal(msgspec.msgpack.encode(content))) for id_, content in contents)
    await connection.execute(
        """
        INSERT INTO held_notes (key, name, sealed) SELECT $1, * FROM unnest($2::bytea[], $3::bytea[])
        ON CONFLICT DO NOTHING
        """,
        key.fingerprint,
        [name for name, _ in sealed],
        [row for _, row in sealed],
    )


def open_row(key: SealingKey, fingerprint: bytes, name: bytes, sealed: bytes) -> HeldNote:
    """Return the note of a row. Raises WrongKeyError."""
    content = msgspec.msgpack.decode(key.open(sealed), type=_Content)
    note = read_note(content.encoded, content.content_key, price_paid_msat=content.price_paid_msat)
    return HeldNote((fingerprint, name), content.since, note)
