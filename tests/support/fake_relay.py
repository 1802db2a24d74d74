"""A relay that says what a test tells it to, true or not: a WebSocket server that answers each REQ with a script."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.support.client import to_json

# Stands for the subscription's id in what is answered.
SUBSCRIPTION = "the subscription"
Script = Callable[[dict[str, Any]], list[Any]]


@dataclass
class FakeRelay:
    """Hold where the relay is, how many connections it had, and the filters it was asked for."""

    url: str = ""
    connections: int = 0
    filters: list[dict[str, Any]] = field(default_factory=list)


@asynccontextmanager
async def run_fake_relay(script: Script, *, hangs_up: bool = False) -> AsyncIterator[FakeRelay]:
    """Answer each REQ's first filter with the messages that the script returns for it, texts as they are."""
    relay = FakeRelay()

    async def handle(connection: ServerConnection) -> None:
        relay.connections += 1
        async for frame in connection:
            verb, subscription, *filters = json.loads(frame)
            if verb != "REQ":
                continue
            relay.filters += filters
            for message in script(filters[0]):
                await connection.send(message if isinstance(message, str) else _write(message, subscription))
            if hangs_up:
                await connection.close(1011)

    async with serve(handle, "127.0.0.1", 0, max_size=2**22) as server:
        relay.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield relay


def answer(*events: Any) -> Script:
    """Return the script of a relay that has these events for whoever asks, whatever for, and no others (NIP-67)."""
    return lambda _: [*(["EVENT", SUBSCRIPTION, event] for event in events), ["EOSE", SUBSCRIPTION, ["finish"]]]


def _write(message: list[Any], subscription: str) -> str:
    return json.dumps([subscription if part == SUBSCRIPTION else to_json(part) for part in message])
