"""What must be true of a ledger at any moment, whatever happened."""

from collections import Counter
from collections.abc import Iterable, Mapping

from relay.limits import InvoicePolicy
from relay.storage.row import Result, SaveResult
from tests.support.ledger import Ledger
from tests.support.scripted_node import Booked


def find_lost(ledger: Ledger, books: Iterable[Booked], settled: set[bytes]) -> list[Booked]:
    """Return the payments that no row knows, and that were not settled."""
    watched = {row.reference for row in ledger.invoices if row.is_watched}
    return [booked for booked in books if booked.index and booked.reference not in settled | watched]


def check_money(ledger: Ledger, books: Iterable[Booked], settled: set[bytes], unclaimed: set[bytes]) -> None:
    """Expect each payment in one place: a publication, what waits for one, unapplied, or an invoice still looked up.

    `settled` are the references of payments that the relay took down, `unclaimed` those that it need not find.
    """
    paid = [booked for booked in books if booked.index]
    # Both ways: what is at a price was paid for.
    assert sum(booked.received_msat for booked in paid if booked.reference in settled) == ledger.spent_msat
    watched = {row.reference for row in ledger.invoices if row.is_watched}
    assert {booked.reference for booked in paid} <= settled | watched | unclaimed


def check_publication(ledger: Ledger) -> None:
    """Expect that a note is published once, and once at each price."""
    assert max(Counter(ledger.news).values(), default=1) == 1
    assert max(Counter(ledger.bought).values(), default=1) == 1
    # What is published waits only to rise.
    assert all(
        ledger.notes[note] < price_paid_msat for note, price_paid_msat in ledger.held.items() if note in ledger.notes
    )


def check_caps(ledger: Ledger, policy: InvoicePolicy) -> None:
    """Expect one open invoice a note and tier, and no more of anything than the policy allows."""
    asked = Counter((row.note_id, row.tier) for row in ledger.invoices if row.is_open)
    assert max(asked.values(), default=1) == 1
    # What another node made keeps nobody from ordering.
    assert max(Counter(row.account for row in ledger.invoices if row.is_open).values(), default=0) <= policy.max_open
    assert len(ledger.unpaid) <= policy.max_unpaid_notes
    # Those that were closed, or have expired, keep nobody from ordering again.
    unpaid = Counter((row.account, row.note_id) for row in ledger.invoices if row.is_open)
    assert max(unpaid.values(), default=0) <= policy.max_per_note


def check_told(
    ledger: Ledger,
    told: Iterable[tuple[bytes, int, Result]],
    rivals: Mapping[bytes, tuple[Result, bytes]],
    deletions: Mapping[bytes, bytes],
) -> None:
    """Expect that a payer was told of a note at the price paid, or why the note was refused after all.

    `rivals` gives the one reason that a note can be refused for, and the note that must have been here first; `deletions`
    the requests that name a note.
    """
    for note_id, price_msat, saved in told:
        if saved in (SaveResult.SHORT_PAID, SaveResult.LATE_PAID):
            # Nothing was decided about the note, and `check_money` has the amount.
            continue
        if saved.accepted:
            assert ledger.highest_price_of(note_id) >= price_msat
        elif saved is SaveResult.DELETED:
            # It waited when its author asked for that, so it was still there to be paid for.
            assert deletions[note_id] in ledger.seen
        else:
            assert note_id in rivals, saved
            reason, rival = rivals[note_id]
            assert saved is reason
            assert rival in ledger.seen
