"""A relay to which nobody is connected hardly takes any of the machine."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import serve
from tests.support.relays import to_database_url

_WATCHED_S = 5.0
_MOST_SHARE = 0.01


def read_cpu_s(pid: int) -> float:
    """Return the processor time of all threads of a process, in seconds."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


@pytest.mark.serial
async def test_an_idle_relay_takes_less_than_a_hundredth_of_a_core(
    database18: dict[str, Any], reachable_directory: Path
) -> None:
    async with serve(reachable_directory, DATABASE__URL=to_database_url(database18)) as relay:
        # What the start leaves to do is not what is measured.
        await asyncio.sleep(2)
        before_s = read_cpu_s(relay.pid)
        await asyncio.sleep(_WATCHED_S)
        assert read_cpu_s(relay.pid) - before_s < _MOST_SHARE * _WATCHED_S
