"""`make test` runs what can share the machine and then what cannot, and fails if either does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY
from tests.support.time_factor import scaled

PASSES, FAILS, NONE = "assert True", "assert False", ""


def run_tests(directory: Path, shared: str, serial: str) -> tuple[int, str]:
    """Return the status and what is printed, of a run over a test that can share the machine and one that cannot."""
    bodies = {"": shared, "@pytest.mark.serial\n": serial}
    tests = [f"{mark}def test_{number}(): {body}\n" for number, (mark, body) in enumerate(bodies.items()) if body]
    (directory / "test_of_this_run.py").write_text("import pytest\n" + "".join(tests), "utf-8")
    command = [sys.executable, "-m", "tests.run", "--workers", "0", "-c", str(REPOSITORY / "pyproject.toml")]
    command += ["-p", "no:cacheprovider", str(directory)]
    run = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True, timeout=scaled(60.0))
    return run.returncode, run.stdout


@pytest.mark.parametrize(
    ("shared", "serial", "status", "outcomes"),
    [
        (FAILS, PASSES, 1, ("FAILED", "passed")),
        (PASSES, FAILS, 1, ("passed", "FAILED")),
        (PASSES, NONE, 0, ("passed", "no such tests")),
    ],
)
def test_both_rounds_run_and_both_outcomes_are_printed(
    tmp_path: Path, shared: str, serial: str, status: int, outcomes: tuple[str, str]
) -> None:
    returned, printed = run_tests(tmp_path, shared, serial)
    assert printed.endswith(f"\ntests in parallel: {outcomes[0]}\ntests alone: {outcomes[1]}\n"), printed
    assert returned == status
