"""A Nostr client for tests: plain websockets, plain json, nothing of the relay's."""

import asyncio
import json
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

TIMEOUT_S = 20.0


class Client:
    """Talk to a relay. Every wait is bounded."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = {"compression": None, "max_size": None, "user_agent_header": None, **options}
        self.websocket: ClientConnection

    async def __aenter__(self) -> "Client":
        self.websocket = await connect(self._url, **self._options)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.websocket.close()

    async def send(self, *message: Any) -> None:
        await self.websocket.send(json.dumps([to_json(part) for part in message]))

    async def send_raw(self, frame: str | bytes) -> None:
        await self.websocket.send(frame)

    async def receive(self) -> list[Any]:
        """Return the next message, whatever it is."""
        async with asyncio.timeout(TIMEOUT_S):
            message: list[Any] = json.loads(await self.websocket.recv())
            return message

    async def next(self, verb: str) -> list[Any]:
        """Return what follows the verb in the next message, which must be of that verb."""
        message = await self.receive()
        assert message[0] == verb, message
        return message[1:]

    async def publish(self, event: Any) -> tuple[bool, str]:
        """Send an event and return what its OK says."""
        event = to_json(event)
        await self.send("EVENT", event)
        event_id, accepted, text = await self.next("OK")
        assert event_id == event["id"]
        return accepted, text

    async def publish_all(self, *events: Any) -> None:
        """Send events one after another and expect each to be accepted."""
        for event in events:
            accepted, text = await self.publish(event)
            assert accepted, text

    async def fetch(self, *filters: dict[str, Any], subscription: str = "fetch") -> list[dict[str, Any]]:
        """Return the stored events that a REQ gives, and close it."""
        await self.send("REQ", subscription, *filters)
        events = await self.read_stored(subscription)
        await self.send("CLOSE", subscription)
        return events

    async def read_stored(self, subscription: str) -> list[dict[str, Any]]:
        """Return the events up to EOSE."""
        events: list[dict[str, Any]] = []
        while True:
            message = await self.receive()
            assert message[1] == subscription, message
            if message[0] == "EOSE":
                return events
            assert message[0] == "EVENT", message
            events.append(message[2])


def to_json(part: Any) -> Any:
    """Turn one of the relay's Event structs into plain JSON values; leave the rest."""
    if hasattr(part, "__struct_fields__"):
        return {name: getattr(part, name) for name in part.__struct_fields__}
    return part
