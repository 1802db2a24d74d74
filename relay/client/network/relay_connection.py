"""A connection that publishes events, and the relay's answer to each. Knows no command line."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from relay.client.network.connect import open_websocket
from relay.client.network.tor import TorChoice
from relay.client.signing.padding import encode_padded
from relay.client.terminal.notices import print_notice, to_printable
from relay.pricing.offer import PAYMENT_REQUIRED
from relay.protocol.event import Event

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

# Of a connection. A relay that sends more wants to scroll something off the terminal.
MAX_SHOWN_NOTICES = 20
Outcome = Literal["accepted", "refused", "priced", "unpaid", "unanswered"]


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The result of one event. The text is safe to print."""

    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class PaymentDemand:
    """A relay's demand for payment, as it came. It may name a false invoice, so it is not printed."""

    text: str


@dataclass(frozen=True, slots=True)
class Destination:
    """A relay, and how events are sent to it."""

    url: str
    timeout_s: float
    choice: TorChoice
    is_padded: bool = True
    mean_delay_s: float = 0.0


@dataclass(slots=True)
class RelayConnection:
    """A connection to a relay on which events are sent one after the other."""

    destination: Destination
    _connection: "ClientConnection"
    _notices: int = 0

    async def send_event(self, event: Event) -> PublishResult | PaymentDemand:
        """Send one event and wait for its OK. Raises ConnectionClosed."""
        timeout_s = self.destination.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.send(encode_padded(event, self.destination.is_padded))
                return await self.wait_for_ok(event)
        except TimeoutError:
            return PublishResult("unanswered", f"no answer within {timeout_s:g} s")

    async def wait_for_ok(self, event: Event) -> PublishResult | PaymentDemand:
        """Wait for the OK to an event that was sent, without end. Pings detect a lost relay.

        Raises ConnectionClosed.
        """
        while True:
            found = _read_message(await self._connection.recv(decode=False), event.id)
            if isinstance(found, PublishResult | PaymentDemand):
                return found
            if found is not None:
                self._print_notice(found)

    async def reconnect(self) -> None:
        """Replace the connection by a new one, through Tor on a new circuit. Raises BadInput."""
        await self._connection.close()
        self._connection = await _open_websocket(self.destination)

    async def close(self) -> None:
        """Close the connection, if it is open."""
        await self._connection.close()

    def _print_notice(self, notice: str) -> None:
        self._notices += 1
        if self._notices <= MAX_SHOWN_NOTICES:
            print_notice(f"the relay says: {to_printable(notice)}")


async def open_connection(destination: Destination) -> RelayConnection:
    """Connect to a relay. Raises BadInput."""
    return RelayConnection(destination, await _open_websocket(destination))


async def _open_websocket(destination: Destination) -> "ClientConnection":
    return await open_websocket(destination.url, destination.timeout_s, destination.choice)


def _read_message(raw: bytes, event_id: str) -> PublishResult | PaymentDemand | str | None:
    """Return the OK to the event, the text of a NOTICE as it came, or None for anything else."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    match message:
        # NIP-01: ["OK", <id>, <true|false>, <message>]. Some relays omit the message.
        case ["OK", str(answered), bool(is_accepted), *rest] if answered == event_id:
            text = rest[0] if rest and isinstance(rest[0], str) else ""
            if not is_accepted and text.startswith(PAYMENT_REQUIRED):
                return PaymentDemand(text)
            return PublishResult("accepted" if is_accepted else "refused", to_printable(text))
        case ["NOTICE", str(text), *_]:
            return text
    return None
