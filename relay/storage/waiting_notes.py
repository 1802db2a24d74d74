"""Where notes wait that nobody has read yet: for the next batch, or for a payment."""

from dataclasses import dataclass

from relay.storage.held_notes import HeldNotes
from relay.storage.live_keys import LiveKeys


@dataclass(frozen=True, slots=True)
class WaitingNotes:
    """The notes that are held, and the keys under which unpaid notes and their invoices are sealed."""

    held: HeldNotes
    order_keys: LiveKeys
