"""Print how much of each room of relay/ the tests ran, and fail if a room is below its floor.

    python -m tests.room_coverage

Reads what `make coverage` measured. A line counts one, and so does a way on from a line that decides.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coverage import Coverage

# In percent. What is left out of verify/ is marked where it stands, with the reason.
FLOORS = {"verify": 100.0, "protocol": 99.0, "policy": 99.0}
# The files beside the rooms.
_TOP = "(top)"


@dataclass
class Room:
    """What was run of a room: lines and branches, and where there is something that was not."""

    lines: int = 0
    covered_lines: int = 0
    branches: int = 0
    covered_branches: int = 0
    missing: list[str] = field(default_factory=list)

    @property
    def percent(self) -> float:
        total = self.lines + self.branches
        return 100 * (self.covered_lines + self.covered_branches) / total if total else 100.0

    def add_file(self, path: str, found: dict[str, Any]) -> None:
        summary = found["summary"]
        self.lines += summary["num_statements"]
        self.covered_lines += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.covered_branches += summary["covered_branches"]
        self.missing += [f"{path}:{line}" for line in found["missing_lines"]]
        self.missing += [f"{path}:{line} -> {to_name(end)}" for line, end in found["missing_branches"]]


def to_name(line: int) -> str:
    """Return where a branch goes; coverage gives a negative number for the end of a function."""
    return str(line) if line > 0 else "end"


def read_rooms(report: dict[str, Any]) -> dict[str, Room]:
    """Return the rooms of a JSON report by name."""
    rooms: dict[str, Room] = {}
    for path, found in report["files"].items():
        parts = Path(path).parts
        rooms.setdefault(parts[1] if len(parts) > 2 else _TOP, Room()).add_file(path, found)
    return rooms


def render(rooms: dict[str, Room]) -> str:
    """Return a table of the rooms, with what is missing in those that have a floor."""
    lines = [f"{'room':10} {'lines':>12} {'branches':>12} {'percent':>8} {'floor':>6}"]
    for name, room in sorted(rooms.items()):
        run = f"{room.covered_lines}/{room.lines}", f"{room.covered_branches}/{room.branches}"
        floor = f"{FLOORS[name]:.0f}" if name in FLOORS else ""
        lines.append(f"{name:10} {run[0]:>12} {run[1]:>12} {room.percent:8.2f} {floor:>6}".rstrip())
        if name in FLOORS:
            lines += [f"    not run: {place}" for place in room.missing]
    return "\n".join(lines)


def list_failures(rooms: dict[str, Room]) -> list[str]:
    """Return a sentence for each room that is below its floor, or was not measured."""
    return [
        f"{name} is at {rooms[name].percent:.2f} %, below its floor of {floor:.0f} %: add tests"
        if name in rooms
        else f"{name} was not measured"
        for name, floor in FLOORS.items()
        if name not in rooms or rooms[name].percent < floor
    ]


def main() -> int:
    coverage = Coverage()
    coverage.load()
    with TemporaryDirectory() as directory:
        file = Path(directory) / "coverage.json"
        coverage.json_report(outfile=str(file))
        rooms = read_rooms(json.loads(file.read_text(encoding="utf-8")))
    print(f"\n{render(rooms)}")
    failures = list_failures(rooms)
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
