"""A folder of Node programs made ready by `npm ci`, once. Knows nothing of what they do."""

import fcntl
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.time_factor import scaled

OLDEST_NODE = 20
VERSION_TIMEOUT_S = scaled(20.0)
INSTALL_TIMEOUT_S = scaled(120.0)
# The install went through if a copy of its lock file lies there; npm ci empties the folder first.
STAMP = Path("node_modules") / ".package-lock-installed.json"
# What npm says when the registry, or the way to it, is at fault. A bad lock file (EINTEGRITY, EUSAGE, E404) is ours.
UNREACHABLE = re.compile(
    r"code (ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ERR_SOCKET\w*|EHOSTUNREACH|ENETUNREACH|E403|E407|E429|E5\d\d"
    r"|ERR_TLS\w+|SELF_SIGNED\w*|UNABLE_TO\w+|DEPTH_ZERO\w+)\b"
)


def install(folder: Path, not_tested: str) -> str:
    """Install what the folder's lock file names where that was not done yet, and return the path of Node.

    Skips where Node or the packages cannot be had; `not_tested` says what then goes untested.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip(f"{not_tested}: no node on this machine")
    command = [node, "--version"]
    version = subprocess.run(command, check=True, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S).stdout
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"{not_tested}: node {version.strip()} is older than {OLDEST_NODE}")
    # Two runs of the tests in one checkout must not install over each other.
    with (folder / "package-lock.json").open("rb") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        locked = lock_file.read()
        stamp = folder / STAMP
        if not stamp.is_file() or stamp.read_bytes() != locked:
            if npm is None:
                pytest.skip(f"{not_tested}: no npm on this machine")
            _run_npm_ci(npm, folder, not_tested)
            stamp.write_bytes(locked)
    return node


def _run_npm_ci(npm: str, folder: Path, not_tested: str) -> None:
    """Run npm ci. Skips where the registry cannot be reached, and fails over anything else."""
    command = [npm, "ci", "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    try:
        done = subprocess.run(
            command, check=False, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{not_tested}: npm ci did not end within {INSTALL_TIMEOUT_S:g} seconds")
    unreachable = UNREACHABLE.search(done.stderr)
    if unreachable is not None:
        pytest.skip(f"{not_tested}: the npm registry cannot be reached ({unreachable[1]})")
    assert done.returncode == 0, done.stderr
