"""A note as a row of `day_notes`: the columns in the order of migrations/0001_schema.sql. Runs no statement."""

from typing import Any

from relay.storage.conditions import encode_tag
from relay.storage.row import Row

# form, scheme, ring_size, ring_id, key_image, scope
_PLAIN = (None,) * 6


def to_record(row: Row, *, is_contested: bool = False) -> tuple[Any, ...]:
    """Return a row as Postgres takes it in an array of `day_notes`."""
    event, note, claim = row.event, row.note, row.note.claim
    proved: tuple[Any, ...] = _PLAIN
    if claim is not None:
        proved = (
            str(claim.form),
            str(claim.scheme),
            len(claim.ring),
            row.ring_id,
            bytes.fromhex(claim.key_image) if claim.key_image else None,
            claim.scope.encode() if claim.scope is not None else None,
        )
    return (
        row.id,
        row.pubkey,
        event.created_at,
        event.kind,
        row.expires_at,
        row.address,
        note.encoded,
        row.index_rows,
        note.price_paid_msat or None,
        *proved,
        row.signed_id,
        note.content_key,
        is_contested,
        [encode_tag(letter, value) for letter, value in sorted(row.tags)],
        None if claim is None else b"".join(claim.ring),
        # Of the day.
        False,
    )
