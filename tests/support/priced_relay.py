"""A relay that asks for payment as a test tells it to, honestly or not, and `ringrelay publish` as its client."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from relay.pricing.offer import Offer, Purpose, encode_offer
from relay.protocol.event import encode_event
from tests.support.bolt11 import make_bolt11
from tests.support.command import Finished, run, start
from tests.support.events import make_event
from tests.support.time_factor import scaled

BOUND_S = scaled(60.0)
BOLT11 = make_bolt11("2100n")
PAY_URL = f"https://relay.example.com/pay/{'0123456789abcdef' * 2}"
NOTE = make_event()
PURPOSE = Purpose("/", 210)


def make_offer(bolt11: str, *, pay_url: str = PAY_URL, amount_sat: int = 210, purpose: Purpose = PURPOSE) -> str:
    """Return the text that asks for 210 sat for a new note, unless it is told otherwise."""
    return encode_offer(Offer(amount_sat, pay_url, bolt11, purpose))


OFFER = make_offer(BOLT11)

# What the relay does about one EVENT; the socket, the event's id.
Answering = Callable[[ServerConnection, str], Awaitable[None]]


@dataclass
class PricedRelay:
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def run_priced_relay(*answers: Answering) -> AsyncIterator[PricedRelay]:
    """Answer the first EVENT with the first of the answers, and so on over all connections; the last one stays."""
    relay = PricedRelay()

    async def handle(connection: ServerConnection) -> None:
        relay.connections += 1
        async for frame in connection:
            event = json.loads(frame)[1]
            relay.events.append(event)
            await answers[min(len(relay.events), len(answers)) - 1](connection, event["id"])

    async with serve(handle, "127.0.0.1", 0) as server:
        relay.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield relay


def ok(is_accepted: bool, text: str = "") -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await connection.send(json.dumps(["OK", event_id, is_accepted, text]))

    return answer


def in_turn(*answers: Answering) -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        for one in answers:
            await one(connection, event_id)

    return answer


def after(moment: asyncio.Event, then: Answering) -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await moment.wait()
        await then(connection, event_id)

    return answer


async def hang_up(connection: ServerConnection, _: str) -> None:
    await connection.close(1001)


async def publish(url: str, *options: str, stdin: str | bytes = encode_event(NOTE)) -> Finished:
    return await run("publish", url, *options, stdin=stdin)


async def start_publishing(url: str, *options: str) -> Process:
    process = await start("publish", url, *options)
    assert process.stdin is not None
    process.stdin.write(encode_event(NOTE))
    process.stdin.close()
    return process


async def read_until(process: Process, text: str) -> str:
    """Return what the process says on stderr up to the line that has the text in it."""
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(BOUND_S):
        while text not in said:
            line = await process.stderr.readline()
            assert line, said
            said += line.decode()
    return said


async def finish(process: Process) -> Finished:
    async with asyncio.timeout(BOUND_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())
