"""Relay processes that sell notes, without sockets, in one event loop: each with its own pool, clock and memory, and each can be
killed between any two steps: before or after any statement to the database, any request to the node."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from relay.delivery.large_work import LargeWork
from relay.delivery.session import Session
from relay.handlers.event_verifier import EventVerifier
from relay.handlers.intake import EventIntake
from relay.limits import AcceptPolicy, InvoicePolicy, Limits, PrivacyPolicy, RingPolicy
from relay.policy.tiers import Tier
from relay.pricing.offer import PaymentRequired
from relay.pricing.payments import Nodes, Payments
from relay.pricing.sources import Sources
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from relay.storage.feed import Feed
from relay.storage.key_files import KeyFiles
from relay.storage.ledger import Ledger
from relay.storage.note import Note
from relay.storage.own_notes import OwnNotes
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.payments.unpaid_notes import UnpaidTotals
from relay.storage.reader import Reader
from relay.storage.retention import delete_expired
from relay.storage.row import Result
from relay.storage.writer import Writer
from relay.verify.pool import VerifyPool
from tests.support.held import make_publisher, make_waiting
from tests.support.scripted_node import ScriptedBackend, ScriptedNode
from tests.support.time_factor import scaled

LIMITS = Limits(ring_links_per_s=1e9)
# Far more than any test takes.
BOUND_S = scaled(20.0)


class Killed(BaseException):
    """The process is gone; no `except` of its own sees that."""


@dataclass
class Life:
    """Count the steps that a process has left; None: it lives on."""

    steps_left: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def step(self) -> None:
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                self.over.set()
                raise Killed


async def _yield(_: float) -> None:
    """Let others have their turn, and take no time."""
    await asyncio.sleep(0)


class Observer:
    """Take what the metrics would be told; it outlives its process, as what was scraped and logged does."""

    def __init__(self) -> None:
        self.unmatched = self.unknown = 0

    def report_settled(self, tier: str, msat: int) -> None: ...

    def report_published(self, seconds: float) -> None: ...

    def report_invoices(self, by_state: dict[str, int], unpaid_totals: UnpaidTotals) -> None: ...

    def report_elsewhere(self, by_account: dict[str, int]) -> None: ...

    def report_unmatched(self) -> None:
        self.unmatched += 1

    def report_unknown(self) -> None:
        self.unknown += 1

    def report_removable(self) -> None: ...

    def report_unstored(self, payments: int) -> None: ...

    def report_fault(self, advice: str) -> None: ...


@dataclass
class Process:
    """One process; `skew_s` is how far its clock is ahead. `published` and `told` outlive it: clients remember."""

    arguments: dict[str, Any]
    node: ScriptedNode
    verify_pool: VerifyPool
    policy: InvoicePolicy
    publish_every_s: float
    unix: Callable[[], int]
    skew_s: int
    token_bytes: Callable[[int], bytes]
    key_files: KeyFiles
    previous: ScriptedNode | None = None
    observer: Observer = field(default_factory=Observer)
    published: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    told: list[tuple[bytes, int, Result]] = field(default_factory=list)

    async def start(self) -> None:
        """Begin with nothing but what is in the database."""
        self.life = Life()
        self.clock_s = 0.0
        self.pool = await asyncpg.create_pool(
            **self.arguments,
            min_size=0,
            max_size=4,
            connection_class=_make_connection_class(self.life),
            reset=_leave_as_is,
        )
        # As a process that starts: it knows no key but those in the files.
        self._waiting = make_waiting(self.key_files, period_s=self.publish_every_s)
        self.writer = Writer(
            self.pool,
            feed=Feed(self.pool, self._publish),
            publish=self._publish,
            report=lambda _: None,
            waiting=self._waiting,
        )
        terms = PaymentTerms(self.policy, self.publish_every_s)
        ledger = Ledger(self.pool, self.pool, self.writer, self._waiting, terms, self.now)
        await ledger.prepare(has_other_hosts=False)
        current = ScriptedBackend(self.node, self.life.step, ledger.learn_account)
        # Whoever asks a process for something finds a node that has said who it is.
        ledger.learn_account(self.node.account)
        self.payments = Payments(
            terms,
            Nodes(current, None if self.previous is None else ScriptedBackend(self.previous, self.life.step)),
            ledger,
            self.observer,
            lambda: "http://relay.example",
            Sources(self.now, lambda: self.clock_s, self.token_bytes, _yield),
        )
        self.intake = EventIntake(
            LIMITS,
            PrivacyPolicy(publish_every_s=self.publish_every_s, max_held=10),
            Reader(self.pool, self.pool, lambda *_: None),
            OwnNotes(self.pool, self._waiting),
            EventVerifier(Limits(), RingPolicy(), AcceptPolicy(plain=True), self.verify_pool, LargeWork()),
            self.writer,
            self.payments.checkout,
            lambda: 0,
            self.now,
        )
        self._publisher = await make_publisher(
            self.pool, self.writer, self._waiting.held, publish_every_s=self.publish_every_s
        )
        self._writing = asyncio.create_task(self.writer.keep_committing())

    def now(self) -> int:
        return self.unix() + self.skew_s

    async def end(self) -> None:
        """Die at once: whatever is under way at the database is rolled back there."""
        self.life.steps_left = 0
        self.pool.terminate()
        self._writing.cancel()
        await asyncio.wait([self._writing])
        self._writing.cancelled() or self._writing.exception()

    async def live(self, work: Awaitable[Any]) -> Any:
        """Do something within a bound, or die over it (raises Killed): all that is under way ends with the first part that does."""
        task, death = asyncio.ensure_future(work), asyncio.ensure_future(self.life.over.wait())
        await asyncio.wait([task, death], timeout=BOUND_S, return_when=asyncio.FIRST_COMPLETED)
        if self.life.over.is_set():
            self.pool.terminate()
        task.cancel()
        death.cancel()
        await asyncio.wait([task, death])
        if self.life.over.is_set():
            # Whatever else it raised came of that.
            task.cancelled() or task.exception()
            raise Killed
        if task.cancelled():
            raise TimeoutError
        return task.result()

    async def send(self, event: Event, tier: Tier) -> Result | PaymentRequired | Rejected:
        """Send an event on a path as a client does, listen for its payment, and return what came of it."""
        try:
            answer = await self.intake.save_event(event, tier, Session(LIMITS, self.clock_s), self.clock_s)
            if isinstance(answer, PaymentRequired):
                await self._listen(answer)
        except Rejected as rejected:
            return rejected
        return answer

    async def follow(self) -> None:
        """Take all that the node's stream tells."""
        await self.payments.collector.follow_stream()

    async def look_up(self) -> None:
        """Make one pass, in which everything has its turn."""
        await self.pool.execute("UPDATE invoices SET look_up_at = 0 WHERE look_up_at IS NOT NULL")
        await self.payments.collector.look_up_due()
        if self.payments.previous is not None:
            await self.payments.previous.look_up_due()

    async def publish_batch(self) -> None:
        await self._publisher.publish(self.now())

    async def expire(self) -> None:
        async with self.pool.acquire() as connection:
            await delete_expired(connection, self.now())

    async def _listen(self, required: PaymentRequired) -> None:
        def tell(saved: Result) -> None:
            self.told.append((required.note_id, required.price_msat, saved))

        await self.payments.listeners.add_listener(required, self, tell)

    async def _publish(self, notes: Iterable[Note]) -> None:
        for note in self.payments.announce_notes(notes):
            self.published[bytes.fromhex(note.event.id), note.previous_price_msat] += 1


def _make_connection_class(life: Life) -> type[asyncpg.Connection]:
    """Return connections of a process that may end before and after each statement, the commit among them."""

    class Killable(asyncpg.Connection):  # type: ignore[misc]
        async def execute(self, *args: Any, **options: Any) -> Any:
            return await self._between(super().execute, *args, **options)

        async def executemany(self, *args: Any, **options: Any) -> Any:
            return await self._between(super().executemany, *args, **options)

        async def fetch(self, *args: Any, **options: Any) -> Any:
            return await self._between(super().fetch, *args, **options)

        async def fetchrow(self, *args: Any, **options: Any) -> Any:
            return await self._between(super().fetchrow, *args, **options)

        async def fetchval(self, *args: Any, **options: Any) -> Any:
            return await self._between(super().fetchval, *args, **options)

        async def _between(self, statement: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
            life.step()
            result = await statement(*args, **options)
            life.step()
            return result

        async def _reset(self, **options: Any) -> None:
            # Of a dead process it stays as it is until the pool is terminated.
            if not life.over.is_set():
                await super()._reset(**options)

    return Killable


async def _leave_as_is(_: asyncpg.Connection) -> None:
    return
