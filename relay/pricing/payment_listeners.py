"""Who still listens for their note to be paid for and published. Memory of one process; a connection that ends is forgotten."""

from collections.abc import Callable

from relay.storage.row import SaveResult

Listener = Callable[[SaveResult], None]


class PaymentListeners:
    """Tell connections what became of notes that were paid for after they were sent."""

    def __init__(self) -> None:
        self._by_note: dict[bytes, dict[int, tuple[int, Listener]]] = {}

    def listen(self, note_id: bytes, price_msat: int, owner: object, listener: Listener) -> None:
        """Call `listener`, once, when the note is kept at this price or a higher one. One owner listens once for a note."""
        self._by_note.setdefault(note_id, {})[id(owner)] = (price_msat, listener)

    def leave(self, note_id: bytes, owner: object) -> None:
        """Forget an owner who is gone."""
        listeners = self._by_note.get(note_id, {})
        listeners.pop(id(owner), None)
        if not listeners:
            self._by_note.pop(note_id, None)

    def tell(self, note_id: bytes, price_paid_msat: int, saved: SaveResult) -> None:
        """Call those who listen for a note that got this rank (msat)."""
        listeners = self._by_note.get(note_id, {})
        for owner, (price_msat, listener) in list(listeners.items()):
            if price_msat <= price_paid_msat:
                del listeners[owner]
                listener(saved)
        if not listeners:
            self._by_note.pop(note_id, None)
