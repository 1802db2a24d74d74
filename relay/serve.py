"""Run the relay as a process: signals, exit status, and what an operator reads. Builds nothing itself."""

import asyncio
import resource
import signal
import sys
from pathlib import Path

import uvloop

from relay.config import Config
from relay.database import DatabaseError, migrate_only
from relay.embedded import EmbeddedError
from relay.log import Log, LogEvent, silence_libraries
from relay.migrate import MigrationError
from relay.server import ListenError, end_tasks, running

# What keeps a relay from starting and is the operator's to mend; the text of each says how.
START_ERRORS = (EmbeddedError, MigrationError, DatabaseError, ListenError)
# Database connections, the private port, the log, and what the libraries hold.
_OTHER_OPEN_FILES = 200


def run(config: Config) -> int:
    """Run the relay until SIGTERM or SIGINT and return the exit status."""
    log = Log()
    silence_libraries()
    log.take_over_unhandled()
    _allow_open_files(config.limits.max_connections, log)
    try:
        uvloop.run(_run_until_signal(config, log))
    except START_ERRORS as error:
        print(f"ringrelay cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _allow_open_files(connections: int, log: Log) -> None:
    """Raise the soft limit of open files to what the connections need; say so where the hard limit is in the way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_OPEN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.write(LogEvent.FEW_OPEN_FILES, advice=f"limits.max_connections needs {wanted} open files: ulimit -Hn")


def run_migrations(config: Config) -> list[str]:
    """Apply missing migrations and return their names. Raises one of START_ERRORS."""
    silence_libraries()
    return asyncio.run(migrate_only(config))


async def _run_until_signal(config: Config, log: Log) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.write_loop_error)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)
    started = asyncio.Event()
    serving = asyncio.create_task(_serve_until(stopping, started, config, log))
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, signalled], return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        # The signal came while the database was starting or being waited for.
        await end_tasks([serving])
    await end_tasks([signalled])
    if not serving.cancelled():
        await serving
    log.write(LogEvent.STOPPED)


async def _serve_until(stopping: asyncio.Event, started: asyncio.Event, config: Config, log: Log) -> None:
    async with running(config, log) as relay:
        started.set()
        _greet(config, relay.port)
        await stopping.wait()
        log.write(LogEvent.STOPPING)


def _greet(config: Config, port: int) -> None:
    url = config.server.url or f"ws://{config.server.host}:{port}"
    private = f"http://{config.server.private_host}:{config.server.private_port}"
    # As it was called, so that the lines below can be copied.
    program = sys.argv[0] if Path(sys.argv[0]).name == "ringrelay" else f"{sys.executable} -m relay"
    print(
        f"ringrelay is ready\n"
        f"  relay          {url}\n"
        f"  info document  curl -H 'Accept: application/nostr+json' {url.replace('ws', 'http', 1)}\n"
        f"  metrics        {private}/metrics\n"
        f"  first note     {program} keygen --out my.key >> ring.txt    (then add npubs of others to ring.txt)\n"
        f"                 {program} sign --ring ring.txt --key-file my.key --message 'hello' | {program} publish {url}",
        flush=True,
    )
