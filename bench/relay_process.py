"""A relay of a run's own: a process on loopback with a data directory under /tmp, with limits that let a load through."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.meter import Processes
from relay.postgres.embedded.cluster import DATABASE, PORT, ROLE

CHECKOUT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60.0
SETTINGS = {
    "RELAY_ACCEPT__PLAIN": "true",
    "RELAY_TIERS": '[{"path": "/"}]',
    "RELAY_LIMITS__EVENTS_PER_S": "1000000",
    "RELAY_LIMITS__REQS_PER_S": "1000000",
    "RELAY_LIMITS__READ_BYTES_PER_S": "1000000000",
    "RELAY_LIMITS__RING_LINKS_PER_S": "1000000000",
    "RELAY_LIMITS__ROWS_PER_S": "1000000000",
    # The corpus has fixed times.
    "RELAY_LIMITS__MAX_AGE_S": "0",
    "RELAY_LIMITS__MAX_CONNECTIONS_PER_NETWORK": "0",
    # Notes over rings of a thousand need no proof of work.
    "RELAY_RING__POW_HASHES_PER_LINK": "0",
    "RELAY_LIMITS__POW_HASHES_PER_ROW": "0",
    # A load has nothing to do with the night.
    "RELAY_PRIVACY__REWRITE_AT_HOUR": "-1",
}
# What a query costs where nothing is answered from memory.
WITHOUT_WINDOW = {**SETTINGS, "RELAY_WINDOW__MAX_MIB": "0"}


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """A relay's port, its data directory, its processes, and how many seconds it took until it said that it is ready."""

    port: int
    data_dir: Path
    processes: Processes
    started_in_s: float

    @property
    def url(self) -> str:
        """Return what clients connect to."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def connect_arguments(self) -> dict[str, Any]:
        """Return what asyncpg needs to connect as the relay does."""
        return {"host": str(self.data_dir / "postgres" / "socket"), "port": PORT, "user": ROLE, "database": DATABASE}


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """Give a directory that a built-in Postgres can live in, root or not: its system user can pass through."""
    with tempfile.TemporaryDirectory(prefix="ringrelay-bench-", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@contextmanager
def run_relay(
    settings: Mapping[str, str] = SETTINGS,
    *,
    checkout: Path = CHECKOUT,
    prepare: Callable[[Path], None] | None = None,
) -> Iterator[RunningRelay]:
    """Run the relay of a checkout in a temporary directory. `prepare` is given its data directory before it starts."""
    with temporary_directory() as directory:
        if prepare is not None:
            prepare(directory / "data")
        with run_relay_on(directory / "data", settings, checkout=checkout) as relay:
            yield relay


@contextmanager
def run_relay_on(
    data_dir: Path, settings: Mapping[str, str] = SETTINGS, *, checkout: Path = CHECKOUT
) -> Iterator[RunningRelay]:
    """Run a relay on a data directory."""
    port, private_port = find_free_port(), find_free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RELAY_")},
        **settings,
        "PYTHONPATH": str(checkout),
        "RELAY_DATA_DIR": str(data_dir),
        "RELAY_SERVER__PORT": str(port),
        "RELAY_SERVER__PRIVATE_PORT": str(private_port),
    }
    started_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "relay", "serve"], env=environment, stdout=subprocess.PIPE, cwd=data_dir.parent
    )
    try:
        wait_until_said(process, b"ringrelay is ready")
        took_s = time.perf_counter() - started_s
        yield RunningRelay(port, data_dir, Processes(process.pid, find_postmaster(data_dir)), took_s)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@contextmanager
def run_prototype() -> Iterator[RunningRelay]:
    """Run the prototype in a temporary directory."""
    with temporary_directory() as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.prototype", str(directory / "data" / "postgres")],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            port = int(wait_until_said(process, b"prototype").split()[1])
            processes = Processes(process.pid, find_postmaster(directory / "data"))
            yield RunningRelay(port, directory / "data", processes, 0.0)
        finally:
            # It ends when nobody is there any more.
            process.communicate(timeout=60)


def find_postmaster(data_dir: Path) -> int:
    """Return the process id of a data directory's Postgres."""
    return int((data_dir / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0])


def copy_data(source: Path, data_dir: Path) -> None:
    """Copy the data directory of a relay that has ended, with its owners."""
    # Python's own copying forgets owners.
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(data_dir)], check=True)


def remove_data(data_dir: Path) -> None:
    """Remove a data directory."""
    shutil.rmtree(data_dir, ignore_errors=True)


def wait_until_said(process: "subprocess.Popen[bytes]", words: bytes) -> bytes:
    """Return the first line of a process that begins with some words. Ends this program where none comes in time."""
    watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith(words):
                return line
    finally:
        watchdog.cancel()
    raise SystemExit("the relay did not start; see its messages above")


def find_free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
