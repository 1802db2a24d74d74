"""What the parts that take payments tell an operator: totals and faults. It learns no note and no payer."""

from typing import Protocol

from relay.storage.payments.unpaid_notes import UnpaidTotals


class Observer(Protocol):
    """What counts payments, and reports what an operator should mend."""

    def report_settled(self, tier: str, msat: int) -> None:
        """Count one payment."""

    def report_published(self, seconds: float) -> None:
        """Count how long a paid note took from the look-up that found the payment to its publication."""

    def report_invoices(self, by_state: dict[str, int], unpaid_totals: UnpaidTotals) -> None:
        """Show how many there are now."""

    def report_elsewhere(self, by_account: dict[str, int]) -> None:
        """Show how many invoices were made at other accounts and could still be paid."""

    def report_unmatched(self) -> None:
        """Count a payment for an invoice of ours that no row knows."""

    def report_removable(self) -> None:
        """Say that nothing is left to be paid at the node of before."""

    def report_unknown(self) -> None:
        """Count an invoice whose time has come and which its node does not know."""

    def report_unstored(self, payments: int) -> None:
        """Show how many payments the database has refused to store. While it is not 0, nothing is sold."""

    def report_fault(self, advice: str) -> None:
        """Report what the node did wrong, in words of a closed list."""
