"""A second client: it posts a note and asks for ten, again and again, in a process of its own, while others load the relay."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

import uvloop

from bench.authors import BASE_TIME, make_author
from bench.client import ask, connected
from bench.figure import Measures, find_percentile
from bench.loads import to_event_frame
from bench.ring_notes import sign_event
from relay.protocol.event import encode_event

# A kind that nobody subscribes to: a fan-out of its own notes would be its own load.
KIND = 7
_PAUSE_S = 0.005
_REQ = b'["REQ","q",{"kinds":[1],"limit":10}]'
_END_TIMEOUT_S = 60.0


@dataclass
class Felt:
    """How long each EVENT and each REQ of the second client took, in seconds."""

    events_s: list[float] = field(default_factory=list)
    reqs_s: list[float] = field(default_factory=list)

    def describe(self) -> Measures:
        """Return the percentiles in ms."""
        return {
            "event_p50_ms": find_percentile(self.events_s, 0.5) * 1e3,
            "event_p99_ms": find_percentile(self.events_s, 0.99) * 1e3,
            "req_p50_ms": find_percentile(self.reqs_s, 0.5) * 1e3,
            "req_p99_ms": find_percentile(self.reqs_s, 0.99) * 1e3,
        }


@contextmanager
def watching(url: str) -> Iterator[Felt]:
    """Let a second client use the relay until the end; then what is given is filled."""
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=_run, args=(url, theirs), daemon=True)
    process.start()
    felt = Felt()
    try:
        # It is connected, and has asked once.
        if ours.recv() != "ready":
            raise RuntimeError("the second client could not begin")
        yield felt
        ours.send("end")
        if ours.poll(_END_TIMEOUT_S):
            felt.events_s, felt.reqs_s = ours.recv()
    finally:
        process.join(_END_TIMEOUT_S)


def _run(url: str, pipe: "Pipe[Any, Any]") -> None:
    uvloop.run(_keep_using(url, pipe))


async def _keep_using(url: str, pipe: "Pipe[Any, Any]") -> None:
    events_s: list[float] = []
    reqs_s: list[float] = []
    name = f"neighbour {time.time_ns()}"
    author = make_author(0, name)
    async with connected(url) as [client]:
        await ask(client, _REQ, b'["EOSE"')
        pipe.send("ready")
        number = 0
        while not pipe.poll():
            number += 1
            note = encode_event(sign_event(author, BASE_TIME, KIND, (), f"{name} {number}"))
            started_s = time.perf_counter()
            await ask(client, to_event_frame(note), b'["OK"')
            events_s.append(time.perf_counter() - started_s)
            await asyncio.sleep(_PAUSE_S)
            started_s = time.perf_counter()
            await ask(client, _REQ, b'["EOSE"')
            reqs_s.append(time.perf_counter() - started_s)
            await asyncio.sleep(_PAUSE_S)
    pipe.send((events_s, reqs_s))
