"""Events sent one after the other; each is paid for where the relay asks, and reported. Knows no command line."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.client.network.connect import TOO_BIG, explain_close, is_closed_here
from relay.client.network.pay import PaymentTerms, settle_payment
from relay.client.network.relay_connection import (
    Destination,
    Outcome,
    PaymentDemand,
    PublishResult,
    RelayConnection,
    open_connection,
)
from relay.client.signing.advice import find_advice
from relay.client.signing.padding import PADDED_SIZES, encode_padded
from relay.client.terminal.notices import print_notice, print_warning
from relay.protocol.event import Event

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed


# The exit status of each outcome; of several, the highest.
_STATUS: dict[Outcome, int] = {"accepted": 0, "priced": 0, "refused": 1, "unpaid": 1, "unanswered": 2}


@dataclass(frozen=True, slots=True)
class Reporter:
    """A printer of results, which explains each kind of refusal once; or of invoices only."""

    is_invoice_only: bool = False
    explained: set[str] = field(default_factory=set)

    def report_result(self, event: Event, result: PublishResult) -> None:
        """Print the result of one event, and what its author can do."""
        self.print_line(event, result)
        advice = find_advice(result.text) if result.outcome == "refused" else None
        if advice is not None and advice not in self.explained:
            self.explained.add(advice)
            print_notice(f"{result.text.partition(':')[0]}: {advice}")

    def print_line(self, event: Event, result: PublishResult) -> None:
        """Print the id, the outcome and the relay's text; or the invoice alone."""
        line = f"{event.id} {result.outcome} {result.text}".rstrip()
        if not self.is_invoice_only:
            print(line, flush=True)
        elif result.outcome == "priced":
            print(result.text, flush=True)
        else:
            print_notice(f"{line} (without payment)" if result.outcome == "accepted" else line)


def find_exit_status(results: Iterable[PublishResult]) -> int:
    """Return the exit status for all events."""
    return max(_STATUS[result.outcome] for result in results)


def warn_of_size(events: Sequence[Event]) -> None:
    """Warn of events that are larger than any padded size."""
    if any(len(encode_padded(event).encode()) > PADDED_SIZES[-1] for event in events):
        print_warning(f"messages of more than {PADDED_SIZES[-1]} bytes are not padded, and many relays refuse them")


async def send_events(
    destination: Destination,
    events: Sequence[Event],
    terms: PaymentTerms,
    report: Callable[[Event, PublishResult], None],
) -> list[PublishResult]:
    """Send the events one after the other, wait where one is to be paid for, and report each.

    After the connection is lost, all further events are unanswered.
    """
    from websockets.exceptions import ConnectionClosed

    connection = await open_connection(destination)
    results: list[PublishResult] = []
    closed: str | None = None
    try:
        for event in events:
            if closed is None:
                try:
                    result = await _send_event(connection, event, terms)
                except ConnectionClosed as error:
                    closed = explain_close(error)
                    _print_size_advice(error, event, destination.is_padded)
            if closed is not None:
                result = PublishResult("unanswered", closed)
            report(event, result)
            results.append(result)
    finally:
        await connection.close()
    return results


async def _send_event(connection: RelayConnection, event: Event, terms: PaymentTerms) -> PublishResult:
    answer = await connection.send_event(event)
    if isinstance(answer, PaymentDemand):
        return await settle_payment(connection, event, answer, terms)
    return answer


def _print_size_advice(error: "ConnectionClosed", event: Event, is_padded: bool) -> None:
    """Print what to do where the event was too big for the relay, or probably was."""
    if is_closed_here(error):
        return
    bare, sent = (len(encode_padded(event, padded).encode()) for padded in (False, is_padded))
    if error.rcvd is None:
        # Some servers hang up without a reason on what is too big for them.
        if sent > PADDED_SIZES[-1]:
            print_notice(f"a message of {sent} bytes is more than many relays accept: shorten the note")
    elif error.rcvd.code == TOO_BIG:
        if sent > bare:
            print_notice(
                f"too big: try --no-padding, which sends {bare} bytes, not {sent}; if that fails, shorten the note"
            )
        else:
            print_notice(f"too big: shorten the note, its message has {sent} bytes")
