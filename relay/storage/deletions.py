"""Deletion requests (NIP-09): what a new request takes away, stored or unpaid. Runs inside the writer's transaction.

What waits for the next batch is refused when it is published: nobody can tell before which row it is.

To delete a note over a ring of a thousand is to delete a thousand rows, and one request can name two thousand notes. So a
request that would delete much is postponed: each batch deletes a slice for it, and others have their turns in between.
"""

import asyncpg

from relay.limits import INTERNAL_LIMITS
from relay.protocol.event import DELETION_REQUEST
from relay.storage.batch import Batch
from relay.storage.contested_words import count_contested
from relay.storage.index_rows import DELETE_INDEX_ROWS, RETURNING
from relay.storage.live_keys import LiveKeys
from relay.storage.named_notes import SELECT_NAMED, find_named
from relay.storage.payments.asked_no_longer import close_for_notes, close_orphans
from relay.storage.payments.open_invoices import find_asked
from relay.storage.payments.unpaid_notes import withdraw_unpaid
from relay.storage.row import Row
from relay.storage.waiting_notes import WaitingNotes

# What one slice looks up at most: a request can name two thousand notes.
_LOOKED_UP = 256


async def postpone_large(connection: asyncpg.Connection, batch: Batch) -> None:
    """Postpone rows whose deletions are too much for one batch, and delete a slice for the first of them."""
    costs = await _find_costs(connection, batch)
    # To look up two thousand ids again takes 5 ms. Other rows of the batch can be named, too.
    batch.deletes_nothing = not costs and all(map(_is_request, batch.rows))
    spent = 0
    for row in batch.rows:
        cost = costs.get(row.id, 0)
        if not cost:
            continue
        if spent and spent + cost > INTERNAL_LIMITS.max_deleted_rows:
            batch.postpone(row)
        elif cost > INTERNAL_LIMITS.max_deleted_rows and row.event.kind == DELETION_REQUEST:
            await delete_slice(connection, row)
            batch.postpone(row)
            spent = INTERNAL_LIMITS.max_deleted_rows
        else:
            spent += cost


async def delete_slice(connection: asyncpg.Connection, request: Row) -> bool:
    """Delete some of what a request names, and return whether that was all."""
    deleted, found = await connection.fetchrow(
        f"""
        WITH named AS (SELECT DISTINCT id, index_rows FROM ({SELECT_NAMED} LIMIT {_LOOKED_UP}) AS found), slice AS (
            SELECT id FROM (SELECT id, sum(index_rows) OVER (ORDER BY id) - index_rows AS rows_before FROM named) AS counted
            WHERE rows_before < $8
        ), {_DELETE_FROM_SLICE}
        SELECT (SELECT count(*) FROM slice), (SELECT count(*) FROM named)
        """,  # noqa: S608
        *find_named([request]).columns,
        INTERNAL_LIMITS.max_deleted_rows,
    )
    return bool(deleted == found < _LOOKED_UP)


async def withdraw_requested(connection: asyncpg.Connection, batch: Batch, order_keys: LiveKeys) -> None:
    """Drop the unpaid notes that new requests name, if they are by the same author."""
    requests = batch.select(_is_request)
    # Most relays have none of these most of the time, and a request can name two thousand.
    if requests and await connection.fetchval("SELECT EXISTS (SELECT FROM unpaid_notes)"):
        await withdraw_unpaid(connection, order_keys, find_named(requests))


async def delete_requested(connection: asyncpg.Connection, batch: Batch) -> None:
    """Delete what new requests name, if it is by the same author. Contested words stay."""
    requests = batch.select(_is_request)
    if not requests:
        return
    named = find_named(requests)
    # Most relays have none of these most of the time, and a request can name two thousand.
    has_contested = await connection.fetchval("SELECT EXISTS (SELECT FROM notes WHERE is_contested)")
    if not batch.deletes_nothing:
        await connection.execute(
            f"WITH slice AS (SELECT DISTINCT id FROM ({SELECT_NAMED}) AS found), {_DELETE_FROM_SLICE} SELECT",  # noqa: S608
            *named.columns,
        )
    if has_contested:
        for place, count in (await count_contested(connection, named)).items():
            requests[place].staying = count


async def close_invoices(connection: asyncpg.Connection, batch: Batch, waiting: WaitingNotes) -> None:
    """Ask nothing any more for what new requests have deleted, or what they will keep from being published."""
    requests = batch.select(_is_request)
    if not requests:
        return
    # Most relays ask for nothing most of the time.
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM invoices WHERE state IN ('creating', 'open'))"):
        return
    await close_orphans(connection, waiting)
    named = {(pubkey, id_) for _, pubkey, id_ in find_named(requests).ids}
    ids = await find_asked(connection, waiting.order_keys, [id_ for _, id_ in named])
    held = await waiting.held.find(connection, ids)
    own = [id_ for id_, one in held.items() if (bytes.fromhex(one.note.event.pubkey), id_) in named]
    await close_for_notes(connection, waiting.order_keys, own)


async def _find_costs(connection: asyncpg.Connection, batch: Batch) -> dict[bytes, int]:
    """Return how many rows of the tables that are indexes each row of a batch deletes, by id."""
    costs: dict[bytes, int] = {}
    if requests := batch.select(_is_request):
        for record in await connection.fetch(
            f"SELECT place, sum(index_rows)::bigint AS cost FROM ({SELECT_NAMED}) AS found GROUP BY place",  # noqa: S608
            *find_named(requests).columns,
        ):
            costs[requests[record["place"]].id] = record["cost"]
    if versions := batch.select(lambda row: row.address is not None and not row.is_ephemeral):
        for record in await connection.fetch(
            """
            SELECT r.id, n.index_rows FROM unnest($1::bytea[], $2::bytea[]) AS r (id, address)
                JOIN notes n ON n.address = r.address
            """,
            [row.id for row in versions],
            [row.address for row in versions],
        ):
            costs[record["id"]] = record["index_rows"]
    return costs


def _is_request(row: Row) -> bool:
    return row.event.kind == DELETION_REQUEST


_DELETE_FROM_SLICE = f"""
    deleted AS (DELETE FROM notes n USING slice WHERE n.id = slice.id {RETURNING}),
    {DELETE_INDEX_ROWS},
    spent AS (
        INSERT INTO day_spent_signatures SELECT signed_id, false FROM deleted WHERE signed_id IS NOT NULL ON CONFLICT DO NOTHING
    )
"""  # noqa: S608
