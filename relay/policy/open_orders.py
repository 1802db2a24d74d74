"""The invoices that one connection has asked for, or one network by forms. Knows no node; time is an argument."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from relay.limits import InvoicePolicy
from relay.protocol.refusal import Prefix, Rejected


class OpenOrders:
    """The unpaid invoices of one connection, and those that are being made.

    Without `remembers_notes` they have numbers, and count until they expire: what outlasts a connection should not say who
    sent which note.
    """

    def __init__(self, *, remembers_notes: bool = True) -> None:
        self._expires_at: dict[bytes, int] = {}
        self._under_way = 0
        self._numbers = None if remembers_notes else count()

    @property
    def has_any(self) -> bool:
        """Return whether an invoice is open, was open a while ago, or is being made."""
        return bool(self._expires_at or self._under_way)

    @contextmanager
    def hold_order(self, now: int, invoices: InvoicePolicy) -> Iterator[None]:
        """Count an invoice while it is being made. `now` is Unix time in seconds.

        Raises Rejected if this connection would have too many open invoices.
        """
        self._expires_at = {note_id: expires_at for note_id, expires_at in self._expires_at.items() if expires_at > now}
        if len(self._expires_at) + self._under_way >= invoices.max_open_per_connection:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {invoices.max_open_per_connection} unpaid invoices per connection; "
                "pay one, or wait until one has expired",
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def add_order(self, note_id: bytes, expires_at: int) -> None:
        """Count an invoice as open until a Unix time."""
        name = note_id if self._numbers is None else next(self._numbers).to_bytes(8, "big")
        self._expires_at[name] = expires_at

    def end_order(self, note_id: bytes) -> None:
        """Stop counting an invoice that was paid."""
        self._expires_at.pop(note_id, None)
