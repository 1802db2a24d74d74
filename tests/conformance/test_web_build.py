"""The built files of web/: what is committed is what the sources give, in this folder and in any other."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support import npm
from tests.support.time_factor import scaled

ROOT = Path(__file__).parents[2]
STATIC = Path("relay") / "pages" / "static"
BOUND_S = scaled(120.0)


def run_build(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    node = npm.install(ROOT / "web", "the built files are not compared with their sources")
    command = [node, "build.mjs", *options]
    return subprocess.run(command, cwd=folder / "web", capture_output=True, text=True, check=False, timeout=BOUND_S)


def test_the_committed_files_are_what_their_sources_give() -> None:
    done = run_build(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_another_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    npm.install(ROOT / "web", "the built files are not compared with their sources")
    folder = tmp_path / "a folder" / "of another name"
    # The packages are linked where they can be: there are many.
    copy = os.link if os.stat(ROOT).st_dev == os.stat(tmp_path).st_dev else shutil.copy2
    shutil.copytree(ROOT / "web", folder / "web", copy_function=copy)
    shutil.copy(ROOT / "pyproject.toml", folder)
    done = run_build(folder)
    assert (done.returncode, done.stderr) == (0, "")
    built = {path.name: path.read_bytes() for path in (folder / STATIC).iterdir()}
    assert any(name.startswith("sign-") for name in built)
    for name, content in built.items():
        assert (ROOT / STATIC / name).read_bytes() == content, name
