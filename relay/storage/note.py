"""A note that passed every check: the event, the bytes that are stored and sent, and what its ring signature proved."""

from dataclasses import dataclass

from relay.protocol.event import Event, decode_event
from relay.protocol.refusal import Rejected
from relay.verify import proof
from relay.verify.claim import Claim


@dataclass(frozen=True, slots=True)
class Note:
    """Hold what the writer stores and subscribers get. `claim` holds, as all was verified; None for a plain note.

    Of notes with one `first_seen` (32 bytes) only the first is stored; None where every copy is welcome. One that is
    `is_held` waits for the next tick, and is published with others. `rank` is the price in msat that was paid for it, and
    `risen_from` the one before, of a stored note that rose; -1 where the note is new.
    """

    event: Event
    encoded: bytes
    claim: Claim | None
    first_seen: bytes | None = None
    is_held: bool = False
    rank: int = 0
    risen_from: int = -1


def read_note(
    encoded: bytes, first_seen: bytes | None = None, *, rank: int | None = None, risen_from: int | None = None
) -> Note:
    """Return a note that was verified before its bytes were written to the database."""
    event = decode_event(encoded)
    try:
        claim = proof.find(event)
    except Rejected:
        # Of a form that only another version of the relay reads.
        claim = None
    return Note(event, encoded, claim, first_seen, rank=rank or 0, risen_from=-1 if risen_from is None else risen_from)
