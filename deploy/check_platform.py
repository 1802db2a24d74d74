"""Check that this machine can run the relay, before anything is installed. Runs on any Python 3 without packages."""

import platform
import sys


def find_problem():
    """Return why this machine cannot run the relay and what to do, or None."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return (
            "ringrelay needs Python 3.11, 3.12 or 3.13; this is {}. "
            "Choose another one: make install PYTHON=python3.12".format(platform.python_version())
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return "this Python has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and try again"
    system, machine = platform.system(), platform.machine()
    if system == "Linux" and machine in ("x86_64", "aarch64"):
        if platform.libc_ver()[0] == "glibc":
            return None
        return "ringrelay needs a glibc Linux (coincurve and the built-in Postgres have no musl wheels); Alpine does not work"
    if system == "Darwin" and machine == "arm64":
        return None
    return "ringrelay runs on glibc Linux (x86_64, aarch64) and macOS (arm64); this is {} {}".format(system, machine)


problem = find_problem()
if problem:
    sys.exit("cannot install: " + problem)
