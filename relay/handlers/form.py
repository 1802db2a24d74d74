"""An EVENT that is sent as a form: the checks of one that comes by WebSocket, and one answer. Knows no page."""

import asyncio
from dataclasses import dataclass

import msgspec

from relay.delivery.visitor import Visitor
from relay.handlers.context import Services
from relay.pricing.offer import PaymentRequired
from relay.protocol.event import Event
from relay.protocol.messages import Malformed, Publish, parse_publish, split_frame
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.row import Result

# Parsing a text of this size takes a millisecond.
_LARGE_CHARS = 32_768


@dataclass(frozen=True, slots=True)
class Posted:
    """An event, and what became of it. `text` is that of its OK."""

    event: Event
    result: Result | PaymentRequired
    text: str


async def save_posted(text: str, path: str, visitor: Visitor, services: Services) -> Posted:
    """Take in the event that a text holds, on a tier's path. Raises Rejected."""
    try:
        posted = await _save(text, path, visitor, services)
    except Rejected as rejected:
        services.report_ok(False, str(rejected))
        raise
    services.report_ok(not isinstance(posted.result, PaymentRequired) and posted.result.accepted, posted.text)
    return posted


async def _save(text: str, path: str, visitor: Visitor, services: Services) -> Posted:
    now_s, session = asyncio.get_running_loop().time(), visitor.session
    tier = services.tiers.find_tier(path)
    if tier is None:
        raise Rejected(
            Prefix.RESTRICTED, "no notes are posted on this path any more; choose another one, and post again"
        )
    session.check_event_rate(now_s)
    session.check_byte_rate(len(text), now_s)
    event = await _read_event(text, services)
    async with visitor.event_slots:
        result = await services.intake.save_event(event, tier, session, now_s)
    return Posted(event, result, services.intake.describe_result(result))


async def _read_event(text: str, services: Services) -> Event:
    limits = services.limits
    if len(text.encode()) > limits.max_message_bytes:
        raise Rejected(
            Prefix.INVALID,
            f"a message has at most {limits.max_message_bytes} bytes; shorten the note, or what pads it",
        )
    if len(text) <= _LARGE_CHARS:
        return parse_posted(text, services).event
    async with services.large_work.take_turn():
        return parse_posted(text, services).event


def parse_posted(text: str, services: Services) -> Publish:
    """Return the message in a text: `["EVENT", {...}]`, or the event alone, white space around it. Raises Rejected."""
    # RFC 8259, 2: white space may stand before and behind, so notes can be padded.
    stripped = text.strip(" \t\r\n")
    if stripped[:1] == "{":
        return parse_publish((msgspec.Raw(stripped.encode()),), services.limits)
    verb, parts = split_frame(stripped) if stripped[:1] == "[" else ("", ())
    if verb != "EVENT":
        raise Malformed(Prefix.INVALID, 'paste the whole signed note as JSON, or the message ["EVENT", ...] with it')
    return parse_publish(parts, services.limits)
