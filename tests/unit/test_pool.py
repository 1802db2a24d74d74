"""The verification pool: bounded, fair to small notes, and never twice the same work at once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from relay.verify import proof as ring_proof
from relay.verify.claim import Claim
from relay.verify.pool import Timing, VerifyPool, WorkerEndedError, WorkerFaultError, conclude, count_units
from relay.verify.ring_equations import Dialect
from relay.verify.task import Verdict
from relay.verify.workers import WorkerLink
from tests.support.events import KEYS, make_event, make_ring_note, sign_again
from tests.support.processes import list_workers
from tests.support.time_factor import scaled
from tests.support.waiting import until


@asynccontextmanager
async def running_pool(workers: int = 1) -> AsyncIterator[tuple[VerifyPool, list[Timing]]]:
    timings: list[Timing] = []
    errors: list[BaseException] = []
    pool = VerifyPool(timings.append, errors.append, workers)
    task = asyncio.ensure_future(pool.keep_verifying())
    try:
        yield pool, timings
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert not errors


async def use_both(pool: VerifyPool) -> None:
    """Have a small and a large note verified: then both of a pool's workers are there."""
    small, large = make_ring_note(), make_ring_note(ring_size=70, scope="s")
    await asyncio.gather(pool.verify(small, find(small)), pool.verify(large, find(large)))


def find(event: Event) -> Claim:
    proof = ring_proof.detect_claim(event)
    assert proof is not None
    return proof


async def test_good_notes_pass_and_bad_ones_are_refused_each_for_itself() -> None:
    author = KEYS[30]
    good = make_ring_note(author=author)
    bad = sign_again(good, author, (*good.tags[:-1], make_ring_note("other", author=author).tags[-1]))
    async with running_pool() as (pool, timings):
        results = await asyncio.gather(
            *(pool.verify(event, find(event)) for event in (good, bad)),
            pool.verify(make_event(), None),
            return_exceptions=True,
        )
        assert results[0] == ring_proof.verify_claim(find(good))
        assert isinstance(results[1], Rejected)
        assert results[2] is None
        assert [timing.accepted for timing in timings] == [True, False, True]
        assert pool.queued_units == 0


async def test_a_forged_signature_does_not_profit_from_a_good_one_of_the_same_id() -> None:
    event = make_event()
    forged = Event(event.id, event.pubkey, event.created_at, event.kind, event.tags, event.content, "00" * 64)
    async with running_pool() as (pool, _):
        good, bad = await asyncio.gather(pool.verify(event, None), pool.verify(forged, None), return_exceptions=True)
        assert good is None
        assert isinstance(bad, Rejected)


async def test_an_event_already_being_verified_is_not_verified_twice() -> None:
    note = make_ring_note()
    async with running_pool() as (pool, timings):
        await asyncio.gather(*(pool.verify(note, find(note)) for _ in range(20)))
        assert len(timings) == 1
        await pool.verify(note, find(note))
        assert len(timings) == 2


async def test_a_plain_note_that_comes_alone_waits_for_no_worker_and_of_many_one_a_turn() -> None:
    forged = msgspec.structs.replace(make_event(), sig="00" * 64)
    async with running_pool() as (pool, timings):
        for event in (make_event(content="alone"), forged):
            heard: list[object] = []
            pool.submit(event, None, None, heard.append)
            assert [isinstance(result, Rejected) for result in heard] == [event is forged]
            await asyncio.sleep(0)
        many = [make_event(content=str(number)) for number in range(20)]
        heard = []
        for event in many:
            pool.submit(event, None, None, heard.append)
        assert heard == [None]
        assert pool.queued_units == 19
        await until(lambda: len(heard) == 20)
        assert heard == [None] * 20
        assert [timing.accepted for timing in timings] == [True, False, *[True] * 20]


async def test_a_full_queue_refuses_at_once_and_says_what_to_do() -> None:
    pool = VerifyPool(lambda _: None, lambda _: None, workers=1)
    pool.queued_units = pool.max_queued_units
    with pytest.raises(Rejected, match="error: the verification queue is full; try again"):
        await pool.verify(make_event(), None)


async def test_small_notes_wait_behind_no_large_one() -> None:
    large = [make_ring_note(str(number), ring_size=70, scope="s") for number in range(12)]
    order: list[str] = []

    async def verify(pool: VerifyPool, event: Event, claim: Claim | None, name: str) -> None:
        await pool.verify(event, claim)
        order.append(name)

    # 70 members of a linkable ring are more than a batch's 64 units, so each is a batch of its own.
    assert count_units(find(large[0])) == 211
    async with running_pool() as (pool, _), asyncio.TaskGroup() as group:
        # Both of its workers are there.
        await use_both(pool)
        for note in large:
            group.create_task(verify(pool, note, find(note), "large"))
        await asyncio.sleep(0)
        await verify(pool, make_event(), None, "small")
        # A small one takes 0.05 ms, a large one 10.
        assert order.index("small") <= 1
    assert len(order) == 13


