"""A run of the tests ends with a report: over tests that hang, and over failures that CPython's parser cannot show."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.processes import REPOSITORY
from tests.support.time_factor import scaled

HANGING = """
import asyncio
import pytest_asyncio

@pytest_asyncio.fixture
async def endless():
    yield
    await asyncio.Event().wait()

async def test_hangs(endless):
    await asyncio.Event().wait()

async def test_hangs_while_another_task_swallows_what_would_end_it():
    async def spin():
        while True:
            sum(range(100_000))
            await asyncio.sleep(0)
    spinning = asyncio.create_task(spin())
    # Else asyncio tells of it too, now and then after the report.
    spinning.add_done_callback(lambda task: task.cancelled() or task.exception())
    await asyncio.Event().wait()

def test_comes_last():
    pass
"""
# Garbage that parses source when it is collected, as what formats a traceback does, and leaves some more.
COLLECTED = """
import ast
import gc

class Garbage:
    def __init__(self):
        self.itself = self

    def __del__(self):
        parse(5)
        if gc.get_threshold()[0] == 50:
            Garbage()

def parse(depth):
    parse(depth - 1) if depth else ast.parse("a = 1")

def test_fails():
    gc.set_threshold(50)
    Garbage()
    raise ValueError("shown")

def test_comes_last():
    gc.set_threshold(700)
"""


def run_pytest(directory: Path, tests: str, *options: str) -> str:
    (directory / "test_of_this_run.py").write_text(tests, "utf-8")
    command = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "no:cacheprovider"]
    command += ["-p", "tests.support.reporting", *options, str(directory)]
    run = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True, timeout=scaled(60.0))
    assert run.returncode == 1, run.stdout
    assert run.stderr == ""
    return run.stdout


def test_tests_that_hang_fail_in_their_teardown_too_and_the_run_goes_on(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, HANGING, "--timeout=2")
    assert "2 failed, 1 passed, 1 error in " in printed
    assert re.search(r"^FAILED .*::test_hangs - Failed: Timeout", printed, re.MULTILINE)
    assert re.search(r"^ERROR .*::test_hangs - Failed: Timeout", printed, re.MULTILINE)


def test_a_failure_is_shown_whatever_garbage_is_collected_meanwhile(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, COLLECTED)
    assert "1 failed, 1 passed in " in printed
    assert "ValueError: shown" in printed
    assert "INTERNALERROR" not in printed
