"""Deletion requests (NIP-09): what a new request takes away, stored, held or unpaid. Runs inside the writer's transaction."""

import asyncpg

from relay.protocol.event import DELETION_REQUEST, list_indexed_tags
from relay.protocol.hex import is_hex32
from relay.storage.batch import Batch
from relay.storage.held_notes import withdraw_held
from relay.storage.payments.invoices import close_orphans
from relay.storage.payments.unpaid_notes import withdraw_unpaid
from relay.storage.row import hash_address


async def delete_requested(connection: asyncpg.Connection, batch: Batch) -> None:
    """Delete what new requests name, if it is by the same author; nothing is asked for it any more."""
    requests = batch.select(lambda row: row.event.kind == DELETION_REQUEST)
    for row in requests:
        ids = [bytes.fromhex(value) for name, value in list_indexed_tags(row.event) if name == "e" and is_hex32(value)]
        addresses = [hash_address(value) for name, value in list_indexed_tags(row.event) if name == "a"]
        await withdraw_held(connection, row.pubkey, ids)
        await withdraw_unpaid(connection, row.pubkey, ids, addresses, row.event.created_at)
        await connection.execute(
            """
            WITH deleted AS (
                DELETE FROM notes WHERE pubkey = $1 AND kind <> 5 AND (
                    id = ANY($2::bytea[])
                    -- NIP-09: of an address, the versions up to the request's created_at.
                    OR (address = ANY($3::bytea[]) AND created_at <= $4::bigint))
                RETURNING signed_id
            )
            INSERT INTO spent_signatures SELECT signed_id FROM deleted WHERE signed_id IS NOT NULL
            ON CONFLICT DO NOTHING
            """,
            row.pubkey,
            ids,
            addresses,
            row.event.created_at,
        )
    if requests:
        await close_orphans(connection)
