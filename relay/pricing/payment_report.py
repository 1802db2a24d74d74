"""What an operator hears of payments: figures, and a log line where something is to be done. Knows no invoice and no payer."""

from relay.log import Log, LogEvent
from relay.pricing.payment_metrics import PaymentMetrics
from relay.storage.payments.accounts import MAX_COUNTED
from relay.storage.payments.unpaid_notes import UnpaidTotals

NOT_STORED = (
    "the database stores no payments, so nothing is sold: look at its log and its disk; what was paid is tried again until it is"
    " stored"
)


class PaymentReport:
    """The payments of one relay process in metrics and log."""

    def __init__(self, metrics: PaymentMetrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log
        self._elsewhere: set[str] = set()
        self._faults: set[str] = set()
        self._is_selling = True

    def report_settled(self, tier: str, msat: int) -> None:
        """Count one payment."""
        self._metrics.report_settled(tier, msat)

    def report_published(self, seconds: float) -> None:
        """Count how long a paid note took to its publication."""
        self._metrics.report_published(seconds)

    def report_invoices(self, by_state: dict[str, int], unpaid_totals: UnpaidTotals) -> None:
        """Show how many there are now."""
        self._metrics.report_invoices(by_state, unpaid_totals)

    def report_elsewhere(self, by_account: dict[str, int]) -> None:
        """Show how many invoices other accounts made that could still be paid; name each such account once."""
        self._metrics.report_elsewhere(sum(by_account.values()))
        for account in sorted(by_account.keys() - self._elsewhere):
            count = by_account[account]
            invoices = (
                "1 invoice was" if count == 1 else f"{'at least ' if count == MAX_COUNTED else ''}{count} invoices were"
            )
            self._log.write(
                LogEvent.INVOICES_ELSEWHERE,
                name=account,
                advice=f"{invoices} made at this node or wallet, which [lightning] does not name: payments for them are found "
                "only while [lightning.previous] names it. Set that, or give them up: ringrelay payments abandon",
            )
        self._elsewhere = set(by_account)

    def report_unmatched(self) -> None:
        """Count a payment for an invoice of ours that no row knows."""
        self._metrics.report_unmatched()
        self._log.write(
            LogEvent.PAYMENT_UNMATCHED,
            advice="the node was paid for an invoice that the database does not know, as after a restore: when its payer asks, "
            "use ringrelay payments claim",
        )

    def report_unknown(self) -> None:
        """Count an invoice whose time has come and which its node does not know."""
        self._metrics.report_unknown()
        self._log.write(
            LogEvent.INVOICE_UNKNOWN,
            advice="the node does not know an invoice that it made, and nobody can say whether it was paid: has the node lost its "
            "data? ringrelay payments totals counts them",
        )

    def report_removable(self) -> None:
        """Say that nothing is left to be paid at the node of before."""
        self._log.write(
            LogEvent.PREVIOUS_DONE, advice="nothing is left to be paid there: [lightning.previous] can be removed"
        )

    def report_unstored(self, payments: int) -> None:
        """Show how many payments the database has refused to store, and say when nothing is sold for that, and when again."""
        self._metrics.report_unstored(payments)
        if payments and self._is_selling:
            self._log.write(LogEvent.SELLING_STOPPED, advice=NOT_STORED)
        elif not payments and not self._is_selling:
            self._log.write(LogEvent.SELLING_RESUMED)
        self._is_selling = not payments

    def report_fault(self, advice: str) -> None:
        """Count an invoice that the node made wrongly, and say once what is wrong with it."""
        self._metrics.report_backend("create", is_done=False)
        if advice not in self._faults:
            self._faults.add(advice)
            self._log.write(LogEvent.LIGHTNING_UNAVAILABLE, name="lightning", advice=advice)
