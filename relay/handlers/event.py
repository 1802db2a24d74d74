"""An EVENT (NIP-01): answered by an OK, and by a second one when a note that was offered for its price is paid for."""

from functools import partial

from relay.handlers.context import Client, Services
from relay.pricing.offer import PaymentRequired
from relay.protocol.event import Event
from relay.protocol.messages import Publish, encode_ok
from relay.protocol.refusal import Rejected
from relay.storage.row import Result


async def handle_event(message: Publish, client: Client, services: Services) -> None:
    """Answer in a task. A client with too many events in flight waits here, and is not read from."""
    event = message.event
    refuse = partial(refuse_event, event.id, client=client, services=services)
    try:
        client.session.check_event_rate(client.now_s)
    except Rejected as rejected:
        refuse(str(rejected))
        return
    await client.event_slots.acquire()
    client.start_task(partial(_answer_event, event, client, services), refuse)


def refuse_event(event_id: str, text: str, client: Client, services: Services) -> None:
    """Answer that an event is not accepted."""
    _send_ok(event_id, False, text, client, services)


def leave_events(client: Client, services: Services) -> None:
    """Remove the listeners of a client that is gone."""
    if services.payment_listeners is not None:
        services.payment_listeners.remove_owner(client)


async def _answer_event(event: Event, client: Client, services: Services) -> None:
    if services.payment_listeners is not None:
        # The event is sent again: the answer to this one counts.
        services.payment_listeners.remove_listener(bytes.fromhex(event.id), client)
    try:
        answer = await services.intake.save_event(event, client.find_tier(), client.session, client.now_s)
        if isinstance(answer, PaymentRequired) and await _is_paid_meanwhile(event.id, answer, client, services):
            return
    finally:
        client.event_slots.release()
    if isinstance(answer, PaymentRequired):
        refuse_event(event.id, answer.text, client, services)
    else:
        _send_result(event.id, answer, client, services)


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
