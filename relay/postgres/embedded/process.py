"""The processes of the built-in Postgres: started, found again, watched, ended; it must not know SQL or settings."""

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
# What the server answers to our own question whether it is ready.
_REFUSAL = re.compile(r"the database system is |not yet accepting connections")


class Postmaster:
    """Own one running server, whether this process started it or an earlier relay did."""

    def __init__(self, pid: int, cluster: Path, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.pid = pid
        self._cluster = cluster
        # Not an asyncio subprocess: those are killed with their event loop, and uvloop's cannot run as another user.
        self._child = child

    def is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return _is_postmaster(self.pid, self._cluster)

    def pids(self) -> list[int]:
        """Return the process ids of the server and its children, the server first; none if it has ended."""
        if not self.is_alive():
            return []
        return [self.pid, *sorted(child for child, parent in _parents() if parent == self.pid)]

    async def wait(self) -> None:
        """Return when the server has ended, up to half a second late."""
        # Polled because an adopted server is not our child: no portable call waits for it.
        while self.is_alive():  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(_WATCH_S)

    async def stop(self, timeout_s: float) -> None:
        """End the server by a fast shutdown; after timeout_s by an immediate one, which costs a crash recovery."""
        for signal_number, retry_budget_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, _QUIT_TIMEOUT_S)):
            self._send(self.pid, signal_number)
            if await self._ended_within(retry_budget_s):
                return
        for pid in self.pids():
            self._send(pid, signal.SIGKILL)
        await self._ended_within(_QUIT_TIMEOUT_S)

    async def _ended_within(self, timeout_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.is_alive():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def _send(self, pid: int, signal_number: signal.Signals) -> None:
        try:
            if self.is_alive():
                os.kill(pid, signal_number)
        except ProcessLookupError:
            pass  # It ended by itself in between, which is what was wanted.


def launch(binaries: Path, cluster: Path, log: Path, account: Account) -> Postmaster:
    """Start the server in a session of its own, so that a Ctrl-C meant for the relay does not end it first."""
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


def find_running(cluster: Path, sockets: Path) -> Postmaster | None:
    """Return the server that an earlier relay left running on this cluster."""
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if _is_postmaster(pid, cluster):
        return Postmaster(pid, cluster)
    command = _command_line(pid)
    if command and Path(command[0]).name != "postgres" and not command[0].startswith("postgres:"):
        # The id has gone to another program, as is usual after a container restart, or nobody has collected the dead
        # server. Postgres would take any process of its user for a server, and refuse to start because of either lock
        # file. Should children of the old server live on, it still notices by their shared memory.
        for lock in (pid_file, *sockets.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)
    return None


def forget_start(log: Path) -> None:
    """Empty the log once the server is ready: what is in it is our own asking, and a start that went well."""
    os.truncate(log, 0)


def failure_reason(log: Path) -> str:
    """Return what the server said about a failed start.

    The log is emptied at every start, and before the first connection no statement can have reached it.
    """
    matches = (_REASON.search(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines())
    said = [match[1] or match[2] for match in matches if match and not _REFUSAL.search(match[0])]
    return "; ".join(said[-4:])[-_MAX_REASON_CHARS:] or "it gave no reason"


def _is_postmaster(pid: int, cluster: Path) -> bool:
    command = _command_line(pid)
    return bool(command) and Path(command[0]).name == "postgres" and command[1:3] == ["-D", str(cluster)]


def _command_line(pid: int) -> list[str]:
    """Return the arguments of a process: none if there is no such process, one empty if it waits to be collected."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    # macOS has no /proc. Its ps joins the arguments, so only the first two can be told apart.
    listed = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    program, flag, rest = listed.stdout.strip().partition(" -D ")
    return [program, flag.strip(), rest] if flag else listed.stdout.split()


def _parents() -> list[tuple[int, int]]:
    """Return (process, parent) of all processes."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        return [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.stdout.splitlines())]
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name, in parentheses, may hold spaces; what follows is the state and the parent.
            found.append((int(entry.parent.name), int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
