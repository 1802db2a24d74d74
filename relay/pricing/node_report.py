"""What an operator hears of the Lightning node: each request is counted, each new failure logged once. Knows no invoice."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from relay.log import Log, LogEvent
from relay.pricing.lightning.backend import (
    Backend,
    BackendError,
    Invoice,
    LiquidityWarning,
    Payment,
    SettlementHint,
)
from relay.pricing.lightning.invoices import check_payee, check_terms
from relay.pricing.payment_metrics import PaymentMetrics

T = TypeVar("T")


class NodeReport:
    """The requests to the node in metrics and log. `section` is where the configuration names it."""

    def __init__(self, metrics: PaymentMetrics, log: Log, section: str = "lightning") -> None:
        self._section = section
        self._metrics = metrics
        self._log = log
        self._last_advice = ""
        self._warned: set[LiquidityWarning] = set()

    def report_request(self, operation: str, error: BackendError | None) -> None:
        """Report the outcome of one request. The text of an error is from a closed list."""
        self._metrics.report_backend(operation, error is None)
        advice = "" if error is None else str(error)
        if advice == self._last_advice:
            return
        self._last_advice = advice
        if advice:
            self._log.write(LogEvent.LIGHTNING_UNAVAILABLE, name=self._section, advice=advice)
        else:
            self._log.write(LogEvent.LIGHTNING_RECOVERED, name=self._section)

    def report_warnings(self, warnings: tuple[LiquidityWarning, ...]) -> None:
        """Count what the node warned of when it made an invoice. Each is logged once: a line an order would say when one came."""
        for warning in warnings:
            self._metrics.report_warning(warning)
            if warning not in self._warned:
                self._warned.add(warning)
                self._log.write(LogEvent.LIGHTNING_WARNING, advice=warning.advice)


class ReportedBackend:
    """A backend whose every request is reported, and whose invoices are read before anybody sees them.

    Its account is asked for once, and again after a failure: a node that was away may come back as another. `learn` is
    told of it.
    """

    def __init__(
        self,
        backend: Backend,
        report: NodeReport,
        network: str,
        now: Callable[[], float],
        learn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._learn = learn
        self._account = ""
        self.lookups_per_s = backend.lookups_per_s
        self._backend = backend
        self._report = report
        self._network = network
        self._now = now

    async def find_account(self) -> str:
        """Return who receives the money."""
        if not self._account:
            self._account = await self._report_outcome("account", self._backend.find_account())
            self._learn(self._account)
        return self._account

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Make an invoice."""
        return await self._report_outcome(
            "create",
            self._create_checked(self._backend.create_invoice(reference, amount_msat, memo, expiry_s), expiry_s),
        )

    async def _create_checked(self, creating: Awaitable[Invoice], expiry_s: int) -> Invoice:
        account = await self.find_account()
        invoice = await creating
        check_terms(invoice, self._network, self._now(), expiry_s)
        check_payee(invoice, account)
        self._report.report_warnings(invoice.warnings)
        return invoice

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask what became of an invoice."""
        return await self._report_outcome("lookup", self._backend.look_up_payment(reference, payment_hash))

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Cancel an invoice."""
        return await self._report_outcome("cancel", self._backend.cancel_invoice(reference, payment_hash))

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Yield what is paid after a cursor, and report where the stream breaks."""
        try:
            async with aclosing(self._backend.stream_settlements(cursor)) as stream:
                async for hint in stream:
                    yield hint
        except BackendError as error:
            self._account = ""
            self._report.report_request("stream", error)
            raise

    async def close(self) -> None:
        """Close the connections to the node."""
        await self._backend.close()

    async def _report_outcome(self, operation: str, request: Awaitable[T]) -> T:
        try:
            result = await request
        except BackendError as error:
            self._account = ""
            self._report.report_request(operation, error)
            raise
        self._report.report_request(operation, None)
        return result
