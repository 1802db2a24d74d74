"""What the relay asks of a Lightning node or wallet, whichever it is. Knows no node and no HTTP."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class BackendError(Exception):
    """Say what kind of failure it was, in words of our own: what a node answers may repeat an invoice or a secret."""


class PaymentState(StrEnum):
    """Tell what a node says of one of its invoices."""

    OPEN = "open"
    PAID = "paid"
    # Cancelled, expired so that it cannot be paid any more, or unknown to the node.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a node made: the payment hash (32 bytes) and the BOLT 11 text."""

    payment_hash: bytes
    bolt11: str


@dataclass(frozen=True, slots=True)
class Payment:
    """What an authenticated look-up said; `received_msat` is what arrived, 0 unless paid."""

    state: PaymentState
    received_msat: int = 0


@dataclass(frozen=True, slots=True)
class SettlementHint:
    """A hint that an invoice was paid, and where the stream goes on after it. Truth is a look-up."""

    payment_hash: bytes
    cursor: str


class Backend(Protocol):
    """Make, look up and cancel invoices. Every method raises BackendError where the node cannot be asked or refuses.

    `reference` is 32 random bytes, all that the node ever learns of what an invoice is for: labels, external ids and
    preimages derive from it alone.
    """

    # Which node it is, and where: what is known of the stream of one says nothing of another's.
    name: str
    # How many look-ups a second the node takes without refusing other requests.
    lookups_per_s: float

    async def create(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Make an invoice over exactly this amount, whole sats. The same reference gives the same invoice, where the node can."""

    async def lookup(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask the node, authenticated, what became of an invoice."""

    async def cancel(self, reference: bytes, payment_hash: bytes) -> bool:
        """Return whether the invoice can never be paid any more; False where it is paid, or the node cannot cancel."""

    def settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Yield what is paid after a cursor ("" at first) until the stream breaks; ends at once where a node has none.

        With "" a node may begin now or with all that it was ever paid. Close it (`contextlib.aclosing`): it holds a
        connection.
        """

    async def close(self) -> None:
        """Close the connections to the node."""
