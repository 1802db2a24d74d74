"""What an operator hears of the Lightning node: each request counted, each new kind of trouble logged once. Knows no invoice."""

from relay.log import Log, LogEvent
from relay.pricing.lightning.backend import BackendError
from relay.pricing.payment_metrics import PaymentMetrics


class NodeReport:
    """Count the requests to the node, and say when it is in trouble and when it is back."""

    def __init__(self, metrics: PaymentMetrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log
        self._trouble = ""

    def report(self, operation: str, error: BackendError | None) -> None:
        """Take the outcome of one request; what an error says is one of a closed list of texts."""
        self._metrics.report_backend(operation, error is None)
        trouble = "" if error is None else str(error)
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            self._log.write(LogEvent.LIGHTNING_UNAVAILABLE, advice=trouble)
        else:
            self._log.write(LogEvent.LIGHTNING_RECOVERED)
