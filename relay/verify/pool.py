"""A pool of processes that verifies signatures, in batches of bounded work; a lone plain note it verifies itself."""

import asyncio
import os
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from relay.turns import Turns
from relay.verify import proof, schnorr
from relay.verify.claim import Claim, RingProof
from relay.verify.task import Verdict, to_task
from relay.verify.workers import WorkerLink, start_worker

# One unit is one Schnorr check or one ring link, about 45 microseconds on the machines this was measured on.
_UNIT_S = 45e-6
# A round trip to a worker costs more than a Schnorr check, so workers get batches of about 3 ms of work.
# Of 9, the loop heard two hundred verdicts in one turn.
_BATCH_UNITS = 64
# Clients give up after 2.5 s (NDK) or 4.4 s (nostr-tools). A note that would wait longer than this is refused at once.
_MAX_WAIT_S = 1.5
_MAX_WORKERS = 4
# A worker has its next batch before the loop has read the verdicts on the last one.
_BATCHES_AHEAD = 2
# A worker that cannot live, as where there is no memory, is not started in a loop without a pause.
_RETRY_S = 1.0
_NO_WORKER = "the relay cannot verify signatures at the moment; try again in a few seconds"


class WorkerEndedError(Exception):
    """The end of a worker while it verified: it was killed, or ran out of memory."""


class WorkerFaultError(Exception):
    """A fault of the relay in a worker, which has logged it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The report of one verification: seconds of a worker, and whether it passed."""

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
    sender: Hashable
    cost: int
    listeners: list[Done]


def count_units(claim: Claim | None) -> int:
    """Return the work of verifying one note: one unit for Schnorr and one for each ring link."""
    return 1 if claim is None else 1 + claim.links


