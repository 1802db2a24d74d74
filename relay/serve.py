"""The relay as a process: signals, exit status, and the texts that an operator reads. Builds no parts."""

import asyncio
import gc
import os
import resource
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from relay.config import Config, ConfigError, load_config
from relay.log import Log, LogEvent, silence_libraries
from relay.ports import ListenError, in_url
from relay.postgres.embedded import ELSEWHERE, EmbeddedError, make_reachable
from relay.postgres.errors import DATABASE_FAILURES
from relay.postgres.migrate import MigrationError
from relay.postgres.open import DatabaseError, migrate_only
from relay.pricing.settings import LightningConfigError
from relay.server import Relay, end_tasks, running
from relay.waiting import forget_held

# Why a relay cannot start, if the operator can fix it. The text of each says how.
START_ERRORS = (EmbeddedError, MigrationError, DatabaseError, ListenError, LightningConfigError)
# Database connections, the private port, the log, and files of the libraries.
_OTHER_OPEN_FILES = 200


class ServerEndedError(Exception):
    """The end of the built-in Postgres while the relay was running. The relay has stopped in order."""


def run_relay(config: Config, path: Path | None = None) -> int:
    """Run the relay until SIGTERM or SIGINT, and return the exit status. SIGHUP reloads the tiers of the file."""
    log = Log()
    silence_libraries()
    log.log_unhandled_errors()
    _allow_open_files(config.limits.max_connections, log)
    try:
        _make_data_reachable(config)
        uvloop.run(_run_until_signal(config, path, log))
    except START_ERRORS as error:
        print(f"ringrelay cannot start: {error}", file=sys.stderr)
        return 1
    except ServerEndedError as error:
        print(f"ringrelay stopped: {error}", file=sys.stderr)
        return 1
    return 0


def _make_data_reachable(config: Config) -> None:
    """Let the built-in Postgres keep its files elsewhere, if nobody said where and its user could not reach ./data."""
    if config.database.url is None and "data_dir" not in config.model_fields_set:
        make_reachable(config.data_dir, ELSEWHERE)


def _allow_open_files(connections: int, log: Log) -> None:
    """Raise the soft limit of open files to what the connections need. Log a warning if the hard limit is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_OPEN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.write(
                LogEvent.FEW_OPEN_FILES, advice=f"limits.max_connections needs {wanted} open files: raise ulimit -Hn"
            )


def run_migrations(config: Config) -> list[str]:
    """Apply missing migrations and return their names. Raises one of START_ERRORS."""
    silence_libraries()
    _make_data_reachable(config)
    return asyncio.run(migrate_only(config.database, config.data_dir, Log()))


def run_forget_held(config: Config, *, is_meant: bool) -> int | None:
    """Return how many notes wait under keys that are lost here, None if every key is here, and give them up if that is meant.

    Raises one of START_ERRORS.
    """
    silence_libraries()
    _make_data_reachable(config)
    return asyncio.run(forget_held(config, Log(), is_meant=is_meant))


async def _run_until_signal(config: Config, path: Path | None, log: Log) -> None:
    stopping, hung_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.write_loop_error)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)
    # nohup ignores SIGHUP, which then only means that a terminal has closed.
    has_own_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    def handle_hangup() -> None:
        """Reload the tiers, or stop if the terminal has really hung up."""
        (stopping if has_own_terminal and not _has_terminal() else hung_up).set()

    loop.add_signal_handler(signal.SIGHUP, handle_hangup)
    started = asyncio.Event()
    serving = asyncio.create_task(_serve_until(stopping, hung_up, started, config, path, log))
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, signalled], return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        # The signal came while the database was starting. Cancel only once, so that the clean-up is not interrupted.
        serving.cancel()
        await asyncio.wait([serving])
    await end_tasks([signalled])
    if not serving.cancelled():
        await serving
    log.write(LogEvent.STOPPED)


# New objects are looked at once, when there are 10,000 more of them; older ones only after ten million, as a last resort. What
# is done with a connection, a note or a query leaves no cycle (tests/integration/test_garbage.py). With Python's own thresholds
# 5,000 connections cost 600 to 1,600 ms of collecting, and a full collection stopped all clients for 230 to 440 ms; now it is
# 50 to 100 ms in all, in pieces of 1 to 5 ms.
_GC_THRESHOLDS = (10_000, 1_000, 5)


def _tame_garbage_collection() -> None:
    """Let the garbage collector look no more at what the start has made, and seldom at what lives long.

    A full collection looked at 75,000 objects of modules, and kept all clients waiting for 45 to 70 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _has_terminal() -> bool:
    """Return whether this process has a terminal that can send it signals. A closed terminal cannot be opened."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def _serve_until(
    stopping: asyncio.Event,
    hung_up: asyncio.Event,
    started: asyncio.Event,
    config: Config,
    path: Path | None,
    log: Log,
) -> None:
    """Run the relay until `stopping` is set. Raises ServerEndedError if the database ended first, or one of START_ERRORS."""
    try:
        async with running(config, log) as relay:
            started.set()
            _tame_garbage_collection()
            _print_greeting(config, relay.find_url())
            reloading = asyncio.create_task(_keep_reloading(hung_up, relay, path, log))
            try:
                await _wait_for_end(stopping, relay.server_ended)
            finally:
                await end_tasks([reloading])
            log.write(LogEvent.STOPPING)
    except DATABASE_FAILURES as error:
        if started.is_set():
            raise
        raise DatabaseError(f"the database was lost ({type(error).__name__}); start again when it is back") from None
    if not stopping.is_set():
        raise ServerEndedError(
            "the built-in Postgres has ended, and the relay did not end it. It may have been killed, or run out of memory. "
            "Notes that were answered with OK are stored. Start the relay again; systemd or Docker can do that automatically"
        )


async def _keep_reloading(hung_up: asyncio.Event, relay: Relay, path: Path | None, log: Log) -> None:
    """Reload the tiers of the configuration at each SIGHUP. An invalid configuration changes nothing."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        try:
            needs_restart = await relay.reload(load_config(path))
        except ConfigError as error:
            log.write(LogEvent.RELOAD_REFUSED, advice=f"{error}; correct it and send SIGHUP again, nothing has changed")
        except DATABASE_FAILURES:
            advice = "the database does not answer; send SIGHUP again when it does, nothing has changed"
            log.write(LogEvent.RELOAD_REFUSED, advice=advice)
        else:
            advice = (
                "in force now; restart the relay for the other keys that changed" if needs_restart else "in force now"
            )
            log.write(LogEvent.TIERS_RELOADED, advice=advice)


