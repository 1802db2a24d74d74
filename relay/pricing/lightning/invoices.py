"""Invoices as all backends make them: what derives from a reference, and whether the node made what it was asked for."""

import hashlib
import re

from relay.pricing.bolt11 import parse_bolt11, read_amount_msat
from relay.pricing.lightning.backend import Backend, BackendError, Invoice
from relay.pricing.lightning.http import UNEXPECTED

WRONG_AMOUNT = "the Lightning node made an invoice over another amount than it was asked for; it was not used"
WRONG_HASH = "the Lightning node names another payment hash than its invoice; the invoice was not used"
HASH_TAKEN = (
    "the Lightning node gave two invoices one payment hash, so that a payment would be for either; the second was not used: look"
    " into its log, and whether it was restored from a copy"
)
WRONG_EXPIRY = (
    "the Lightning node's invoice expires at quite another time than it was asked for: correct its clock, or ours"
)
OTHER_PAYEE = "the Lightning node has become another one while the relay was running; the invoice was not used"
WRONG_NETWORK = (
    "the Lightning node makes invoices for another network than lightning.network names: correct one of the two"
)
# In the prefix of an invoice (BOLT 11; sb is btcd's).
_NETWORKS = {"mainnet": "bc", "testnet": "tb", "signet": "tbs", "regtest": "bcrt", "simnet": "sb"}
# The same for every note: the payer's wallet and the node's books contain it.
MEMO = "note"
# What is made to see who would be paid, and cancelled where the node can.
PROBE_MSAT = 1_000
PROBE_EXPIRY_S = 60
# A payment that comes later than we asked for is found for so long.
_MAX_LATE_S = 86_400

_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}")
_PUBLIC_KEY = re.compile(r"0[23][0-9a-f]{64}")
_LABEL = re.compile(r"[0-9a-f]{32}")
# As many characters as a QR code holds of this kind.
_TEXT = re.compile(r"[0-9A-Za-z]{1,4296}")


def derive_bytes(purpose: str, reference: bytes) -> bytes:
    """Return 32 bytes that follow from a reference and do not lead back to it: a payer may see them."""
    return hashlib.sha256(b"ringrelay " + purpose.encode() + b"\0" + reference).digest()


def make_label(reference: bytes) -> str:
    """Return the name that a node knows an invoice by: 32 hex digits."""
    return derive_bytes("label", reference)[:16].hex()


def is_label(text: str) -> bool:
    """Return whether a name is such a label. Others may name their invoices alike, but hardly do."""
    return _LABEL.fullmatch(text) is not None


def to_account(kind: str, name: str) -> str:
    """Return an account of a node of this kind, by what the node calls itself. Raises BackendError for what is no name."""
    if not _NAME.fullmatch(name):
        raise BackendError(UNEXPECTED)
    return f"{kind} {name}"


async def probe_payee(backend: Backend, secret: str) -> str:
    """Return the public key (hex) of the node that makes invoices, read off one that is cancelled at once.

    For nodes whose secret allows nothing but invoices. It is the same invoice for the same secret, at each start.
    """
    reference = derive_bytes("probe", hashlib.sha256(secret.encode()).digest())
    invoice = await backend.create_invoice(reference, PROBE_MSAT, MEMO, PROBE_EXPIRY_S)
    said = parse_bolt11(invoice.bolt11)
    if said is None:
        raise BackendError(UNEXPECTED)
    await backend.cancel_invoice(reference, invoice.payment_hash)
    return said.payee.hex()


def check_payee(invoice: Invoice, account: str) -> None:
    """Refuse an invoice that pays another node than the one of this account. Raises BackendError.

    A wallet (LNbits) is known by a name of its own, and says nothing of the node that is paid.
    """
    name = account.partition(" ")[2]
    said = parse_bolt11(invoice.bolt11)
    if _PUBLIC_KEY.fullmatch(name) and (said is None or said.payee.hex() != name):
        raise BackendError(OTHER_PAYEE)


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


def check_terms(invoice: Invoice, network: str, now: float, expiry_s: int) -> None:
    """Read an invoice as a payer's wallet does; `now` is Unix time. Raises BackendError where it is not what was asked for.

    An invoice of a test network would sell notes for nothing, and one that is paid by another hash would never be found.
    """
    said = parse_bolt11(invoice.bolt11)
    if said is None:
        raise BackendError(UNEXPECTED)
    if said.network != _NETWORKS[network]:
        raise BackendError(WRONG_NETWORK)
    if said.payment_hash != invoice.payment_hash:
        raise BackendError(WRONG_HASH)
    # Clocks differ, and some wallets choose the time themselves.
    if not now + expiry_s / 2 <= said.expires_at <= now + expiry_s + _MAX_LATE_S:
        raise BackendError(WRONG_EXPIRY)
