"""A note that passed every check: the event, the bytes that are stored and sent, and what its ring signature proved."""

from dataclasses import dataclass

from relay.event import Event
from relay.verify.claim import Claim


@dataclass(frozen=True, slots=True)
class Note:
    """Hold what the writer stores and subscribers get. `claim` holds, as all was verified; None for a plain note.

    Of notes with one `first_seen` (32 bytes) only the first is stored; None where every copy is welcome.
    """

    event: Event
    encoded: bytes
    claim: Claim | None
    first_seen: bytes | None = None
