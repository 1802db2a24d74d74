"""An EVENT (NIP-01): answered by an OK, and by a second one when a note that was offered for its price is paid for."""

from functools import partial

from relay.handlers.context import INTERNAL_ERROR, Client, Services
from relay.handlers.intake import Arrival, Outcome
from relay.pricing.offer import PaymentRequired
from relay.protocol.messages import Publish, encode_ok
from relay.protocol.refusal import Rejected
from relay.storage.row import Result


async def handle_event(message: Publish, client: Client, services: Services) -> None:
    """Take an event in; it is answered later. A client with too many events in flight waits here, and is not read from."""
    event = message.event
    try:
        client.session.check_event_rate(client.now_s)
        tier = client.find_tier()
    except Rejected as rejected:
        refuse_event(event.id, str(rejected), client, services)
        return
    await services.event_pace.take_turn()
    await client.event_slots.acquire()
    if services.payment_listeners is not None:
        # The event is sent again: the answer to this one counts.
        services.payment_listeners.remove_listener(bytes.fromhex(event.id), client)
    answer = partial(_answer_event, event.id, client, services)
    services.intake.take_in(Arrival(event, tier, client.session, client.now_s, answer))


def refuse_event(event_id: str, text: str, client: Client, services: Services) -> None:
    """Answer that an event is not accepted."""
    _send_ok(event_id, False, text, client, services)


def leave_events(client: Client, services: Services) -> None:
    """Remove the listeners of a client that is gone."""
    if services.payment_listeners is not None:
        services.payment_listeners.remove_owner(client)


def _answer_event(event_id: str, client: Client, services: Services, outcome: Outcome) -> None:
    if isinstance(outcome, PaymentRequired):
        refuse = partial(refuse_event, event_id, client=client, services=services)
        client.start_task(partial(_ask_for_payment, event_id, outcome, client, services), refuse)
        return
    client.event_slots.release()
    if not isinstance(outcome, Exception):
        _send_result(event_id, outcome, client, services)
    elif isinstance(outcome, Rejected):
        refuse_event(event_id, str(outcome), client, services)
    else:
        services.report_error(outcome)
        refuse_event(event_id, INTERNAL_ERROR, client, services)


async def _ask_for_payment(event_id: str, required: PaymentRequired, client: Client, services: Services) -> None:
    try:
        is_paid = await _is_paid_meanwhile(event_id, required, client, services)
    finally:
        client.event_slots.release()
    if not is_paid:
        refuse_event(event_id, required.text, client, services)


async def _is_paid_meanwhile(event_id: str, required: PaymentRequired, client: Client, services: Services) -> bool:
    """Listen for the payment of a note, and return whether its OK is sent already."""
    if services.payment_listeners is None or client.is_closing:
        return False

    def send(result: Result) -> None:
        client.session.orders.end_order(required.note_id)
        _send_result(event_id, result, client, services)

    return await services.payment_listeners.add_listener(required, client, send)


def _send_result(event_id: str, result: Result, client: Client, services: Services) -> None:
    text = services.intake.describe_result(result)
    _send_ok(event_id, result.accepted, text, client, services)


def _send_ok(event_id: str, accepted: bool, text: str, client: Client, services: Services) -> None:
    services.report_ok(accepted, text)
    client.outbox.send(encode_ok(event_id, accepted, text))
