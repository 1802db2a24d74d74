"""A note that passed every check: the event, the bytes that are stored and sent, and what its ring signature proved."""

from dataclasses import dataclass

from relay.policy.index_rows import count_touched_rows
from relay.protocol.event import Event, decode_event
from relay.protocol.refusal import Rejected
from relay.verify import proof
from relay.verify.claim import Claim

# So many bytes of a note cost as much as a row beside it: 500 notes of 128 KB, which have no rows, took 9 s in one statement.
_ROW_BYTES = 400


@dataclass(frozen=True, slots=True)
class Note:
    """What the writer stores and subscribers get. `claim` holds, as all was verified; None for a plain note.

    Of notes with one `content_key` (32 bytes) only the first is stored; None where every copy is accepted. A note with
    `is_held` waits for the next batch and is published with others. `price_paid_msat` is the price of its tier, and
    `previous_price_msat` the one before, of a stored note that is upgraded; -1 where the note is new.
    """

    event: Event
    encoded: bytes
    claim: Claim | None
    content_key: bytes | None = None
    is_held: bool = False
    price_paid_msat: int = 0
    previous_price_msat: int = -1


def count_rows(note: Note) -> int:
    """Return what a note costs a transaction, in rows beside it. Its bytes count, too."""
    return count_touched_rows(note.event, note.claim) + len(note.encoded) // _ROW_BYTES


def read_note(
    encoded: bytes,
    content_key: bytes | None = None,
    *,
    price_paid_msat: int | None = None,
    previous_price_msat: int | None = None,
) -> Note:
    """Return a note that was verified before its bytes were written to the database."""
    event = decode_event(encoded)
    try:
        claim = proof.detect_claim(event)
    except Rejected:
        # Of a form that only another version of the relay reads.
        claim = None
    return Note(
        event,
        encoded,
        claim,
        content_key,
        price_paid_msat=price_paid_msat or 0,
        previous_price_msat=-1 if previous_price_msat is None else previous_price_msat,
    )
