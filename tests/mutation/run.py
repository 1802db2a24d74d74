"""Run the mirror tests on a sample of mutants, and print the mutants that no test noticed. Changes only copies of the repository.

    python -m tests.mutation.run --python .venv/bin/python [--mutants 170] [--minutes 60] [--seed 1] [files]

It runs in the Python that has cosmic-ray; `--python` names the one that has the relay.
"""

import argparse
import ast
import difflib
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mirrors import FILES, find_mirrors
from tests.mutation.mutants import Mutant, list_mutants

_ROOT = Path(__file__).parents[2]
_COPIES = _ROOT / ".cache" / "mutate" / "copies"
# A mutant may run for ever. Its tests may take so many times what they take without a fault, and these seconds.
_TIMES_BASELINE = 4
_SLACK_S = 60.0
# For pytest to end its database servers when it is interrupted.
_END_S = 60.0
# Of pytest: an internal error, no tests. 4 is a wrong option, which the run without a fault would have met, or a module that
# cannot be imported any more.
_NO_OUTCOME = (3, 5)

Limits = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Drawn:
    """A mutant of the sample, with its source and that of the file as it is."""

    path: str
    line: int
    fault: str
    original: str
    source: str

    @property
    def folder(self) -> str:
        return str(Path(self.path).parent)

    def describe(self) -> str:
        changed = difflib.unified_diff(self.original.splitlines(), self.source.splitlines(), n=0, lineterm="")
        lines = [line for line in changed if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        return "\n".join([f"{self.path}:{self.line}  {self.fault}", *lines])


@dataclass
class Copy:
    """A copy of the repository, into which mutants are put one after another."""

    directory: Path
    python: Path
    written: int = 0

    def make_another(self, number: int) -> "Copy":
        """Copy the copy, with the bytecode that its first run left."""
        return Copy(shutil.copytree(self.directory, _COPIES / str(number)), self.python)

    def run(self, tests: tuple[str, ...], timeout_s: float, *, keep_bytecode: bool = False) -> int | None:
        """Return pytest's status, None if it did not end in time."""
        options = ["-x", "-q", "-m", "not serial", "--hypothesis-seed=0"]
        process = subprocess.Popen(
            [self.python, "-m", "pytest", "-p", "no:cacheprovider", *options, *tests],
            cwd=self.directory,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "" if keep_bytecode else "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return None

    def is_noticed(self, mutant: Drawn, timeout_s: float) -> bool:
        """Return whether a test fails because of the fault."""
        file = self.directory / mutant.path
        at = file.stat().st_mtime
        # Python knows by a file's size and second whether its bytecode is current, so each mutant has a second of its own.
        self.written += 1
        _write(file, mutant.source, at + self.written)
        try:
            status = self.run(find_mirrors(mutant.path), timeout_s)
        finally:
            _write(file, mutant.original, at)
        if status in _NO_OUTCOME:
            raise RuntimeError(f"pytest ended with {status} on {mutant.describe()}")
        return status != 0


def _write(file: Path, text: str, at: float) -> None:
    file.write_text(text, encoding="utf-8")
    os.utime(file, (at, at))


def make_copy(python: Path) -> Copy:
    """Copy all that is in the repository, or could be added to it."""
    shutil.rmtree(_COPIES, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=_ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (_ROOT / name).is_file():
            (_COPIES / "0" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, _COPIES / "0" / name)
    return Copy(_COPIES / "0", python)


def draw(patterns: list[str], count: int, seed: int) -> list[Drawn]:
    """Return a sample of the mutants in these files: `count` of each folder, or all that it has."""
    by_folder: dict[str, list[Mutant]] = defaultdict(list)
    for path in sorted({path.relative_to(_ROOT) for pattern in patterns for path in _ROOT.glob(pattern)}):
        by_folder[str(path.parent)] += list_mutants(_ROOT, str(path))
    drawn: list[Drawn] = []
    for folder, mutants in sorted(by_folder.items()):
        random.Random(seed).shuffle(mutants)
        sample: list[Drawn] = []
        for mutant in mutants:
            if len(sample) < count and (source := mutant.make_source()) is not None and _is_python(source):
                original = (_ROOT / mutant.path).read_text(encoding="utf-8")
                sample.append(Drawn(mutant.path, mutant.line, mutant.fault, original, source))
        print(f"{folder}: {len(sample)} of {len(mutants)} mutants, seed {seed}", flush=True)
        drawn += sample
    return drawn


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def measure_limits(copy: Copy, mutants: list[Drawn]) -> Limits:
    """Return for how many seconds each set of mirror tests may run. Without a fault all must pass."""
    limits: Limits = {}
    for tests in sorted({find_mirrors(mutant.path) for mutant in mutants}):
        started_s = time.monotonic()
        if copy.run(tests, timeout_s=3_600, keep_bytecode=True) != 0:
            sys.exit(f"these tests fail without any fault: {' '.join(tests)}")
        elapsed_s = time.monotonic() - started_s
        limits[tests] = _TIMES_BASELINE * elapsed_s + _SLACK_S
        print(f"{elapsed_s:6.1f} s without a fault: {' '.join(tests)}", flush=True)
    return limits


def try_mutants(copies: list[Copy], mutants: list[Drawn], limits: Limits, end_s: float) -> list[tuple[Drawn, bool]]:
    """Return whether each mutant was noticed, for those that were begun before the end."""
    free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def try_one(mutant: Drawn) -> bool | None:
        if time.monotonic() > end_s:
            return None
        copy = free.get()
        try:
            noticed = copy.is_noticed(mutant, limits[find_mirrors(mutant.path)])
        finally:
            free.put(copy)
        if not noticed:
            print(f"\nsurvived: {mutant.describe()}", flush=True)
        return noticed

    with ThreadPoolExecutor(len(copies)) as executor:
        outcomes = zip(mutants, executor.map(try_one, mutants), strict=True)
        return [(mutant, noticed) for mutant, noticed in outcomes if noticed is not None]


def print_totals(outcomes: list[tuple[Drawn, bool]], drawn: int) -> None:
    print(f"\n{len(outcomes)} of {drawn} mutants tried")
    by_folder = defaultdict(list)
    for mutant, noticed in outcomes:
        by_folder[mutant.folder].append(noticed)
    for folder, noticed_ones in sorted(by_folder.items()):
        print(f"{folder:30} {sum(noticed_ones):4} of {len(noticed_ones):4} noticed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", default=list(FILES), help="globs of files to put faults into")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter that has the relay and its tests")
    parser.add_argument("--mutants", type=int, default=170, help="how many of each folder are tried")
    parser.add_argument("--minutes", type=float, default=60.0, help="when to begin no other mutant")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many are tried at once")
    arguments = parser.parse_args()
    end_s = time.monotonic() + 60 * arguments.minutes
    mutants = draw(arguments.files, arguments.mutants, arguments.seed)
    # So that an end before its time has tried some of each folder.
    random.Random(arguments.seed).shuffle(mutants)
    first = make_copy(arguments.python.absolute())
    limits = measure_limits(first, mutants)
    copies = [first, *(first.make_another(number) for number in range(1, arguments.workers))]
    print_totals(try_mutants(copies, mutants, limits, end_s), len(mutants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
