"""The listeners that hear what becomes of a note after its payment. In the memory of one process."""

from collections.abc import Callable

from relay.policy.seen_orders import SeenOrders
from relay.policy.tiers import MSAT_PER_SAT
from relay.pricing.offer import PaymentRequired
from relay.storage.ledger import Ledger
from relay.storage.row import Result, SaveResult

Listener = Callable[[Result], None]


class PaymentListeners:
    """The listeners for payments, by note and by owner. An owner has one listener for a note."""

    def __init__(self, ledger: Ledger, seen: SeenOrders) -> None:
        self._ledger = ledger
        self.seen = seen
        self._by_note: dict[bytes, dict[int, tuple[PaymentRequired, Listener]]] = {}
        self._notes_of: dict[int, set[bytes]] = {}

    async def add_listener(self, required: PaymentRequired, owner: object, listener: Listener) -> bool:
        """Call `listener`, once, when the note is published or held at this price or a higher one, or is refused after all.

        Returns whether that happened already: the payment may have come since the note was looked up. Raises
        Rejected(error) without a database; the listener is added even then.
        """
        note_id = required.note_id
        self.remove_listener(note_id, owner)
        self._by_note.setdefault(note_id, {})[id(owner)] = (required, listener)
        self.seen.begin_waiting(required.token)
        self._notes_of.setdefault(id(owner), set()).add(note_id)
        status = await self._ledger.find_status(note_id)
        if status.is_here_at(required.price_msat) and self._is_listening(note_id, owner):
            self.notify_listeners(note_id, required.price_msat, SaveResult.DUPLICATE)
        return not self._is_listening(note_id, owner)

    def _is_listening(self, note_id: bytes, owner: object) -> bool:
        return note_id in self._notes_of.get(id(owner), ())

    def remove_listener(self, note_id: bytes, owner: object) -> None:
        """Remove an owner's listener for a note, if there is one."""
        if self._is_listening(note_id, owner):
            self._remove(note_id, id(owner))

    def remove_owner(self, owner: object) -> None:
        """Remove all listeners of an owner that is gone."""
        for note_id in list(self._notes_of.get(id(owner), ())):
            self._remove(note_id, id(owner))

    def notify_listeners(self, note_id: bytes, paid_msat: int, result: Result) -> None:
        """Call the listeners for a note at the price that was paid for it, or at a lower one."""
        for owner, (required, listener) in list(self._by_note.get(note_id, {}).items()):
            if required.price_msat <= paid_msat:
                self._remove(note_id, owner)
                listener(result)

    def disappoint_listeners(self, note_id: bytes, price_msat: int, result: Result) -> None:
        """Call the listeners for a note at exactly this price, whose invoice was paid in vain."""
        for owner, (required, listener) in list(self._by_note.get(note_id, {}).items()):
            if required.price_msat == price_msat:
                self._remove(note_id, owner)
                listener(result)

    async def look_for_disappointed(self) -> None:
        """Call the listeners whose invoice another process found paid in vain: the feed tells of publications alone.

        Raises DATABASE_FAILURES.
        """
        for status in await self._ledger.read_statuses(list(self._by_note)):
            for owner, (required, listener) in list(self._by_note.get(status.note_id, {}).items()):
                purpose = required.offer.purpose
                credit_msat = required.price_msat - required.offer.amount_sat * MSAT_PER_SAT
                is_over = purpose.path not in status.invoices and not status.is_here_at(required.price_msat)
                if is_over and status.unapplied_msat >= credit_msat + MSAT_PER_SAT:
                    self._remove(status.note_id, owner)
                    is_late = status.late_msat > 0
                    listener(SaveResult.LATE_PAID if is_late else SaveResult.SHORT_PAID)

    def _remove(self, note_id: bytes, owner: int) -> None:
        listeners, note_ids = self._by_note[note_id], self._notes_of[owner]
        required, _ = listeners.pop(owner)
        self.seen.end_waiting(required.token)
        note_ids.remove(note_id)
        if not listeners:
            del self._by_note[note_id]
        if not note_ids:
            del self._notes_of[owner]
