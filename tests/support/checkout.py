"""The repository's tracked files, copied aside and packed. Knows no relay."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def list_tracked() -> list[str]:
    """Return the files that git tracks and that are there. Skips where this is no checkout."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the files to pack are those that git tracks: this needs a git checkout, and git")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def copy_tracked(directory: Path) -> list[str]:
    """Copy what git tracks, as it is in the working tree, into a directory; return the names."""
    names = list_tracked()
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, directory / name)
    return names


def build(source: Path, target: str, destination: Path) -> Path:
    """Make the sdist or the wheel of a source directory, without the network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(destination)]
    done = subprocess.run(command, cwd=source, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = destination.glob({"sdist": "*.tar.gz", "wheel": "*.whl"}[target])
    return made
