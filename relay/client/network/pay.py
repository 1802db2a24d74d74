"""A relay's demand for payment: checked, shown, and waited for. Knows no wallet.

The relay is untrusted: only what this file has checked is shown, and only the invoice's own amount counts.
"""

import argparse
import asyncio
from dataclasses import dataclass

from relay.client.network.relay_connection import PaymentDemand, PublishResult, RelayConnection
from relay.client.terminal.anonymity_notice import PAYMENT
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.client.terminal.qr import print_qr
from relay.pricing.bolt11 import read_amount_msat
from relay.pricing.offer import Offer, read_offer
from relay.protocol.event import Event
from relay.protocol.refusal import SHORT_PAID

_MAX_WAIT_S = 86_400
# Between two attempts to connect again: twice as long each time.
_FIRST_PAUSE_S = 1.0
_MAX_PAUSE_S = 30.0
# Prefixes of refusals that may pass in a minute (NIP-01).
_PASSING = ("rate-limited", "error")

_STILL_PUBLISHES = "paying the invoice still publishes the note, until it expires; its page shows the state"

_SEND_AGAIN = (
    "the relay says that less came than its invoice asks for. If your wallet says so, too, publish the note again: the relay asks"
    " for the rest alone"
)
_PAY_NOTHING_ELSE = "If you have paid, pay nothing else: the page above shows the state"


