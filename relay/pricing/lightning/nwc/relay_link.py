"""One connection to a wallet's relay (NIP-01): subscriptions, and events that are sent. Believes nothing of what it delivers."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec

from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.http import BUSY, UNREACHABLE, naming_failures
from relay.protocol.event import Event, decode_event

RELAY_REFUSED = (
    "the relay of the connection string refuses our requests to the wallet; choose a relay there that takes events of kind 23194"
    " without a login"
)
# What waits in a subscription. What comes beyond is dropped: replies are one each, and notifications are hints.
_MAX_WAITING = 1_000
_CLOSING_S = 1.0

# An event, a failure, or None once all stored events came.
Delivery = Event | BackendError | None
Deliveries = asyncio.Queue[Delivery]


class RelayLink:
    """An open connection. Close it: a task reads from it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._subscriptions: dict[str, Deliveries] = {}
        # Of each event that was sent and is not confirmed yet: who hears if the relay refuses it.
        self._sent: dict[str, Deliveries] = {}
        self.is_open = True
        self._reading = asyncio.create_task(self._keep_reading())

    @asynccontextmanager
    async def subscribe(self, **filter_: object) -> AsyncIterator[Deliveries]:
        """Give a queue of what a filter matches, from "kinds" to "tag_e" and "tag_p". Raises BackendError."""
        name = secrets.token_hex(8)
        deliveries: Deliveries = asyncio.Queue()
        self._subscriptions[name] = deliveries
        sent = {key.replace("tag_", "#"): value for key, value in filter_.items()}
        try:
            await self._send("REQ", name, sent)
            yield deliveries
        finally:
            del self._subscriptions[name]
            if self.is_open:
                with suppress(BackendError):
                    await self._send("CLOSE", name)

    @asynccontextmanager
    async def publish(self, event: Event, deliveries: Deliveries) -> AsyncIterator[None]:
        """Send an event; while inside, a refusal of the relay goes into the deliveries. Raises BackendError."""
        self._sent[event.id] = deliveries
        try:
            await self._send("EVENT", event)
            yield
        finally:
            del self._sent[event.id]

    async def close(self) -> None:
        """Close the connection, and end everything that waits for it."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _send(self, *message: object) -> None:
        if not self.is_open:
            raise BackendError(UNREACHABLE)
        with naming_failures():
            await self._socket.send_str(msgspec.json.encode(message).decode())

    async def _keep_reading(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._dispatch(message.data)
        finally:
            self.is_open = False
            for deliveries in self._subscriptions.values():
                deliveries.put_nowait(BackendError(UNREACHABLE))
            with suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(_CLOSING_S):
                    await self._socket.close()

    def _dispatch(self, text: str) -> None:
        """Give a message to whom it is for. What cannot be read, or nobody waits for, is ignored."""
        try:
            first, second, *rest = msgspec.json.decode(text, type=list[msgspec.Raw])
            verb, name = (msgspec.json.decode(part, type=str) for part in (first, second))
            if verb == "OK" and name in self._sent:
                accepted, reason = rest
                if not msgspec.json.decode(accepted, type=bool):
                    self._sent[name].put_nowait(_name_refusal(reason))
            elif name in self._subscriptions:
                self._deliver(self._subscriptions[name], verb, rest)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return

    def _deliver(self, deliveries: Deliveries, verb: str, rest: list[msgspec.Raw]) -> None:
        match verb, rest:
            case "EVENT", [event] if deliveries.qsize() < _MAX_WAITING:
                deliveries.put_nowait(decode_event(bytes(event)))
            # NIP-67: hints can follow. What is read here is one event, so there is nothing to read on for.
            case "EOSE", _:
                deliveries.put_nowait(None)
            case "CLOSED", [reason]:
                deliveries.put_nowait(_name_refusal(reason))


def _name_refusal(reason: msgspec.Raw) -> BackendError:
    """Return what a relay's refusal means, by its prefix (NIP-01)."""
    is_busy = msgspec.json.decode(reason, type=str).startswith("rate-limited")
    return BackendError(BUSY if is_busy else RELAY_REFUSED)
