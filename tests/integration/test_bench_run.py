"""make bench from its command to its figures, and the prototype that they are compared with."""

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.client import connected
from bench.goals import GOALS
from bench.loads import to_event_frame
from bench.relay_process import run_prototype
from bench.result import Result, read_result
from relay.protocol.event import encode_event
from tests.support.events import make_event
from tests.support.processes import REPOSITORY
from tests.support.time_factor import scaled


def run_bench(directory: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bench", "--cache", str(directory), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=scaled(270.0),
    )


def measure(directory: Path, *options: str) -> Result:
    done = run_bench(directory, "--json", str(directory / "figures.json"), *options)
    assert done.returncode == 0, done.stderr
    result = read_result(directory / "figures.json")
    assert result.corpus_sha256 in done.stdout
    return result


@pytest.mark.serial
def test_a_quick_run_of_one_figure_measures_the_relay_and_the_prototype(reachable_directory: Path) -> None:
    result = measure(reachable_directory, "--quick", "--notes", "400", "--only", "ack")
    ours, prototype = sorted(result.figures, key=lambda figure: figure.subject)
    assert (ours.name, ours.subject, prototype.subject) == ("ack", "400 notes", "prototype")
    for measures in (ours.measures, prototype.measures):
        assert min(measures[name].median for name in ("per_s", "relay_us", "postgres_us", "of_s", "p50_ms")) > 0
    assert ours.measures["p50_of_prototype"].median > 0
    assert result.schnorr_per_s.median > 100
    assert result.machine["cores"]


@pytest.mark.more("takes minutes")
def test_a_run_has_every_figure_that_has_a_goal(reachable_directory: Path) -> None:
    result = measure(reachable_directory, "--quick", "--notes", "20000")
    assert {figure.name for figure in result.figures} == set(GOALS)


def test_a_relay_elsewhere_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    done = run_bench(tmp_path, "--compare", "ws://192.0.2.1:7777")
    assert done.returncode == 1
    assert done.stderr == (
        "make bench: ws://192.0.2.1:7777 is not on this machine: name a relay on loopback, as ws://127.0.0.1:7777\n"
    )
    assert not list(tmp_path.iterdir())


async def test_the_prototype_stores_what_is_valid_and_answers_nothing_else() -> None:
    note = make_event(content="valid")
    forged = make_event(content="another")
    wrong = [
        encode_event(msgspec.structs.replace(note, id=forged.id)),
        encode_event(msgspec.structs.replace(note, sig=forged.sig)),
    ]
    running = run_prototype()
    prototype = await asyncio.to_thread(running.__enter__)
    try:
        async with connected(prototype.url) as [client]:
            answers: asyncio.Queue[bytes] = asyncio.Queue()
            client.on_text = answers.put_nowait
            for raw in (*wrong, encode_event(note)):
                client.send(to_event_frame(raw))
            async with asyncio.timeout(scaled(10.0)):
                assert await answers.get() == f'["OK","{note.id}",true,""]'.encode()
            assert answers.empty()
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)
