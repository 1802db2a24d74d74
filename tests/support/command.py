"""The command line as a process of its own, for tests that need one."""

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass

from tests.support.time_factor import scaled

_STATE = tempfile.TemporaryDirectory(prefix="ringrelay-state-")
# A proxy of the host's would not find the loopback, its settings must not decide a test, and no Tor of its is asked.
ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RELAY_", "RINGRELAY_")) and not name.lower().endswith("_proxy")
    },
    "RINGRELAY_TOR": "127.0.0.1:1",
    "XDG_STATE_HOME": _STATE.name,
}
_BOUND_S = scaled(60.0)


@dataclass
class Finished:
    status: int
    out: str
    err: str


async def start(*arguments: str, stdout: int = PIPE, **variables: str) -> Process:
    """Start `ringrelay` with these arguments; `variables` are added to its environment."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", *arguments),
        env={**ENVIRONMENT, **variables},
        stdin=PIPE,
        stdout=stdout,
        stderr=PIPE,
    )


async def run(*arguments: str, stdin: str | bytes = b"", **variables: str) -> Finished:
    """Run `ringrelay` to its end."""
    process = await start(*arguments, stdout=PIPE, **variables)
    async with asyncio.timeout(_BOUND_S):
        out, err = await process.communicate(stdin.encode() if isinstance(stdin, str) else stdin)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())
