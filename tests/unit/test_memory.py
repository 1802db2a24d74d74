"""How much memory the built-in Postgres is given: files as Linux has them, in a directory."""

from pathlib import Path

import pytest

from relay.postgres.memory import choose_shared_buffers_mib

GIB = 2**30


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def meminfo(size: int) -> dict[str, str]:
    return {"proc/meminfo": f"MemTotal:       {size // 1_024} kB\nMemFree:        1024 kB"}


@pytest.mark.parametrize(
    ("gib", "mib"),
    [(0.25, 128), (0.5, 128), (1, 256), (2, 512), (4, 1_024), (24, 1_024)],
)
def test_it_is_a_quarter_of_the_machine_within_bounds(tmp_path: Path, gib: float, mib: int) -> None:
    assert choose_shared_buffers_mib(lay_out(tmp_path, meminfo(int(gib * GIB)))) == mib


@pytest.mark.parametrize(
    "files",
    [
        # A container with a namespace of its own, and without one.
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(2 * GIB)},
        {"proc/self/cgroup": "0::/docker/4f1a", "sys/fs/cgroup/memory.max": str(2 * GIB)},
        # A unit of systemd, and one in a slice that has the limit.
        {
            "proc/self/cgroup": "0::/system.slice/ringrelay.service",
            "sys/fs/cgroup/system.slice/memory.max": "max",
            "sys/fs/cgroup/system.slice/ringrelay.service/memory.max": str(2 * GIB),
        },
        {
            "proc/self/cgroup": "0::/small.slice/ringrelay.service",
            "sys/fs/cgroup/small.slice/memory.max": str(2 * GIB),
            "sys/fs/cgroup/small.slice/ringrelay.service/memory.max": "max",
        },
        # Version 1, beside others.
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n0::/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": str(2 * GIB),
        },
    ],
)
def test_a_container_s_limit_counts_in_place_of_the_machine_s_memory(tmp_path: Path, files: dict[str, str]) -> None:
    assert choose_shared_buffers_mib(lay_out(tmp_path, {**meminfo(24 * GIB), **files})) == 512


def test_a_group_without_a_limit_has_the_machine_s_memory(tmp_path: Path) -> None:
    files = {**meminfo(2 * GIB), "proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/memory.max": "max"}
    assert choose_shared_buffers_mib(lay_out(tmp_path, files)) == 512


def test_where_nothing_is_known_it_is_what_a_small_machine_has(tmp_path: Path) -> None:
    assert choose_shared_buffers_mib(tmp_path) == 256
