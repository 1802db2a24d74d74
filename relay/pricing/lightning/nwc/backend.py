"""A wallet behind Nostr Wallet Connect as a backend. It cannot cancel, and knows no reference: a lost answer costs an invoice.

Source: 47.md of the NIPs. Its notifications are hints, as any stream is.
"""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from relay.pricing.lightning.backend import BackendError, Invoice, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import UNEXPECTED, decode_answer
from relay.pricing.lightning.invoices import (
    MEMO,
    check_invoice,
    derive_bytes,
    is_label,
    make_label,
    read_hash,
    to_account,
)
from relay.pricing.lightning.nwc.connection_string import parse_connection_string
from relay.pricing.lightning.nwc.messages import NOT_FOUND, NotifiedPayment, WalletRefusal
from relay.pricing.lightning.nwc.wallet import Wallet
from relay.pricing.settings import NodeSection


class _Made(msgspec.Struct):
    payment_hash: str
    invoice: str


class _Found(msgspec.Struct):
    payment_hash: str
    amount: int
    type: str = "incoming"
    state: str | None = None
    preimage: str | None = None
    settled_at: int | None = None


class Nwc:
    """A wallet over Nostr Wallet Connect. Made on the event loop. Raises LightningConfigError."""

    lookups_per_s = 2.0

    def __init__(self, section: NodeSection, connection_string: str, stream_idle_s: float) -> None:
        string = parse_connection_string(connection_string, section)
        # By the connection, not by the node's key: of the wallets of one service, each knows its own invoices only. Hashed, so
        # that what is written down leads nobody to our requests at the wallet's relay.
        self._account = derive_bytes("account", bytes.fromhex(string.key.pubkey))[:16].hex()
        self._wallet = Wallet(section, string, stream_idle_s)

    async def find_account(self) -> str:
        """Return the name of the connection, once the wallet answers over it."""
        await self._wallet.connect()
        return to_account("nwc", self._account)

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Make an invoice; each time a new one. The label in its metadata answers a claim, if the wallet keeps metadata."""
        answer = await self._wallet.ask(
            "make_invoice",
            {
                "amount": amount_msat,
                "description": memo,
                "expiry": expiry_s,
                "metadata": {"label": make_label(reference)},
            },
        )
        made = decode_answer(answer, _Made)
        return check_invoice(read_hash(made.payment_hash), made.invoice, amount_msat)

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask for the state."""
        try:
            answer = await self._wallet.ask("lookup_invoice", {"payment_hash": payment_hash.hex()})
        except WalletRefusal as refusal:
            if refusal.code != NOT_FOUND:
                raise
            return Payment(PaymentState.UNKNOWN)
        found = decode_answer(answer, _Found)
        if found.payment_hash != payment_hash.hex() or found.amount < 0:
            raise BackendError(UNEXPECTED)
        if _is_settled(found, payment_hash):
            return Payment(PaymentState.PAID, found.amount)
        # What the wallet itself tried to pay and could not, others still can.
        is_gone = found.state in ("expired", "failed") and found.type == "incoming"
        return Payment(PaymentState.GONE if is_gone else PaymentState.OPEN)

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Return False: only invoices that hold their payment can be cancelled, and few wallets make them."""
        return False

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Follow the wallet's notifications. Nothing is replayed: the cursor stays as it was."""
        async with aclosing(self._wallet.follow_payments()) as told:
            async for payment in told:
                yield SettlementHint(read_hash(payment.payment_hash), cursor, _is_ours(payment))

    async def close(self) -> None:
        """Close the connection to the wallet's relay."""
        await self._wallet.close()


def _is_ours(payment: NotifiedPayment) -> bool:
    """Return whether a payment looks like one for a note. A wallet need not keep metadata."""
    label = payment.metadata.get("label") if isinstance(payment.metadata, dict) else None
    return payment.description == MEMO or (isinstance(label, str) and is_label(label))


def _is_settled(found: _Found, payment_hash: bytes) -> bool:
    """Return whether an invoice is paid: by its state, or by the preimage where the wallet names none (it need not).

    Not by `settled_at` alone: LNbits' provider sets it for failed invoices too.
    """
    if found.state is not None:
        return found.state == "settled"
    if found.settled_at is None or found.preimage is None:
        return False
    try:
        return hashlib.sha256(bytes.fromhex(found.preimage)).digest() == payment_hash
    except ValueError:
        return False
