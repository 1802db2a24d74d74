"""Subscriptions (NIP-01): what a relay sends to one, decoded and bounded. A relay is untrusted.

Knows nothing of what the events are for.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from relay.client.network.connect import explain_close
from relay.client.signing.advice import find_closed_advice
from relay.client.signing.verify_event import is_signed
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice, to_printable
from relay.protocol.event import Event

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

# The largest message that is read: a follow list of 65,535 keys has 5 MB.
MAX_MESSAGE_BYTES = 8 * 2**20


class Signal(Enum):
    """An item of a subscription that is no event."""

    END_OF_STORED = "EOSE"
    # The same, and the relay says that there is nothing else, or that there is (NIP-67).
    ALL_SENT = "finish"
    MORE_STORED = "more"
    NO_EVENT = "not an event"
    REPEATED = "sent before"

    @property
    def ends_stored(self) -> bool:
        """Return whether the stored events end here, or this page of them."""
        return self in (Signal.END_OF_STORED, Signal.ALL_SENT, Signal.MORE_STORED)


async def stream_events(
    connection: "ClientConnection", filters: Sequence[Mapping[str, Any]]
) -> AsyncGenerator[Event | Signal]:
    """Subscribe, and yield each event as it comes, unverified, and after the stored ones a signal that ends them.

    Never ends by itself. Raises BadInput when the relay closes the subscription or the connection is lost.
    """
    from websockets.exceptions import ConnectionClosed

    subscription = secrets.token_hex(8)
    try:
        await connection.send(msgspec.json.encode(["REQ", subscription, *filters]).decode())
        while True:
            found = _read_message(await connection.recv(decode=False), subscription)
            if found is not None:
                yield found
    except ConnectionClosed as error:
        raise BadInput(f"{explain_close(error)}: try again later") from None
    finally:
        with suppress(ConnectionClosed):
            await connection.send(msgspec.json.encode(["CLOSE", subscription]).decode())


async def fetch_stored(
    connection: "ClientConnection", filter_: Mapping[str, Any], timeout_s: float, max_events: int
) -> list[Event]:
    """Return the events that a relay has stored for a filter, at most `max_events`. Each has a valid signature.

    Raises BadInput, also when the whole answer takes longer than `timeout_s`.
    """
    events: list[Event] = []
    left_out = 0
    try:
        async with asyncio.timeout(timeout_s), aclosing(stream_events(connection, [filter_])) as incoming:
            async for found in incoming:
                if (isinstance(found, Signal) and found.ends_stored) or len(events) + left_out >= max_events:
                    break
                if isinstance(found, Event) and is_signed(found):
                    events.append(found)
                else:
                    left_out += 1
    except TimeoutError:
        raise BadInput(f"the relay did not answer within {timeout_s:g} s: try again later, or another relay") from None
    if left_out:
        print_notice(f"{left_out} of the relay's events do not verify and are left out")
    return events


def _read_message(raw: bytes, subscription: str) -> Event | Signal | None:
    """Return what a message brings this subscription, None for any other; a NOTICE is printed. Raises BadInput."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    match message:
        case ["EVENT", str(name), event] if name == subscription:
            try:
                return msgspec.convert(event, Event)
            except (msgspec.ValidationError, UnicodeError):
                return Signal.NO_EVENT
        case ["EOSE", str(name), *rest] if name == subscription:
            return _read_end(rest)
        case ["CLOSED", str(name), *rest] if name == subscription:
            reason = to_printable(rest[0]) if rest and isinstance(rest[0], str) else ""
            raise BadInput(
                f"the relay closed the subscription ({reason or 'no reason given'}): {find_closed_advice(reason) or 'try another'}"
            )
        case ["NOTICE", str(text), *_]:
            print_notice(f"the relay says: {to_printable(text)}")
    return None


def _read_end(rest: list[Any]) -> Signal:
    """Return what the rest of an EOSE says. Hints that are unknown are ignored (NIP-67), and both at once say nothing."""
    hints = rest[0] if rest and isinstance(rest[0], list) else []
    match ("finish" in hints, "more" in hints):
        case (True, False):
            return Signal.ALL_SENT
        case (False, True):
            return Signal.MORE_STORED
    return Signal.END_OF_STORED
