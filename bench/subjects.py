"""The relays that are measured, as processes: on a copy of a store, empty, somebody else's on loopback, and the prototype."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.corpus import Corpus
from bench.figures import Subject
from bench.meter import wait_until_idle
from bench.relay_process import SETTINGS, WITHOUT_WINDOW, RunningRelay, copy_data, run_prototype, run_relay
from bench.rounds import PROTOTYPE, say
from bench.stores import find_store, read_vocabulary

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class CompareError(Exception):
    """The reason why a relay is not loaded."""


def name_store(count: int, *, with_window: bool = True) -> str:
    """Return what a relay on a store is called in the figures."""
    return f"{count:,} notes" + ("" if with_window else ", no window")


@contextmanager
def relay_on_store(count: int, cache: Path, settings: Mapping[str, str] = SETTINGS) -> Iterator[RunningRelay]:
    """Run a relay on a copy of a store."""
    say(f"starting a relay on {name_store(count)} (the first time, they are made: some minutes for a million)")
    store = find_store(count, cache)
    with run_relay(settings, prepare=lambda data_dir: copy_data(store / "data", data_dir)) as relay:
        wait_until_idle(relay.processes)
        yield relay


@contextmanager
def subjects_on_stores(
    counts: Sequence[int], cache: Path, corpus: Corpus, *, with_prototype: bool = True, with_window: bool = True
) -> Iterator[list[Subject]]:
    """Run a relay on a copy of each store, with its window of recent notes or without, and the prototype."""
    settings = SETTINGS if with_window else WITHOUT_WINDOW
    with ExitStack() as stack:
        subjects = []
        if with_prototype:
            prototype = stack.enter_context(run_prototype())
            subjects.append(Subject(PROTOTYPE, prototype.url, corpus, prototype.processes))
        for count in counts:
            relay = stack.enter_context(relay_on_store(count, cache, settings))
            vocabulary = read_vocabulary(find_store(count, cache))
            subjects.append(
                Subject(name_store(count, with_window=with_window), relay.url, corpus, relay.processes, vocabulary)
            )
        yield subjects


def check_loopback(url: str) -> None:
    """Raise CompareError unless a relay is on this machine: nobody else's is loaded."""
    parts = urlsplit(url)
    if parts.scheme != "ws" or parts.hostname not in _LOOPBACK:
        raise CompareError(f"{url} is not on this machine: name a relay on loopback, as ws://127.0.0.1:7777")
