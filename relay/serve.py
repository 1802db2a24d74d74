"""Run the relay as a process: signals, exit status, and what an operator reads. Builds nothing itself."""

import asyncio
import resource
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from relay.config import Config
from relay.database import DatabaseError, migrate_only
from relay.embedded import EmbeddedError
from relay.log import Log, LogEvent, silence_libraries
from relay.migrate import MigrationError
from relay.postgres_errors import DATABASE_FAILURES
from relay.server import ListenError, end_tasks, in_url, running

# What keeps a relay from starting and is the operator's to mend; the text of each says how.
START_ERRORS = (EmbeddedError, MigrationError, DatabaseError, ListenError)
# Database connections, the private port, the log, and what the libraries hold.
_OTHER_OPEN_FILES = 200


class ServerEndedError(Exception):
    """The built-in Postgres ended while the relay was running; the relay has stopped as if it had been told to."""


def run(config: Config) -> int:
    """Run the relay until SIGTERM, SIGINT or SIGHUP and return the exit status."""
    log = Log()
    silence_libraries()
    log.take_over_unhandled()
    _allow_open_files(config.limits.max_connections, log)
    try:
        uvloop.run(_run_until_signal(config, log))
    except START_ERRORS as error:
        print(f"ringrelay cannot start: {error}", file=sys.stderr)
        return 1
    except ServerEndedError as error:
        print(f"ringrelay stopped: {error}", file=sys.stderr)
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
    return asyncio.run(migrate_only(config, Log()))


async def _run_until_signal(config: Config, log: Log) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.write_loop_error)
    for signal_number in _list_stop_signals():
        loop.add_signal_handler(signal_number, stopping.set)
    started = asyncio.Event()
    serving = asyncio.create_task(_serve_until(stopping, started, config, log))
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, signalled], return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        # The signal came while the database was starting or being waited for. Once only: its clean-up must not be cut short.
        serving.cancel()
        await asyncio.wait([serving])
    await end_tasks([signalled])
    if not serving.cancelled():
        await serving
    log.write(LogEvent.STOPPED)


def _list_stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the relay. SIGHUP is one, a terminal that closes, unless nohup said to ignore it."""
    signals = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals


async def _serve_until(stopping: asyncio.Event, started: asyncio.Event, config: Config, log: Log) -> None:
    """Raise ServerEndedError, after an orderly stop, where the database ended first, and one of START_ERRORS."""
    try:
        async with running(config, log) as relay:
            started.set()
            _greet(config, relay.find_url())
            await _wait_for_end(stopping, relay.server_ended)
            log.write(LogEvent.STOPPING)
    except DATABASE_FAILURES as error:
        if started.is_set():
            raise
        raise DatabaseError(f"the database was lost ({type(error).__name__}); start again when it is back") from None
    if not stopping.is_set():
        raise ServerEndedError(
            "the built-in Postgres has ended, and not by the relay: was it killed, or out of memory? What was answered "
            "with OK is stored. Start the relay again; a supervisor such as systemd or Docker does that by itself"
        )


async def _wait_for_end(stopping: asyncio.Event, server_ended: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    ends: list[asyncio.Task[Any]] = [asyncio.create_task(stopping.wait())]
    if server_ended is not None:
        ends.append(asyncio.create_task(server_ended()))
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(ends)


def _greet(config: Config, url: str) -> None:
    server = config.server
    private = f"http://{in_url(server.private_host)}:{server.private_port}/metrics"
    # As it was called, so that the lines below can be copied.
    called = [sys.argv[0]] if Path(sys.argv[0]).name == "ringrelay" else [sys.executable, "-m", "relay"]
    program = shlex.join(called)
    print(
        f"ringrelay is ready\n"
        f"  relay          {url}\n"
        f"  info document  curl -H 'Accept: application/nostr+json' {shlex.quote(url.replace('ws', 'http', 1))}\n"
        f"  metrics        {private if server.private_port else 'on a port of the system, as server.private_port is 0'}\n"
        f"  first note     {program} keygen --out my.key >> ring.txt    (then add npubs of others to ring.txt)\n"
        f"                 echo hello | {program} sign --ring ring.txt --key-file my.key "
        f"| {program} publish {shlex.quote(url)}",
        flush=True,
    )
