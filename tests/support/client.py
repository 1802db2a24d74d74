"""A Nostr client for tests: plain websockets, plain json, nothing of the relay's."""

import asyncio
import itertools
import json
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.events import make_event
from tests.support.time_factor import scaled

TIMEOUT_S = scaled(20.0)


class Client:
    """Talk to a relay. Every wait is bounded."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = {"compression": None, "max_size": None, "max_queue": None, "user_agent_header": None, **options}
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

    async def follow(self, **filter_: Any) -> None:
        """Subscribe to what comes from now on, as `live`."""
        await self.send("REQ", "live", {**filter_, "limit": 0})
        assert await self.next("EOSE") == ["live"]

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


def as_json(event: Any) -> dict[str, Any]:
    """Return an event as a client reads it: lists where the struct has tuples."""
    decoded: dict[str, Any] = json.loads(json.dumps(to_json(event)))
    return decoded


async def fetch_ids(url: str, ids: Iterable[str]) -> list[str]:
    """Ask a relay for notes by id, some at a time, and return the ids it sends."""
    found: list[str] = []
    async with Client(url) as client:
        remaining = iter(sorted(ids))
        while chunk := list(itertools.islice(remaining, 500)):
            found += [event["id"] for event in await client.fetch({"ids": chunk, "limit": 500})]
    return found


async def publish_many(url: str, count: int, content_chars: int, kind: int = 1) -> list[str]:
    """Post so many large notes, each after the answer to the one before, and return their ids."""
    events = [make_event(kind=kind, content=f"{number} " + "x" * content_chars) for number in range(count)]
    async with Client(url) as author:
        await author.publish_all(*events)
    return [event.id for event in events]
