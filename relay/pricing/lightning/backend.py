"""What the relay asks of any Lightning node or wallet. Knows no node and no HTTP."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class BackendError(Exception):
    """The failure of a request to the node, in our own words: a node's answer may repeat an invoice or a secret."""


class PaymentState(StrEnum):
    """What a node says of one of its invoices."""

    OPEN = "open"
    PAID = "paid"
    # Cancelled, or expired so that it cannot be paid any more.
    GONE = "gone"
    # The node has no such invoice. It may be another node, or one that lost its books: this is no answer about the payment.
    UNKNOWN = "unknown"


class LiquidityWarning(StrEnum):
    """Why a node expects that its invoice cannot be paid, or not by everybody; the names are Core Lightning's."""

    CAPACITY = "capacity"
    OFFLINE = "offline"
    DEADENDS = "deadends"
    PRIVATE_UNUSED = "private_unused"
    MPP = "mpp"

    @property
    def advice(self) -> str:
        """Return what is the matter, and what to do."""
        return _ADVICE[self]


_ADVICE = {
    LiquidityWarning.CAPACITY: "the Lightning node's channels cannot receive the price of a note: open or buy inbound capacity",
    LiquidityWarning.OFFLINE: "the Lightning node could receive the price of a note, but channels are offline: see to their peers",
    LiquidityWarning.DEADENDS: (
        "the Lightning node could receive the price of a note, but by channels that lead nowhere: open one to a connected peer"
    ),
    LiquidityWarning.PRIVATE_UNUSED: (
        "the Lightning node could receive the price of a note, but by channels that are not announced: set exposeprivatechannels"
    ),
    LiquidityWarning.MPP: (
        "the Lightning node can receive the price of a note in parts only, which some wallets cannot pay: open a larger channel"
    ),
}


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a node made: the payment hash (32 bytes) and the BOLT 11 text. A node that makes it warns, perhaps."""

    payment_hash: bytes
    bolt11: str
    warnings: tuple[LiquidityWarning, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Payment:
    """The answer of an authenticated look-up. `received_msat` is what arrived, 0 unless paid.

    `is_ours` says of a paid one whether it looks like one that we asked for: a node may receive for others, too. `cursor` is where
    the stream goes on after it, "" where the node has no such place.
    """

    state: PaymentState
    received_msat: int = 0
    is_ours: bool = True
    cursor: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SettlementHint:
    """A hint that an invoice was paid, to be confirmed by a look-up, and the cursor after it.

    `is_ours` says whether it looks like one of ours: a node may receive for others, too.
    """

    payment_hash: bytes
    cursor: str
    is_ours: bool


class Backend(Protocol):
    """A Lightning node. Every method raises BackendError where the node cannot be asked, or refuses.

    `reference` is 32 random bytes, all that the node ever learns of what an invoice is for: labels, external ids and
    preimages derive from it alone.
    """

    # How many look-ups a second the node takes without refusing other requests.
    lookups_per_s: float

    async def find_account(self) -> str:
        """Return who receives the money, as `lnd 02ab...`: the node by its public key, or the wallet by its id.

        Invoices and the cursor of one account mean nothing to another.
        """

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Make an invoice over exactly this amount, in whole sats. Where the node can, a reference has one invoice."""

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Return what became of an invoice, by an authenticated request."""

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Cancel an invoice, and return whether it can never be paid. False where it is paid, or the node cannot cancel."""

    def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Yield what is paid after a cursor ("" at first) until the stream breaks. Ends at once where a node has none.

        With "" it begins now: what was paid before is looked up. Close it (`contextlib.aclosing`): it uses a connection.
        """

    async def close(self) -> None:
        """Close the connections to the node."""
