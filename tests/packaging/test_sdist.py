"""What is in the sdist: the tracked files of the folders that pyproject.toml names, and nothing that lies about."""

import tarfile
from pathlib import Path

from tests.support.checkout import build, copy_tracked

FOLDERS = ("bench", "deploy", "docs", "migrations", "relay", "tests", "web")
FILES = {
    ".editorconfig",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "pyproject.toml",
    "requirements.lock",
}
# The builder's own: what is ignored, and the metadata.
ALWAYS = {".gitignore", "PKG-INFO"}
STRAYS = (
    ".venv2/bin/python",
    ".cache/lock/uv",
    "data/postgres/cluster/base/1",
    "dist/ringrelay-0.1.0.tar.gz",
    "me.key",
    "note.json",
    "notes/plan.txt",
    "plan.md",
    "relay.toml",
    "relay/__pycache__/cli.cpython-311.pyc",
    "tests/node_modules/x/index.js",
    "web/node_modules/x/index.js",
)


def test_the_sdist_holds_the_tracked_files_of_its_folders_and_no_stray(tmp_path: Path) -> None:
    source = tmp_path / "source"
    tracked = copy_tracked(source)
    for name in STRAYS:
        assert not (source / name).exists(), f"{name} is tracked, and no stray"
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("canary", encoding="utf-8")
    expected = {name for name in tracked if name in FILES or name.partition("/")[0] in FOLDERS}
    assert list_contents(build(source, "sdist", tmp_path / "made")) == expected | ALWAYS


def list_contents(archive: Path) -> set[str]:
    with tarfile.open(archive) as opened:
        # Below one directory, which has the name and the version.
        return {member.name.partition("/")[2] for member in opened.getmembers() if member.isfile()}
