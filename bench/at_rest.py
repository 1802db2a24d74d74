"""A relay with nothing to do: how soon it answers after its start, what wakes it costs, and what its memory is made of."""

import time
from collections import defaultdict
from pathlib import Path

import uvloop

from bench.client import ask, connected
from bench.figure import Figure, Measures, to_figure
from bench.meter import Processes, name_process, read_memory_kib, wait_until_idle
from bench.relay_process import copy_data, run_relay_on, temporary_directory
from bench.rounds import say
from bench.stores import find_store
from bench.subjects import name_store

# A start must find what a night and a crash would leave for it; it must not find the limits of a load.
_SETTINGS = {"RELAY_PRIVACY__REWRITE_AT_HOUR": "-1"}


def measure_at_rest(count: int, rounds: int, idle_s: float, cache: Path) -> list[Figure]:
    """Return the figures of start-up, of an idle relay and of its memory, on a store."""
    starts: list[Measures] = []
    idle: Measures = {}
    memory: Measures = {}
    with temporary_directory() as directory:
        copy_data(find_store(count, cache) / "data", directory / "data")
        for number in range(rounds):
            started_s = time.perf_counter()
            with run_relay_on(directory / "data", _SETTINGS) as relay:
                uvloop.run(_ask_one(relay.url))
                starts.append({"answers_s": time.perf_counter() - started_s, "ready_s": relay.started_in_s})
                say(f"round {number + 1} of {rounds}: start on {name_store(count)}: {starts[-1]['answers_s']:.2f} s")
                if number == rounds - 1:
                    idle = _measure_idle(relay.processes, idle_s)
                    memory = describe_memory(relay.processes)
    named = {"start": starts, "idle": [idle], "memory": [memory]}
    return [to_figure(name, name_store(count), measured) for name, measured in named.items()]


async def _ask_one(url: str) -> None:
    async with connected(url) as [client]:
        await ask(client, b'["REQ","q",{"limit":1}]', b'["EOSE"')


def _measure_idle(processes: Processes, seconds: float) -> Measures:
    wait_until_idle(processes)
    say(f"doing nothing for {seconds:.0f} s")
    before, started_s = processes.read_used(), time.perf_counter()
    time.sleep(seconds)
    took_s, used = time.perf_counter() - started_s, processes.read_used() - before
    return {"relay_percent": used.relay_s / took_s * 100, "postgres_percent": used.postgres_s / took_s * 100}


def describe_memory(processes: Processes) -> Measures:
    """Return MiB: the relay's, each kind of Postgres process's own, and what Postgres shares, once."""
    relay = read_memory_kib(processes.relay)
    own: dict[str, float] = defaultdict(float)
    shared = 0.0
    pids = processes.list_postgres()
    for pid in pids:
        memory = read_memory_kib(pid)
        own[name_process(pid)] += memory["pss"] - memory["shared_memory"]
        shared += memory["shared_memory"]
    parts = {f"postgres_{name.replace(' ', '_')}_mib": kib / 1024 for name, kib in sorted(own.items())}
    return {
        "relay_mib": relay["pss"] / 1024,
        "workers_mib": sum(read_memory_kib(pid)["pss"] for pid in processes.list_workers()) / 1024,
        "relay_resident_mib": relay["rss"] / 1024,
        "postgres_shared_mib": shared / 1024,
        "postgres_processes": len(pids),
        **parts,
    }