async def test_a_worker_for_large_notes_gives_way_to_all_others() -> None:
    before = list_workers(os.getpid())[1]
    async with running_pool() as (pool, _):
        await use_both(pool)
        priorities = [os.getpriority(os.PRIO_PROCESS, pid) for pid in list_workers(os.getpid())[1] - before]
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert sorted(priorities) == [own, min(own + 5, 19)]


async def test_where_no_worker_can_be_started_notes_are_refused_in_time_and_the_reason_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*, is_for_large: bool) -> WorkerLink:
        raise OSError(12, "no memory")

    monkeypatch.setattr("relay.verify.pool.start_worker", fail)
    errors: list[BaseException] = []
    pool = VerifyPool(lambda _: None, errors.append, workers=1)
    task = asyncio.ensure_future(pool.keep_verifying())
    small, large = make_ring_note(), make_ring_note(ring_size=70, scope="s")
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    results = await asyncio.gather(
        pool.verify(small, find(small)), pool.verify(large, find(large)), return_exceptions=True
    )
    assert 1.4 < loop.time() - started_s < scaled(2.4)
    assert [str(result) for result in results] == [
        "error: the relay cannot verify signatures at the moment; try again in a few seconds"
    ] * 2
    assert errors
    assert pool.queued_units == 0
    # Once there is one, it goes on.
    monkeypatch.undo()
    assert await asyncio.wait_for(pool.verify(small, find(small)), 10.0) == ring_proof.verify_claim(find(small))
    task.cancel()
    await asyncio.wait([task])


async def test_one_note_waits_behind_few_of_a_sender_of_many() -> None:
    many = [make_ring_note(str(number), ring_size=10) for number in range(120)]
    order: list[str] = []

    async def verify(pool: VerifyPool, event: Event, claim: Claim | None, sender: str) -> None:
        await pool.verify(event, claim, sender)
        order.append(sender)

    async with running_pool() as (pool, _), asyncio.TaskGroup() as group:
        waiting = [group.create_task(verify(pool, note, find(note), "of many")) for note in many]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        waited_for = len(order)
        await verify(pool, make_event(), None, "of one")
        # Two batches of eighteen that were on their way, and its own.
        assert order.index("of one") <= waited_for + 3 * 18


async def test_a_fault_while_one_note_is_verified_is_told_to_its_sender_alone() -> None:
    broken = msgspec.structs.replace(find(make_ring_note("broken")), candidates=())
    async with running_pool() as (pool, _):
        faulty, good = await asyncio.gather(
            pool.verify(make_event(content="of a fault"), broken),
            pool.verify(make_event(), None),
            return_exceptions=True,
        )
        assert isinstance(faulty, WorkerFaultError)
        assert good is None
        assert pool.queued_units == 0


def test_a_ring_note_without_a_verdict_on_its_ring_is_a_fault_and_not_verified() -> None:
    claim = find(make_ring_note())
    assert isinstance(conclude(claim, Verdict(0.0)), WorkerFaultError)
    assert conclude(None, Verdict(0.0)) is None
    assert conclude(claim, Verdict(0.0, dialect=Dialect.CANONICAL)) == ring_proof.verify_claim(claim)


@pytest.mark.parametrize("workers", [1, 2])
async def test_many_notes_are_all_answered_by_several_workers(workers: int) -> None:
    notes = [make_ring_note(str(number)) for number in range(60)]
    async with running_pool(workers) as (pool, timings):
        await asyncio.gather(*(pool.verify(note, find(note)) for note in notes))
        assert len(timings) == 60
        assert pool.queued_units == 0


@pytest.mark.parametrize("kills_fork_server", [False, True])
async def test_what_a_worker_had_when_it_was_killed_is_answered_and_another_one_goes_on(
    kills_fork_server: bool,
) -> None:
    large = [make_ring_note(str(number), ring_size=70, scope="s") for number in range(8)]
    before = list_workers(os.getpid())
    async with running_pool() as (pool, _):
        await use_both(pool)
        (fork_server, workers) = list_workers(os.getpid())
        verifying = [asyncio.ensure_future(pool.verify(note, find(note))) for note in large]
        await asyncio.wait(verifying, return_when=asyncio.FIRST_COMPLETED)
        for pid in (*workers - before[1], *[fork_server] * kills_fork_server):
            os.kill(pid, signal.SIGKILL)
        results = await asyncio.gather(*verifying, return_exceptions=True)
        lost = [result for result in results if isinstance(result, WorkerEndedError)]
        # What it had been given: the others waited for the next one.
        assert 1 <= len(lost) <= 2
        proved = [result for result in results if not isinstance(result, Exception)]
        assert len(proved) == len(large) - len(lost)
        assert pool.queued_units == 0
    await until(lambda: list_workers(os.getpid())[1] <= before[1])