class VerifyPool:
    """A pool that verifies notes, of one worker a core for small ones and another for large ones, which gives way to all else.

    So a small note never waits behind a large one, and a plain one that comes alone for no worker. The caller owns a task of
    `keep_verifying`, which reports why no worker starts.
    """

    def __init__(
        self,
        report: Callable[[Timing], None],
        report_error: Callable[[BaseException], None],
        workers: int | None = None,
    ) -> None:
        self._size = workers or min(os.cpu_count() or 1, _MAX_WORKERS)
        self._report = report
        self._report_error = report_error
        # Of small notes (False), and of large ones, which are more than a batch.
        self._workers: dict[bool, list[WorkerLink]] = {False: [], True: []}
        self._queues: dict[bool, Turns[_Job]] = {False: Turns(), True: Turns()}
        self._giving_up: set[bool] = set()
        self._is_sending_soon = False
        self._is_first_of_turn = True
        self._in_flight: dict[tuple[str, str], _Job] = {}
        self.max_queued_units = int(_MAX_WAIT_S / _UNIT_S) * self._size
        self.queued_units = 0

    def submit(self, event: Event, claim: Claim | None, sender: Hashable, done: Done) -> None:
        """Verify the Schnorr signature and the ring signature, if one is claimed; `done` hears the proof or the refusal.

        Senders take turns, so that one note waits behind few of another's.
        Raises Rejected("error") if the queue is full.
        """
        if claim is None and not self.queued_units and self._is_first_of_turn:
            self._verify_alone(event, done)
            return
        # The id commits to everything but the signature. Only work under way is shared; no result is cached.
        key = (event.id, event.sig)
        job = self._in_flight.get(key)
        if job is None:
            self._in_flight[key] = self._enqueue(event, claim, sender, done)
        else:
            job.listeners.append(done)

    async def verify(self, event: Event, claim: Claim | None, sender: Hashable = None) -> RingProof | None:
        """Verify as `submit` does, and return the ring proof.

        Raises Rejected: "invalid" if a signature does not verify, "error" if the queue is full.
        """
        verified: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        # Whoever waits may be cancelled meanwhile.
        self.submit(event, claim, sender, lambda result: None if verified.done() else verified.set_result(result))
        result = await verified
        if isinstance(result, Exception):
            raise result
        return result

    def _verify_alone(self, event: Event, done: Done) -> None:
        """Verify a plain note here: a lone one is answered in 1.25 to 1.46 ms, and by way of a worker in 1.62 to 1.89.

        One a turn of the loop keeps nobody waiting.
        """
        self._is_first_of_turn = False
        asyncio.get_running_loop().call_soon(self._begin_turn)
        started_s = time.perf_counter()
        result: _Result = None
        try:
            schnorr.verify_signature(event)
        except Exception as error:  # noqa: BLE001 - it is for who sent the note
            result = error
        self._report(Timing(None, time.perf_counter() - started_s, result is None))
        done(result)

    def _begin_turn(self) -> None:
        self._is_first_of_turn = True

    def _enqueue(self, event: Event, claim: Claim | None, sender: Hashable, done: Done) -> _Job:
        units = count_units(claim)
        # The last quarter is for small notes: large notes alone must not fill the queue.
        room = self.max_queued_units if units <= _BATCH_UNITS else self.max_queued_units * 3 // 4
        if self.queued_units + units > room:
            raise Rejected(Prefix.ERROR, "the verification queue is full; try again in a few seconds")
        job = _Job(event, claim, sender, units, [done])
        self._queues[units > _BATCH_UNITS].push(job)
        self.queued_units += units
        self._send_soon()
        return job

    async def keep_verifying(self) -> None:
        """Verify what is queued until cancelled."""
        async with asyncio.TaskGroup() as group:
            for is_large in self._workers:
                for _ in range(self._size):
                    group.create_task(self._keep_worker(is_large=is_large))

    async def _keep_worker(self, *, is_large: bool) -> None:
        """Have one worker, and another one if it ends."""
        workers, loop = self._workers[is_large], asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            try:
                worker = await start_worker(is_for_large=is_large)
            except OSError as error:
                if not workers:
                    self._report_error(error)
            else:
                workers.append(worker)
                self._send_soon()
                try:
                    await worker.ended.wait()
                finally:
                    workers.remove(worker)
                    worker.close()
                self._send_soon()
            await asyncio.sleep(started_s + _RETRY_S - loop.time())

    def _send_soon(self) -> None:
        """Send what is queued when what has come with it is queued, too."""
        if not self._is_sending_soon:
            self._is_sending_soon = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._is_sending_soon = False
        for is_large, queue in self._queues.items():
            while queue and (worker := self._find_free(is_large=is_large)) is not None:
                jobs = queue.pop_batch(_BATCH_UNITS, _BATCH_UNITS)
                worker.send(tuple(to_task(job.event, job.claim) for job in jobs), partial(self._hear, jobs))
            if queue and not self._workers[is_large] and is_large not in self._giving_up:
                self._giving_up.add(is_large)
                asyncio.get_running_loop().call_later(_MAX_WAIT_S, partial(self._give_up, is_large=is_large))

    def _find_free(self, *, is_large: bool) -> WorkerLink | None:
        """Return the worker with the fewest batches, None if all have as many as they may."""
        there = (worker for worker in self._workers[is_large] if worker.is_there)
        worker = min(there, key=lambda one: one.batches_waiting, default=None)
        return worker if worker is not None and worker.batches_waiting < _BATCHES_AHEAD else None

    def _give_up(self, *, is_large: bool) -> None:
        """Refuse what waits, if there is still no worker."""
        self._giving_up.remove(is_large)
        queue = self._queues[is_large]
        while queue and not self._workers[is_large]:
            for job in queue.pop_batch(_BATCH_UNITS, _BATCH_UNITS):
                self._answer(job, Rejected(Prefix.ERROR, _NO_WORKER))

    def _hear(self, jobs: Sequence[_Job], verdicts: Sequence[Verdict] | None) -> None:
        for place, job in enumerate(jobs):
            verdict = None if verdicts is None else verdicts[place]
            result = conclude(job.claim, verdict)
            if verdict is not None:
                self._report(Timing(job.claim, verdict.seconds, not isinstance(result, Exception)))
            self._answer(job, result)
        self._send()

    def _answer(self, job: _Job, result: _Result) -> None:
        self.queued_units -= job.cost
        del self._in_flight[job.event.id, job.event.sig]
        for done in job.listeners:
            done(result)


def conclude(claim: Claim | None, verdict: Verdict | None) -> _Result:
    """Return what a verdict says of a note."""
    if verdict is None:
        return WorkerEndedError()
    if verdict.is_fault:
        return WorkerFaultError()
    if verdict.reason is not None:
        refusal = Rejected(Prefix.INVALID, verdict.reason)
        # That of the author's own signature is the same in every form.
        return refusal if claim is None else proof.explain_refusal(claim, refusal)
    if claim is None:
        return None
    if verdict.dialect is None:
        # It was asked for the author's signature alone. Without this a ring note would be taken that nobody verified.
        return WorkerFaultError()
    try:
        return proof.conclude(claim, verdict.place, verdict.dialect)
    except Rejected as rejected:
        return rejected
