"""The processes of the built-in Postgres: start, find, watch and end them. Knows no SQL and no settings."""

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path

from relay.postgres.embedded.account import CHILD_ENVIRONMENT, Account

_POLL_S = 0.02
_WATCH_S = 0.5
# After SIGQUIT Postgres itself kills what has not ended within 5 s.
_QUIT_TIMEOUT_S = 10.0
_MAX_REASON_CHARS = 600
_REASON = re.compile(r"\b(?:LOG|ERROR|FATAL|PANIC):\s+(.+)|(error while loading shared libraries: .+)")
# The server's refusals while the relay asks whether it is ready.
_REFUSAL = re.compile(r"the database system is |not yet accepting connections")


class Postmaster:
    """A running server, started by this process or by an earlier relay."""

    def __init__(self, pid: int, cluster: Path, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.pid = pid
        self._cluster = cluster
        # Not an asyncio subprocess: these are killed with their event loop, and uvloop's cannot run as another user.
        self._child = child

    def is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return _is_postmaster(self.pid, self._cluster)

    def pids(self) -> list[int]:
        """Return the process ids of the server and its children, the server first; none if it has ended."""
        if not self.is_alive():
            return []
        return [self.pid, *sorted(child for child, parent in _list_parents() if parent == self.pid)]

    async def wait_until_ended(self) -> None:
        """Wait until the server has ended. Returns up to half a second late."""
        # Polled because an adopted server is not a child of this process: no portable call waits for it.
        while self.is_alive():  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(_WATCH_S)

    async def stop(self, timeout_s: float) -> None:
        """End the server by a fast shutdown. After timeout_s use an immediate one, which costs a crash recovery."""
        for signal_number, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, _QUIT_TIMEOUT_S)):
            self._send_signal(self.pid, signal_number)
            if await self._ended_within(wait_s):
                return
        for pid in self.pids():
            self._send_signal(pid, signal.SIGKILL)
        await self._ended_within(_QUIT_TIMEOUT_S)

    async def _ended_within(self, timeout_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.is_alive():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def _send_signal(self, pid: int, signal_number: signal.Signals) -> None:
        try:
            if self.is_alive():
                os.kill(pid, signal_number)
        except ProcessLookupError:
            pass  # It has ended by itself, which is the goal.


def launch_server(binaries: Path, cluster: Path, log: Path, account: Account) -> Postmaster:
    """Start the server in a session of its own, so that Ctrl-C for the relay does not end the server first."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - our own binaries and paths
            [str(binaries / "postgres"), "-D", str(cluster)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cluster,
            env=CHILD_ENVIRONMENT,
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=account.extra_groups,
        )
    finally:
        os.close(output)
    return Postmaster(child.pid, cluster, child)


def find_running_server(cluster: Path, sockets: Path) -> Postmaster | None:
    """Return the server that an earlier relay left running on this cluster, or None."""
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if _is_postmaster(pid, cluster):
        return Postmaster(pid, cluster)
    command = _command_line(pid)
    if command and Path(command[0]).name != "postgres" and not command[0].startswith("postgres:"):
        # Another program has the process id now, as is usual after a container restart, or the dead server is a zombie.
        # Postgres would take any process of its user for a server, and refuse to start because of either lock file. If
        # children of the old server are alive, it still notices by their shared memory.
        for lock in (pid_file, *sockets.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)
    return None


def empty_log(log: Path) -> None:
    """Empty the log once the server is ready. It only has refusals of our own attempts, and a start that succeeded."""
    os.truncate(log, 0)


def read_failure_reason(log: Path) -> str:
    """Return what the server logged about a failed start.

    The log is emptied at every start, and no statement can reach it before the first connection.
    """
    matches = (_REASON.search(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines())
    said = [match[1] or match[2] for match in matches if match and not _REFUSAL.search(match[0])]
    return "; ".join(said[-4:])[-_MAX_REASON_CHARS:] or "it gave no reason"


def _is_postmaster(pid: int, cluster: Path) -> bool:
    command = _command_line(pid)
    return bool(command) and Path(command[0]).name == "postgres" and command[1:3] == ["-D", str(cluster)]


def _command_line(pid: int) -> list[str]:
    """Return the arguments of a process: none if there is no such process, one empty argument if it is a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    # macOS has no /proc. Its ps joins the arguments, so only the first two can be separated.
    listed = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    program, flag, rest = listed.stdout.strip().partition(" -D ")
    return [program, flag.strip(), rest] if flag else listed.stdout.split()


def _list_parents() -> list[tuple[int, int]]:
    """Return (process id, parent id) of all processes."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        return [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.stdout.splitlines())]
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name, in parentheses, may have spaces. After it come the state and the parent.
            found.append((int(entry.parent.name), int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
