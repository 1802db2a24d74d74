"""`make coverage` fails where a room is below its floor, and says what was not run."""

from typing import Any

import pytest

from tests.room_coverage import FLOORS, list_failures, read_rooms, render
from tests.support.processes import REPOSITORY


def make_report(*, missing_lines: tuple[int, ...] = (), missing_branches: tuple[tuple[int, int], ...] = ()) -> Any:
    """Make a report of a file in each room with a floor: ten lines and ten branches, with these missing in verify/."""
    files = {}
    for room in FLOORS:
        lines, branches = (missing_lines, missing_branches) if room == "verify" else ((), ())
        summary = {
            "num_statements": 10,
            "covered_lines": 10 - len(lines),
            "num_branches": 10,
            "covered_branches": 10 - len(branches),
        }
        files[f"relay/{room}/a.py"] = {"summary": summary, "missing_lines": lines, "missing_branches": branches}
    return {"files": files}


def test_rooms_that_were_run_whole_pass() -> None:
    rooms = read_rooms(make_report())
    assert list_failures(rooms) == []
    assert "not run" not in render(rooms)


@pytest.mark.parametrize(
    ("missing", "place"),
    [
        ({"missing_lines": (7,)}, "relay/verify/a.py:7"),
        ({"missing_branches": ((7, 9),)}, "relay/verify/a.py:7 -> 9"),
        ({"missing_branches": ((7, -3),)}, "relay/verify/a.py:7 -> end"),
    ],
)
def test_one_line_or_branch_of_verify_that_was_not_run_is_named_and_fails(missing: dict[str, Any], place: str) -> None:
    rooms = read_rooms(make_report(**missing))
    assert list_failures(rooms) == ["verify is at 95.00 %, below its floor of 100 %: add tests"]
    assert f"    not run: {place}\n" in render(rooms) + "\n"


def test_a_room_that_was_not_measured_fails() -> None:
    report = make_report()
    del report["files"]["relay/policy/a.py"]
    assert list_failures(read_rooms(report)) == ["policy was not measured"]


def test_every_room_with_a_floor_is_there() -> None:
    assert all((REPOSITORY / "relay" / room).is_dir() for room in FLOORS)
