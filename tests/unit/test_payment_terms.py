"""The times of an invoice: until when a note can be published, and when what links a payment to it is forgotten."""

import pytest

from relay.limits import InvoicePolicy
from relay.storage.payments.settlement import PaymentTerms

POLICY = InvoicePolicy(expiry_s=900, grace_s=3_600, forget_after_s=86_400)
# A full hour.
AT = 1_800_000_000


def test_an_unpaid_invoice_is_watched_for_its_grace_and_remembered_after_it() -> None:
    assert PaymentTerms(POLICY, 0.0).find_forget_at(AT) == AT + 3_600 + 86_400


@pytest.mark.parametrize(("publish_every_s", "later_s"), [(0.0, 0), (600.0, 3_600), (3_600.0, 3_600)])
def test_a_paid_one_is_remembered_from_its_batch_on(publish_every_s: float, later_s: int) -> None:
    assert PaymentTerms(POLICY, publish_every_s).find_settled_forget_at(AT) == AT + later_s + 86_400


@pytest.mark.parametrize("seconds", [1, 1_800, 3_599])
def test_what_is_kept_says_the_hour_alone(seconds: int) -> None:
    terms = PaymentTerms(POLICY, 0.0)
    assert terms.find_forget_at(AT - 3_600 + seconds) == terms.find_forget_at(AT)
    assert terms.find_settled_forget_at(AT - 3_600 + seconds) == terms.find_settled_forget_at(AT)


@pytest.mark.parametrize(("publish_every_s", "later_s"), [(0.0, 0), (0.5, 1), (600.0, 600)])
def test_a_note_is_published_at_the_latest_with_the_batch_after_its_invoice_expires(
    publish_every_s: float, later_s: int
) -> None:
    assert PaymentTerms(POLICY, publish_every_s).find_published_by(AT) == AT + 900 + later_s
