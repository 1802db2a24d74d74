"""What processes used, read from /proc: processor time and memory of a relay and of its Postgres apart. Knows no load."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_LOOK_S = 1.0
_IDLE_PART = 0.03
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of processor time."""

    relay_s: float
    postgres_s: float

    def __sub__(self, before: "Used") -> "Used":
        return Used(self.relay_s - before.relay_s, self.postgres_s - before.postgres_s)


@dataclass(frozen=True, slots=True)
class Processes:
    """A relay's process, and the server process of its Postgres; 0 where it is not known."""

    relay: int = 0
    postgres: int = 0

    def read_used(self) -> Used:
        """Return what both have used since they began."""
        return Used(
            sum(map(read_cpu_s, [self.relay, *self.list_workers()])) if self.relay else 0.0,
            sum(map(read_cpu_s, self.list_postgres())) + (read_ended_cpu_s(self.postgres) if self.postgres else 0.0),
        )

    def read_relay_kib(self) -> int:
        """Return the relay's resident memory; 0 where its process is not known."""
        return read_memory_kib(self.relay)["rss"] if self.relay else 0

    def list_workers(self) -> list[int]:
        """Return the processes in which the relay verifies: all below it but its Postgres."""
        forking = [child for child in list_children(self.relay) if child != self.postgres] if self.relay else []
        return forking + [worker for parent in forking for worker in list_children(parent)]

    def list_postgres(self) -> list[int]:
        """Return the server process of Postgres and its children."""
        return [self.postgres, *list_children(self.postgres)] if self.postgres else []


def wait_until_idle(processes: Processes, bound_s: float = 120.0) -> None:
    """Wait until both have nothing to do: a relay that has just started reads its newest notes into memory.

    Raises TimeoutError.
    """
    ends_s = time.monotonic() + bound_s
    before = processes.read_used()
    while time.monotonic() < ends_s:
        time.sleep(_LOOK_S)
        now = processes.read_used()
        used, before = now - before, now
        if used.relay_s + used.postgres_s < _IDLE_PART * _LOOK_S:
            return
    raise TimeoutError(
        f"the relay was still busy after {bound_s:g} s: run the bench where nothing else takes the processor"
    )


# Of a relay that somebody else started.
UNKNOWN = Processes()


def read_cpu_s(pid: int) -> float:
    """Return what the threads of a process have used, to the nanosecond (proc(5) counts ticks of 10 ms in `stat`)."""
    used_ns = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            used_ns += int(thread.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return used_ns / 1e9


def read_ended_cpu_s(pid: int) -> float:
    """Return what the children of a process have used that have ended, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS_A_SECOND


def list_children(parent: int) -> list[int]:
    """Return the children of a process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sorted(found)


def name_process(pid: int) -> str:
    """Return what Postgres calls one of its processes, as in `checkpointer`, without the number of one of several."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    if words[:1] != ["postgres:"]:
        return "postmaster" if words and words[0].endswith("postgres") else "relay"
    return "session" if words[1].startswith("ringrelay") else " ".join(word for word in words[1:] if not word.isdigit())


def read_memory_kib(pid: int) -> dict[str, int]:
    """Return a process's memory in KiB: resident, of its own, and its share of what others share, shared memory apart."""
    sums: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        sums[name] = int(value.split()[0])
    own = sums["Private_Clean"] + sums["Private_Dirty"]
    return {"rss": sums["Rss"], "own": own, "pss": sums["Pss"], "shared_memory": sums["Pss_Shmem"]}
