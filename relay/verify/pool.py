"""A pool of threads that verifies signatures, in batches of bounded work. Knows queues and threads, no equations."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import proof, schnorr
from relay.verify.claim import Claim, RingProof
from relay.verify.steps import Steps, finish

# One unit is one Schnorr check or one ring link, about 45 microseconds on the machines this was measured on.
_UNIT_S = 45e-6
# A round trip to the executor costs more than a Schnorr check, so threads get batches of about 9 ms of work.
_BATCH_UNITS = 200
# Clients give up after 2.5 s (NDK) or 4.4 s (nostr-tools). A note that would wait longer than this is refused at once.
_MAX_WAIT_S = 1.5
_MAX_THREADS = 4
# A thread has its next batch before the loop has read the results of the last one.
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """The report of one verification: seconds on the thread, and whether it passed."""

    claim: Claim | None
    seconds: float
    accepted: bool


# What was proved, or why the note is refused; another exception is a fault of the relay.
_Result = RingProof | Exception | None
# Hears the result in the event loop. Raises nothing.
Done = Callable[[_Result], None]


@dataclass(eq=False, slots=True)
class _Job:
    event: Event
    claim: Claim | None
    units: int
    listeners: list[Done]
    steps: Steps[RingProof | None]
    seconds: float = 0.0


def count_units(claim: Claim | None) -> int:
    """Return the work of verifying one note: one unit for Schnorr and one for each ring link."""
    return 1 if claim is None else 1 + claim.links


class VerifyPool:
    """A pool of one thread per core that verifies notes. The caller owns a task of `keep_verifying`."""

    def __init__(self, report: Callable[[Timing], None], threads: int | None = None) -> None:
        self._threads = threads or min(os.cpu_count() or 1, _MAX_THREADS)
        self._report = report
        # A note above the size of a batch is verified in steps of about that size, and small ones come in between: they never
        # wait behind more than one step a thread, and what that one has next.
        self._small: deque[_Job] = deque()
        self._large: deque[_Job] = deque()
        self._large_next = False
        self._arrived = asyncio.Event()
        self._in_flight: dict[tuple[str, str], _Job] = {}
        self.max_queued_units = int(_MAX_WAIT_S / _UNIT_S) * self._threads
        self.queued_units = 0

    def submit(self, event: Event, claim: Claim | None, done: Done) -> None:
        """Verify the Schnorr signature and the ring signature, if one is claimed; `done` hears the proof or the refusal.

        Raises Rejected("error") if the queue is full.
        """
        # The id commits to everything but the signature. Only work under way is shared; no result is cached.
        key = (event.id, event.sig)
        job = self._in_flight.get(key)
        if job is None:
            self._in_flight[key] = self._enqueue(event, claim, done)
        else:
            job.listeners.append(done)

    async def verify(self, event: Event, claim: Claim | None) -> RingProof | None:
        """Verify as `submit` does, and return the ring proof.

        Raises Rejected: "invalid" if a signature does not verify, "error" if the queue is full.
        """
        verified: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        # Whoever waits may be cancelled meanwhile.
        self.submit(event, claim, lambda result: None if verified.done() else verified.set_result(result))
        result = await verified
        if isinstance(result, Exception):
            raise result
        return result

    def _enqueue(self, event: Event, claim: Claim | None, done: Done) -> _Job:
        units = count_units(claim)
        # The last quarter is for small notes: large notes alone must not fill the queue.
        room = self.max_queued_units if units <= _BATCH_UNITS else self.max_queued_units * 3 // 4
        if self.queued_units + units > room:
            raise Rejected(Prefix.ERROR, "the verification queue is full; try again in a few seconds")
        job = _Job(event, claim, units, [done], _verify_in_steps(event, claim))
        (self._small if units <= _BATCH_UNITS else self._large).append(job)
        self.queued_units += units
        self._arrived.set()
        return job

    async def keep_verifying(self) -> None:
        """Verify what is queued until cancelled."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="verify") as executor:
            async with asyncio.TaskGroup() as group:
                for _ in range(_BATCHES_AHEAD * self._threads):
                    group.create_task(self._keep_verifying_batches(executor))

    async def _keep_verifying_batches(self, executor: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = self._pop_batch()
            if not batch:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            results = await loop.run_in_executor(executor, _verify_batch, batch)
            for job, result in zip(batch, results, strict=True):
                if isinstance(result, _Unfinished):
                    self._large.appendleft(job)
                    self._arrived.set()
                else:
                    self._finish(job, result)

    def _finish(self, job: _Job, result: _Result) -> None:
        self.queued_units -= job.units
        del self._in_flight[job.event.id, job.event.sig]
        self._report(Timing(job.claim, job.seconds, not isinstance(result, Exception)))
        for done in job.listeners:
            done(result)

    def _pop_batch(self) -> list[_Job]:
        if self._large and (self._large_next or not self._small):
            self._large_next = False
            return [self._large.popleft()]
        self._large_next = True
        batch: list[_Job] = []
        units = 0
        while self._small and units + self._small[0].units <= _BATCH_UNITS:
            batch.append(self._small.popleft())
            units += batch[-1].units
        return batch


class _Unfinished:
    """The result of a step that was not the last one."""


def _verify_batch(batch: list[_Job]) -> list[_Result | _Unfinished]:
    is_large = batch[0].units > _BATCH_UNITS
    return [_verify_one(job, is_large=is_large) for job in batch]


def _verify_one(job: _Job, *, is_large: bool) -> _Result | _Unfinished:
    started_s = time.perf_counter()
    try:
        if not is_large:
            return finish(job.steps)
        next(job.steps)
    except StopIteration as end:
        proved: RingProof | None = end.value
        return proved
    except Exception as error:  # noqa: BLE001 - it is for who sent the note, and others go on
        return error
    finally:
        job.seconds += time.perf_counter() - started_s
    return _Unfinished()


def _verify_in_steps(event: Event, claim: Claim | None) -> Steps[RingProof | None]:
    schnorr.verify_signature(event)
    return None if claim is None else (yield from proof.verify_in_steps(claim))
