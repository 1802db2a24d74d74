"""How much memory the built-in Postgres keeps pages in, by what this machine has, or this container may use."""

from pathlib import Path
from typing import Final

# Postgres' own advice.
_SHARE: Final = 4
_LEAST_MIB: Final = 128
# It holds what queries touch of a store of a million notes: then more was no faster. Each GiB takes 20 MiB before it is used.
_MOST_MIB: Final = 1_024
_UNKNOWN_MIB: Final = 256
_MIB: Final = 2**20


def choose_shared_buffers_mib(root: Path = Path("/")) -> int:
    """Return a quarter of the memory, from 128 to 1,024 MiB. `root` is the directory in which proc and sys are."""
    limits = [limit for limit in (_read_total(root), *_read_group_limits(root)) if limit is not None]
    if not limits:
        return _UNKNOWN_MIB
    return max(_LEAST_MIB, min(_MOST_MIB, min(limits) // _SHARE // _MIB))


def _read_total(root: Path) -> int | None:
    """Return the machine's memory in bytes (proc_meminfo(5)), None where it is not known."""
    for line in _read_lines(root / "proc/meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            return int(rest.split()[0]) * 1_024
    return None


def _read_group_limits(root: Path) -> list[int]:
    """Return the limits in bytes of this process's control group and of all above it (cgroups(7), versions 1 and 2)."""
    found: list[int] = []
    for line in _read_lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path can be the host's. What the container may use is then at the top.
        group = top / path.lstrip("/")
        for directory in (group, *group.parents):
            found += [int(text) for text in _read_lines(directory / name) if text.isdecimal()]
            if directory == top:
                break
    return found


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
