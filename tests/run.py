"""Run the tests in two rounds: first what can share the machine, on several cores, then alone what cannot (marked `serial`).

    python -m tests.run [--workers N] [--marked EXPRESSION] [options and paths for pytest]

Both rounds always run, and both outcomes are printed at the end. The status is 0 only if neither failed and a test ran.
"""

import argparse
import signal
import subprocess
import sys

_NO_TESTS = 5
_OUTCOMES = {0: "passed", 1: "FAILED", 2: "INTERRUPTED", _NO_TESTS: "no such tests"}


def run_round(name: str, marked: str, options: list[str]) -> int:
    """Return the exit status of pytest over the tests with these marks."""
    print(f"\n{name}: pytest -m '{marked}' {' '.join(options)}", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", "-m", marked, *options], check=False).returncode


def main() -> int:
    # A run that was started in the background ignores these, and so would the programs that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--workers", default="auto", help="processes of the first round; auto: one a core")
    parser.add_argument("--marked", default="", help="only tests with such marks, as for pytest's -m")
    arguments, options = parser.parse_known_args()
    only = f"({arguments.marked}) and " if arguments.marked else ""
    parallel = ["-n", arguments.workers, "--dist", "loadgroup", "--maxprocesses", "8"]
    statuses = {
        "in parallel": run_round("Tests in parallel", f"{only}not serial", [*parallel, *options]),
        "alone": run_round("Tests alone", f"{only}serial", options),
    }
    print()
    for name, status in statuses.items():
        print(f"tests {name}: {_OUTCOMES.get(status, f'pytest ended with status {status}')}")
    ran = [status for status in statuses.values() if status != _NO_TESTS]
    return max(ran, default=_NO_TESTS)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
