"""What makes every run of the tests end with a report: a plugin of pytest, around pytest-timeout.

pytest-timeout fails a test once, from a signal handler, and stops watching. Both are too little here: the failure can hit a
task of the event loop that swallows it, and what a test that hung leaves behind can hang in the teardown too.

CPython before 3.11.8 and 3.12.2 can raise "SystemError: AST constructor recursion depth mismatch" where garbage is collected
while source is parsed (https://github.com/python/cpython/issues/106905). pytest parses source to show a failure, be it with
--tb=short, and ends the run over that error. With --tb=native it does not, but buries the failure under its own frames.
"""

import gc
import signal
import sys
from collections.abc import Generator
from typing import TypeVar

import pytest
from pytest_timeout import Settings

from tests.support.time_factor import scaled

T = TypeVar("T")

_SETTINGS = pytest.StashKey[Settings]()
_PARSER_IS_SAFE = sys.version_info >= (3, 12, 2) or (3, 11, 8) <= sys.version_info < (3, 12)


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> Generator[None, T, T]:
    """Fail a test that hangs again and again, until it ends."""
    item.stash[_SETTINGS] = settings
    result = yield
    limit_s = scaled(settings.timeout)
    signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, T, T]:
    """Limit the time of the teardown too."""
    settings = item.stash.get(_SETTINGS, None)
    if settings is not None:
        item.ihook.pytest_timeout_set_timer(item=item, settings=settings)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, T, T]:
    """Show a failure without a collection of garbage in between."""
    return (yield from _without_collections())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary() -> Generator[None, T, T]:
    """Do the same at the end: Hypothesis imports itself there, and what pytest imports it parses."""
    return (yield from _without_collections())


def _without_collections() -> Generator[None, T, T]:
    if _PARSER_IS_SAFE or not gc.isenabled():
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
