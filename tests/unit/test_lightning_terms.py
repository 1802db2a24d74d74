"""What a node's invoice must say before anybody is asked to pay it."""

import re

import pytest
from coincurve import PrivateKey

from relay.pricing.lightning.backend import BackendError, Invoice
from relay.pricing.lightning.http import UNEXPECTED
from relay.pricing.lightning.invoices import (
    OTHER_PAYEE,
    WRONG_EXPIRY,
    WRONG_HASH,
    WRONG_NETWORK,
    check_payee,
    check_terms,
)
from tests.support.bolt11 import sign_bolt11

NOW, EXPIRY_S = 1_800_000_000, 900
HASH = b"\x07" * 32


def make(prefix: str = "lnbc10u", payment_hash: bytes = HASH, expiry_s: int = EXPIRY_S, later_s: int = 0) -> Invoice:
    """Return an invoice that names one hash beside itself, and may say another."""
    return Invoice(HASH, sign_bolt11(prefix, payment_hash, expiry_s, made_at=NOW + later_s))


@pytest.mark.parametrize(
    ("network", "prefix"),
    [
        ("mainnet", "lnbc10u"),
        ("testnet", "lntb10u"),
        ("signet", "lntbs10u"),
        ("regtest", "lnbcrt10u"),
        ("simnet", "lnsb10u"),
    ],
)
def test_an_invoice_of_the_network_that_is_configured_is_taken_and_of_no_other(network: str, prefix: str) -> None:
    check_terms(make(prefix), network, NOW, EXPIRY_S)
    for other in {"mainnet", "testnet", "signet", "regtest", "simnet"} - {network}:
        with pytest.raises(BackendError, match=WRONG_NETWORK):
            check_terms(make(prefix), other, NOW, EXPIRY_S)


def test_an_invoice_that_pays_another_node_than_the_account_is_refused() -> None:
    ours, theirs = PrivateKey(), PrivateKey()
    invoice = Invoice(HASH, sign_bolt11("lnbc10u", HASH, EXPIRY_S, key=theirs))
    for account in (f"lnd {theirs.public_key.format().hex()}", "lnbits 8c8ed2b2a3b24ac2a4b8a0a40f0a2f12"):
        check_payee(invoice, account)
    with pytest.raises(BackendError, match=OTHER_PAYEE):
        check_payee(invoice, f"lnd {ours.public_key.format().hex()}")


def test_an_invoice_that_is_paid_by_another_hash_is_refused() -> None:
    with pytest.raises(BackendError, match=WRONG_HASH):
        check_terms(make(payment_hash=b"\x08" * 32), "mainnet", NOW, EXPIRY_S)


@pytest.mark.parametrize(
    ("expiry_s", "later_s", "is_taken"),
    [
        (900, 0, True),
        (900, -400, True),
        (900, 400, True),
        (3_600, 0, True),
        (60, 0, False),
        (900, -600, False),
        (90_000, 0, False),
    ],
)
def test_an_invoice_must_live_about_as_long_as_was_asked(expiry_s: int, later_s: int, is_taken: bool) -> None:
    invoice = make(expiry_s=expiry_s, later_s=later_s)
    if is_taken:
        check_terms(invoice, "mainnet", NOW, EXPIRY_S)
    else:
        with pytest.raises(BackendError, match=WRONG_EXPIRY):
            check_terms(invoice, "mainnet", NOW, EXPIRY_S)


def test_what_is_no_invoice_is_refused() -> None:
    with pytest.raises(BackendError, match=re.escape(UNEXPECTED)):
        check_terms(Invoice(HASH, "lnbc10u1qqqq"), "mainnet", NOW, EXPIRY_S)
