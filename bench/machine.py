"""What a run was made on and of: the machine, the interpreter, the commit."""

import os
import platform
import subprocess
from pathlib import Path

from bench.relay_process import CHECKOUT


def describe_machine() -> dict[str, str]:
    """Return what a reader of figures must know of where they were measured."""
    return {
        "processor": _read_field("/proc/cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_read_field('/proc/meminfo', 'MemTotal').split()[0]) // 2**20} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
    }


def find_commit() -> str:
    """Return the commit of this checkout, with a plus sign where files differ from it; empty outside a repository."""
    commit = _run_git("rev-parse", "--short=12", "HEAD")
    return f"{commit}+" if commit and _run_git("status", "--porcelain", "--untracked-files=no") else commit


def _run_git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _read_field(path: str, name: str) -> str:
    """Return the first value of that name in a file of the kernel's, as `name : value`."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
