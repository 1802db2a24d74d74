"""Remove the tests' directories, and end what runs in them when the tests are killed: a process beside them, fed by a pipe.

The first line names the directory of all. Each line after it names one that is not needed any more: removing a database
takes a second on some disks, and no test waits for it here. When the pipe closes, the tests have ended, however that was.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path


def end_all_in(directory: str) -> None:
    for attempt in range(100):
        links = [link for link in Path("/proc").glob("[0-9]*/cwd") if read(link).startswith(directory)]
        if not links:
            return
        for link in links:
            # Postgres gives back its shared memory on SIGQUIT, which ends a relay too.
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(link.parent.name), signal.SIGQUIT if attempt < 50 else signal.SIGKILL)
        time.sleep(0.1)


def read(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # It ended by itself, or belongs to somebody else.
        return ""


if __name__ == "__main__":
    first = sys.stdin.readline().strip()
    for line in sys.stdin:
        shutil.rmtree(line.strip(), ignore_errors=True)
    end_all_in(first)
    shutil.rmtree(first)
