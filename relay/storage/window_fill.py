"""Read stored notes into the window of recent notes, newest first, in chunks. The feed's task does it: then nothing is read
that changes meanwhile in an order of its own.
"""

import asyncpg

from relay.storage.note import Note, read_note
from relay.storage.recent_notes import RecentNotes
from relay.storage.window_entry import decode_key, encode_key

# To decode so many takes about 3 ms, in which nobody else is served.
_CHUNK_ROWS = 100
_CHUNK_BYTES = 262_144


async def fill_chunk(connection: asyncpg.Connection, recent: RecentNotes) -> bool:
    """Read the next chunk, if any is wanted, and return whether there may be more. Nothing may be added or removed meanwhile."""
    gap = recent.find_gap()
    if gap is None:
        return False
    created_at, note_id, is_below = decode_key(gap)
    records = await connection.fetch(
        """
        SELECT id, created_at, event, price_paid_msat, is_ring_note, candidates FROM (
            SELECT c.*, count(*) OVER () AS candidates,
                   sum(octet_length(event)) OVER (ORDER BY created_at DESC, id) - octet_length(event) AS bytes_before
            FROM (
                -- In one scan, each chunk of a second of many notes would read it from its beginning.
                (SELECT id, created_at, event, price_paid_msat, form IS NOT NULL AS is_ring_note FROM notes
                 WHERE created_at = $1 AND id >= $2 AND (id > $2 OR $3) ORDER BY created_at DESC, id LIMIT $4)
                UNION ALL
                (SELECT id, created_at, event, price_paid_msat, form IS NOT NULL FROM notes
                 WHERE created_at < $1 ORDER BY created_at DESC, id LIMIT $4)
                LIMIT $4
            ) c
        ) page
        WHERE bytes_before < $5 ORDER BY created_at DESC, id
        """,
        created_at,
        note_id,
        is_below,
        _CHUNK_ROWS,
        _CHUNK_BYTES,
    )
    is_end = not records or len(records) == records[0]["candidates"] < _CHUNK_ROWS
    floor = b"" if is_end else encode_key(records[-1]["created_at"], records[-1]["id"])
    notes: list[Note] = []
    for record in records:
        note = read_note(record["event"], price_paid_msat=record["price_paid_msat"])
        if (note.claim is not None) is not record["is_ring_note"]:
            # Stored by another version of the relay. What a search finds of it only the database knows.
            floor = encode_key(record["created_at"], record["id"]) + b"\0"
            recent.stop_growing()
            break
        notes.append(note)
    return recent.extend(notes, floor)
