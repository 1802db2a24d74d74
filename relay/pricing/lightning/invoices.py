"""Invoices as all backends make them: what derives from a reference, and whether the node made what it was asked for."""

import hashlib
import re

from relay.pricing.bolt11 import read_amount_msat
from relay.pricing.lightning.backend import BackendError, Invoice
from relay.pricing.lightning.http import UNEXPECTED

WRONG_AMOUNT = "the Lightning node made an invoice over another amount than it was asked for; it was not used"

# As many characters as a QR code holds of this kind.
_TEXT = re.compile(r"[0-9A-Za-z]{1,4296}")


def derive_bytes(purpose: str, reference: bytes) -> bytes:
    """Return 32 bytes that follow from a reference and do not lead back to it: a payer may see them."""
    return hashlib.sha256(b"ringrelay " + purpose.encode() + b"\0" + reference).digest()


def make_label(reference: bytes) -> str:
    """Return the name that a node knows an invoice by: 32 hex digits."""
    return derive_bytes("label", reference)[:16].hex()


def read_hash(text: str) -> bytes:
    """Return a payment hash that is written as hex. Raises BackendError."""
    try:
        payment_hash = bytes.fromhex(text)
    except ValueError:
        payment_hash = b""
    if len(payment_hash) != 32:
        raise BackendError(UNEXPECTED)
    return payment_hash


def check_invoice(payment_hash: bytes, bolt11: str, amount_msat: int) -> Invoice:
    """Return the invoice if it is over exactly this amount. Raises BackendError: no other may reach a payer."""
    # Its data is shown unread, so it must be letters and digits: nothing that a page or a frame could be open to.
    if len(payment_hash) != 32 or not _TEXT.fullmatch(bolt11):
        raise BackendError(UNEXPECTED)
    if read_amount_msat(bolt11) != amount_msat:
        raise BackendError(WRONG_AMOUNT)
    return Invoice(payment_hash, bolt11)
