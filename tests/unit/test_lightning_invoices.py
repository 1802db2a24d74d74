"""What derives from a reference, and which invoices are taken from a node."""

import pytest

from relay.pricing.lightning.backend import BackendError, Invoice
from relay.pricing.lightning.http import UNEXPECTED
from relay.pricing.lightning.invoices import WRONG_AMOUNT, check_invoice, derive_bytes, make_label, read_hash
from tests.support.bolt11 import make_bolt11

HASH = bytes(range(32))
BOLT11 = make_bolt11("210n")


def test_what_derives_from_a_reference_never_changes() -> None:
    """A row in the database outlives a release; the figures are from sha256sum."""
    assert (
        derive_bytes("preimage", bytes(32)).hex() == "c4e68374aa4247704a7982475fc6fb8452fed841156aab5f080aa28306118c6a"
    )
    assert make_label(bytes(32)) == "81d09ba53314bebe344f58ca2ef9aac5"


def test_each_purpose_and_reference_has_its_own() -> None:
    derived = {derive_bytes(purpose, reference) for purpose in ("label", "preimage") for reference in (bytes(32), HASH)}
    assert len(derived) == 4
    assert {len(part) for part in derived} == {32}


def test_invoice_over_the_amount_is_taken() -> None:
    assert check_invoice(HASH, BOLT11, 21_000) == Invoice(HASH, BOLT11)
    assert check_invoice(HASH, BOLT11.upper(), 21_000) == Invoice(HASH, BOLT11.upper())


@pytest.mark.parametrize(
    ("bolt11", "text"),
    [
        (make_bolt11("211n"), WRONG_AMOUNT),
        (make_bolt11("21u"), WRONG_AMOUNT),
        (make_bolt11(""), WRONG_AMOUNT),
        ("lnbc210n", WRONG_AMOUNT),
        ("", UNEXPECTED),
        (f"{BOLT11}<script>", UNEXPECTED),
        (f"{BOLT11}\n", UNEXPECTED),
        (f"{BOLT11} lightning:{BOLT11}", UNEXPECTED),
        (f"{BOLT11}é", UNEXPECTED),
        (BOLT11 + "q" * 5_000, UNEXPECTED),
    ],
)
def test_other_invoices_are_refused(bolt11: str, text: str) -> None:
    with pytest.raises(BackendError) as caught:
        check_invoice(HASH, bolt11, 21_000)
    assert str(caught.value) == text


@pytest.mark.parametrize("payment_hash", [b"", HASH[:31], HASH + b"\0"])
def test_payment_hash_of_another_length_is_refused(payment_hash: bytes) -> None:
    with pytest.raises(BackendError, match="cannot be understood"):
        check_invoice(payment_hash, BOLT11, 21_000)
    with pytest.raises(BackendError, match="cannot be understood"):
        read_hash(payment_hash.hex())


def test_payment_hash_is_read_from_hex() -> None:
    assert read_hash(HASH.hex()) == HASH
    with pytest.raises(BackendError, match="cannot be understood"):
        read_hash("zz" * 32)
