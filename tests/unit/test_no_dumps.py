"""Nothing of a process of ours is written to a core dump."""

import subprocess
import sys

import pytest

_READ = (
    "import ctypes, resource; print(*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl")
@pytest.mark.parametrize(
    ("begin", "found"),
    [
        # What the machine allows to a process that does not ask for anything: a test of the test.
        ("", "1"),
        ("from relay.no_dumps import forbid_dumps; forbid_dumps()", "0 0 0"),
        # As each command does, before anything of it is read.
        ("from relay.cli import main; main(['verify'])", "0 0 0"),
    ],
    ids=["python", "forbid_dumps", "a command"],
)
def test_a_process_of_ours_cannot_be_dumped(begin: str, found: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", f"{begin}\n{_READ}"],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip().endswith(found)