async def _wait_for_end(stopping: asyncio.Event, server_ended: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    ends: list[asyncio.Task[Any]] = [asyncio.create_task(stopping.wait())]
    if server_ended is not None:
        ends.append(asyncio.create_task(server_ended()))
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(ends)


def _name_data(config: Config) -> str:
    """Return where the notes are kept: never the URL of a database, which can hold a password."""
    return "your own Postgres" if config.database.url else os.path.realpath(config.data_dir)


def _tell_publication(config: Config, program: str) -> str:
    """Return when ring notes are published, and what to do where that tells when somebody posted."""
    if config.privacy.publish_every_s:
        return f"published in batches, after at most {config.privacy.longest_wait_s:g} seconds"
    return (
        "published at once, so readers see when somebody posted. A relay for disclosures publishes in batches:\n"
        f"                 {program} check-config --print-disclosure > relay.toml    (then start again)"
    )


def _print_greeting(config: Config, url: str) -> None:
    server = config.server
    private = f"http://{in_url(server.private_host)}:{server.private_port}/metrics"
    metrics = private if server.private_port else "on a port that the system chose, because server.private_port is 0"
    # The command as it was called, so that the lines below can be copied.
    called = [sys.argv[0]] if Path(sys.argv[0]).name == "ringrelay" else [sys.executable, "-m", "relay"]
    program = shlex.join(called)
    print(
        f"ringrelay is ready\n"
        f"  relay          {url}\n"
        f"  pages          {url.replace('ws', 'http', 1)}\n"
        f"  info document  curl -H 'Accept: application/nostr+json' {shlex.quote(url.replace('ws', 'http', 1))}\n"
        f"  metrics        {metrics}\n"
        f"  data           {_name_data(config)}\n"
        f"  ring notes     {_tell_publication(config, program)}\n"
        f"  first note     {program} keygen --out my.key >> ring.txt    (then add npubs of others to ring.txt)\n"
        # It asks for the words: on the command line they would stay in the shell's history.
        f"                 {program} publish {shlex.quote(url)} --ring ring.txt --key-file my.key",
        flush=True,
    )