class NotPayable(Exception):
    """A demand for payment that is not shown. The text is the reason, in this program's words."""


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """The author's limits: the highest price (None: any), the longest wait, and whether only the invoice is printed."""

    max_sat: int | None
    wait_s: float
    is_invoice_only: bool


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Declare --max-sat, --wait and --invoice-only."""
    parser.add_argument("--max-sat", type=int, metavar="N", help="count a price of more than N sat as a refusal")
    parser.add_argument(
        "--wait",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="how long to wait for a payment (default 900, as long as a ringrelay's invoice is open)",
    )
    parser.add_argument(
        "--invoice-only", action="store_true", help="print the invoice alone (BOLT 11), and do not wait"
    )


def read_terms(arguments: argparse.Namespace) -> PaymentTerms:
    """Return what the options ask for. Raises BadInput."""
    if arguments.max_sat is not None and arguments.max_sat < 0:
        raise BadInput("--max-sat takes a number of sat, 0 or more")
    if not 0 < arguments.wait <= _MAX_WAIT_S:
        raise BadInput(f"--wait takes seconds, more than 0 and at most {_MAX_WAIT_S}")
    return PaymentTerms(arguments.max_sat, arguments.wait, arguments.invoice_only)


async def settle_payment(
    connection: RelayConnection, event: Event, demand: PaymentDemand, terms: PaymentTerms
) -> PublishResult:
    """Show what a relay asks for an event, and wait until it has published it.

    Connects again where the connection is lost. The outcome is "unpaid" after the time of `terms`.
    """
    try:
        offer = read_payable_offer(demand.text, terms.max_sat)
    except NotPayable as error:
        return PublishResult("refused", f"here: {error}")
    if terms.is_invoice_only:
        print_notice(
            f"{offer.amount_sat:,} sat for {event.id}, to be paid at {offer.pay_url} or to the invoice on stdout"
        )
        return PublishResult("priced", offer.bolt11)
    _print_offer(offer, terms.wait_s)
    try:
        async with asyncio.timeout(terms.wait_s):
            return await _wait_for_payment(connection, event, offer)
    except TimeoutError:
        print_notice(f"no payment was reported within {terms.wait_s:g} s: {_STILL_PUBLISHES}")
        return PublishResult("unpaid", offer.pay_url)
    except asyncio.CancelledError:
        print_notice(f"no longer waiting: {_STILL_PUBLISHES}")
        raise


def read_payable_offer(text: str, max_sat: int | None) -> Offer:
    """Return the offer of a relay if it may be shown to the author. Raises NotPayable."""
    offer = read_offer(text)
    if offer is None:
        raise NotPayable("the relay asks for payment in a form that is not ringrelay's: pay nothing, try another relay")
    msat = read_amount_msat(offer.bolt11)
    if msat is None:
        raise NotPayable("the relay's invoice is broken or names no amount: pay nothing, try another relay")
    if msat != offer.amount_sat * 1_000:
        raise NotPayable(
            f"the relay asks for {offer.amount_sat} sat and its invoice is for {msat / 1_000:.15g} sat: "
            "pay nothing, try another relay"
        )
    if max_sat is not None and offer.amount_sat > max_sat:
        raise NotPayable(f"the relay asks for {offer.amount_sat} sat, more than --max-sat {max_sat}")
    return offer


def _print_offer(offer: Offer, wait_s: float) -> None:
    print_notice(f"{_describe_purpose(offer)} once {offer.amount_sat:,} sat are paid to this invoice:\n")
    # In upper case, which makes a smaller QR code (BOLT 11 allows it).
    print_qr(f"lightning:{offer.bolt11}".upper())
    print_notice(
        f"{offer.bolt11}\n\n"
        f"or pay at {offer.pay_url}\n"
        "That page sees your address: open it with Tor Browser.\n"
        f"Remember: {PAYMENT}.\n"
        f"Waiting for the payment, {wait_s:g} s; Ctrl-C ends only the wait."
    )


def _describe_purpose(offer: Offer) -> str:
    """Return what the relay does for the money, in a sentence that goes on with the amount."""
    purpose = offer.purpose
    if purpose.here_sat is None:
        return "the relay publishes this note"
    place = "accepted" if purpose.is_held else "published"
    price = f"at {purpose.here_sat:,} sat" if purpose.here_sat else "free"
    return f"this note is {place} already, {price}; the relay raises it to {purpose.price_sat:,} sat"


async def _wait_for_payment(connection: RelayConnection, event: Event, offer: Offer) -> PublishResult:
    """Return the result of an event whose invoice is shown.

    Waits without end while the relay is silent or away. A second invoice is never shown, as the first may be paid.
    """
    from websockets.exceptions import ConnectionClosed

    pause_s = _FIRST_PAUSE_S
    is_lost = False
    while True:
        answer: PublishResult | PaymentDemand | None = None
        try:
            if is_lost:
                await connection.reconnect()
                # NIP-01: the same event is the same note. The answer is that it is published, or the same invoice.
                answer = await connection.send_event(event)
            else:
                answer = await connection.wait_for_ok(event)
        except (ConnectionClosed, BadInput):
            pass  # The relay or the proxy is away. The invoice that was shown can still be paid.
        if isinstance(answer, PaymentDemand) and _find_invoice(answer) == offer.bolt11:
            is_lost = False
            continue
        if isinstance(answer, PublishResult) and answer.outcome == "accepted":
            return answer
        if (final := _find_refusal(answer)) is not None:
            print_notice(final)
            return PublishResult("unpaid", offer.pay_url)
        if not is_lost:
            print_notice("the relay is away, or busy: connecting again. A payment in the meantime counts")
        is_lost = True
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _MAX_PAUSE_S)


def _find_invoice(demand: PaymentDemand) -> str | None:
    offer = read_offer(demand.text)
    return None if offer is None else offer.bolt11


def _find_refusal(answer: PublishResult | PaymentDemand | None) -> str | None:
    """Return why a relay will not publish the note, None where it may do so later."""
    if isinstance(answer, PaymentDemand):
        return f"the relay asks with another invoice now, which is not shown. {_PAY_NOTHING_ELSE}"
    if answer is None or answer.outcome != "refused" or answer.text.partition(":")[0] in _PASSING:
        return None
    if answer.text == SHORT_PAID:
        return _SEND_AGAIN
    return f"the relay no longer accepts the note ({answer.text}). {_PAY_NOTHING_ELSE}"
