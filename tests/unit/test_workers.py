"""The workers that verify: what they know, when they end, and how batches come to them."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from relay.verify.ring_equations import Dialect
from relay.verify.task import Batch, Verdict, cut_frames, decode_batch, decode_verdicts, to_frame, to_task
from relay.verify.workers import WorkerLink, start_worker
from tests.support.events import make_event, make_ring_note, to_ring_note
from tests.support.processes import exists, has_signal, list_workers
from tests.support.waiting import until


async def start() -> tuple[WorkerLink, int]:
    """Start a worker, and return its link and its process."""
    _, before = list_workers(os.getpid())
    link = await start_worker(is_for_large=False)
    await until(lambda: list_workers(os.getpid())[1] - before)
    (pid,) = list_workers(os.getpid())[1] - before
    return link, pid


async def verify(link: WorkerLink, *contents: str) -> Sequence[Verdict] | None:
    heard: asyncio.Future[Sequence[Verdict] | None] = asyncio.get_running_loop().create_future()
    tasks = tuple(to_task(make_event(content=content), None) for content in contents)
    link.send(tasks, heard.set_result)
    return await heard


def read_names(pid: int) -> set[str]:
    """Return the names of a process's variables; of one that cannot be looked into, as forbid_dumps has it, none."""
    try:
        lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except PermissionError:
        return set()
    return {line.partition(b"=")[0].decode() for line in lines if line}


def read_core_limits(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()[4:6]


async def test_a_worker_has_no_variable_of_the_relay_and_writes_no_core_dump() -> None:
    link, pid = await start()
    fork_server, _ = list_workers(os.getpid())
    for process in (fork_server, pid):
        assert read_names(process) <= {"PYTHONPATH", "LC_CTYPE"}
        assert read_core_limits(process) == ["0", "0"]
    link.close()


async def test_a_signal_to_all_processes_of_the_relay_leaves_its_workers_at_work_until_it_has_their_answers() -> None:
    link, pid = await start()
    await verify(link, "one")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert has_signal("SigBlk", pid, number)
        os.kill(pid, number)
    verdicts = await verify(link, "two", "three")
    assert verdicts is not None
    assert [verdict.reason for verdict in verdicts] == [None, None]
    link.close()
    await until(lambda: not exists(pid))


def test_frames_are_found_wherever_a_stream_is_cut() -> None:
    note = to_ring_note(make_ring_note())
    batches = [
        tuple(to_task(make_event(content=str(number)), None) for number in range(3)),
        (to_task(note.event, note.claim),),
        (),
    ]
    stream = b"".join(map(to_frame, batches))
    for size in range(1, len(stream) + 1):
        received = bytearray()
        found: list[Batch] = []
        for start in range(0, len(stream), size):
            received += stream[start : start + size]
            found += map(decode_batch, cut_frames(received))
        assert found == batches
        assert not received


def test_verdicts_come_back_as_they_were_sent() -> None:
    verdicts = (Verdict(0.5, None, 1, Dialect.TYPESCRIPT), Verdict(0.25, "why"), Verdict(0.0, is_fault=True))
    (message,) = cut_frames(bytearray(to_frame(verdicts)))
    assert decode_verdicts(message) == verdicts
