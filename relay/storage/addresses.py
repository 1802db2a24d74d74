"""The rules by which versions of an address (NIP-01) are refused for the one that is stored. Run inside the writer's transaction.

An address that a ring note has taken is its ring's: whoever holds the outer key need not be a member, and must not turn a link to
what the ring has signed into one to a note of a ring of their own keys, or to a plain note. What frees an address is that its
note is gone: deleted on request, expired, or removed by the operator. The link then shows that it leads nowhere, and to remember
the addresses of what is gone would be to keep something of it for good.
"""

from collections.abc import Sequence

import asyncpg

from relay.protocol.event import DELETION_REQUEST, to_address
from relay.storage.batch import Batch
from relay.storage.conditions import encode_tag
from relay.storage.named_notes import find_named
from relay.storage.row import Row, SaveResult


async def refuse_deleted_versions(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse versions that a stored request of the same author deletes by their address (NIP-09)."""
    rows = batch.select(lambda row: not row.is_ephemeral and row.address is not None)
    if not rows:
        return
    records = await connection.fetch(
        """
        SELECT r.position FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])
            WITH ORDINALITY AS r (tag, pubkey, created_at, position), LATERAL (
            -- LIMIT makes it a look-up for each row: of EXISTS the planner makes a join with all stored requests.
            SELECT FROM tags t WHERE t.tag = r.tag AND t.pubkey = r.pubkey AND t.kind = 5 AND t.created_at >= r.created_at
            LIMIT 1) deleted
        """,
        [encode_tag("a", to_address(row.event) or "") for row in rows],
        [row.pubkey for row in rows],
        [row.event.created_at for row in rows],
    )
    for record in records:
        rows[record["position"] - 1].result = SaveResult.DELETED


async def refuse_versions(connection: asyncpg.Connection, batch: Batch) -> None:
    """Refuse versions older than the stored one of their address, of the same age all but the lowest id (NIP-01), and those that
    are not of the ring that has the address.
    """
    rows = batch.select(lambda row: not row.is_ephemeral and row.address is not None)
    if not rows:
        return
    records = await connection.fetch(
        """
        SELECT r.position, n.id, n.pubkey, n.address, n.created_at, n.ring_id,
               n.created_at > r.created_at OR (n.created_at = r.created_at AND n.id < r.id) AS is_newer,
               -- NIP-40: nobody sees it any more, whether it is deleted already or not.
               coalesce(n.expires_at <= extract(epoch FROM now()), false) AS is_expired
        FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])
            WITH ORDINALITY AS r (address, created_at, id, position) JOIN notes n ON n.address = r.address
        """,
        [row.address for row in rows],
        [row.event.created_at for row in rows],
        [row.id for row in rows],
    )
    kept: list[tuple[Row, asyncpg.Record]] = []
    for record in records:
        row = rows[record["position"] - 1]
        if is_kept_from(row, record["ring_id"]) and not record["is_expired"]:
            kept.append((row, record))
        elif record["is_newer"]:
            row.result = SaveResult.SUPERSEDED
    deleted = _find_deleted(batch, [record for _, record in kept])
    for row, record in kept:
        if record["id"] not in deleted:
            # Also of what is older: whoever gave it a later time would then hear of the ring.
            row.result = SaveResult.ADDRESS_TAKEN
        elif record["is_newer"]:
            row.result = SaveResult.SUPERSEDED


def is_kept_from(row: Row, ring_id: bytes | None) -> bool:
    """Return whether an address whose note is of this ring (None: plain) is not for a row, whatever its time."""
    return ring_id is not None and row.ring_id != ring_id


def _find_deleted(batch: Batch, stored: Sequence[asyncpg.Record]) -> set[bytes]:
    """Return the ids of stored versions that requests in the same batch delete: an author can send both at once."""
    if not stored:
        return set()
    named = find_named(batch.select(lambda row: row.event.kind == DELETION_REQUEST and not row.note.is_held))
    ids = {(pubkey, id_) for _, pubkey, id_ in named.ids}
    until = {}
    for _, pubkey, address, created_at in sorted(named.addresses, key=lambda entry: entry[3]):
        until[pubkey, address] = created_at
    return {
        record["id"]
        for record in stored
        if (record["pubkey"], record["id"]) in ids
        # NIP-09: of an address, the versions up to the request's created_at.
        or record["created_at"] <= until.get((record["pubkey"], record["address"]), -1)
    }
