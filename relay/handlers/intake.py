"""An event's way through the checks to what becomes of it: refused, stored, held, or offered for a price. Knows no socket.

Each step calls the next, and none has a task of its own: the pool of workers and the writer call back for what they have done.
What must wait for something else first, a turn, the database or a Lightning node, waits in a task.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from relay.delivery.session import Session
from relay.handlers.event_verifier import EventVerifier, Examined, is_large
from relay.limits import Limits, PrivacyPolicy
from relay.policy import rules
from relay.policy.tiers import Tier
from relay.pricing.checkout import Checkout, Verify
from relay.pricing.offer import PaymentRequired
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from relay.storage.note import Note
from relay.storage.own_notes import OwnNotes
from relay.storage.reader import Reader
from relay.storage.row import Result, SaveResult
from relay.storage.writer import Writer

# What became of an event: an exception that is not Rejected is a fault of the relay.
Outcome = Result | PaymentRequired | Exception


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that has come, on a tier's path, from the client of a session. `answer` hears its outcome, once.

    `now_s` is when, monotonic.
    """

    event: Event
    tier: Tier
    session: Session
    now_s: float
    answer: Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class EventIntake:
    """What takes in events from all connections. Without a checkout no tier has a price."""

    limits: Limits
    privacy: PrivacyPolicy
    reader: Reader
    own_notes: OwnNotes
    verifier: EventVerifier
    writer: Writer
    checkout: Checkout | None
    find_held_bits: Callable[[], int]
    now: Callable[[], int]
    _waiting: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def take_in(self, arrival: Arrival) -> None:
        """Check, verify and store an event, cheapest first. This begins it; what is refused at once is answered at once."""
        try:
            if is_large(arrival.event):
                self._wait(arrival, self._examine_in_turn(arrival))
            else:
                self._go_on(arrival, self._examine(arrival.event, arrival.tier))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer
            arrival.answer(error)

    async def save_event(self, event: Event, tier: Tier, session: Session, now_s: float) -> Result | PaymentRequired:
        """Take in an event and return what became of it. Raises Rejected."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # Whoever waits may be cancelled meanwhile.
        answer = lambda outcome: None if answered.done() else answered.set_result(outcome)  # noqa: E731
        self.take_in(Arrival(event, tier, session, now_s, answer))
        outcome = await answered
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _examine(self, event: Event, tier: Tier) -> Examined:
        now = self.now()
        rules.check_event(event, now, self.limits)
        examined = self.verifier.examine(event, tier)
        if examined.form is not None:
            rules.check_created_at_step(event, now, self.privacy)
        return examined

    async def _examine_in_turn(self, arrival: Arrival) -> None:
        async with self.verifier.large_work.take_turn():
            examined = self._examine(arrival.event, arrival.tier)
        self._go_on(arrival, examined)

    def _go_on(self, arrival: Arrival, examined: Examined) -> None:
        if deleted_ids := rules.find_bare_deletion(arrival.event):
            self._wait(arrival, self._find_deleted(arrival, examined, deleted_ids))
        else:
            self._charge(arrival, examined)

    def _charge(self, arrival: Arrival, examined: Examined) -> None:
        """Ask for the price of a path, or for the work that a free note costs there. Raises Rejected."""
        event, tier = arrival.event, arrival.tier
        check_age = partial(rules.check_age, event, self.now(), self.verifier.ring)
        if tier.price_msat and self.checkout is not None:
            verify = partial(self.verifier.verify_event, examined, tier, arrival.session, arrival.now_s)
            self._wait(arrival, self._offer(self.checkout, arrival, check_age, verify))
            return
        check_age()
        # What the claim needs is said at once, where it is known: nobody should mine twice.
        bits = tier.pow_bits + (self.find_held_bits() if self._is_held(examined) else 0)
        rules.check_proof_of_work(event, max(bits, self.verifier.find_cost_bits(event, examined.claim)))
        if examined.form is None:
            # To verify it costs less than to look it up.
            self._submit(arrival, examined)
        else:
            self._wait(arrival, self._look_up(arrival, examined))

    async def _find_deleted(self, arrival: Arrival, examined: Examined, ids: list[bytes]) -> None:
        """Take a deletion request of an author's own notes for nothing, and any other one as a note."""
        event = arrival.event
        if await self.reader.is_stored(event.id):
            # What it was free for is gone, and nobody pays to send it again.
            arrival.answer(SaveResult.DUPLICATE)
            return
        price_msat = await self.own_notes.find_price(event.pubkey, ids)
        if price_msat is None:
            self._charge(arrival, examined)
        else:
            self._submit(arrival, await self.verifier.read_in_turn(examined, arrival.tier), price_msat)

    async def _offer(self, checkout: Checkout, arrival: Arrival, check_age: Callable[[], None], verify: Verify) -> None:
        arrival.answer(await checkout.offer(arrival.event, arrival.tier, arrival.session.orders, check_age, verify))

    async def _look_up(self, arrival: Arrival, examined: Examined) -> None:
        """Drop a ring note that is stored, before any curve operation: to send it again must cost less than to verify it."""
        if await self.reader.is_stored(arrival.event.id):
            arrival.answer(SaveResult.DUPLICATE)
            return
        if self._is_held(examined):
            arrival.session.check_held_share(arrival.now_s)
        self._submit(arrival, await self.verifier.read_in_turn(examined, arrival.tier))

    def _submit(self, arrival: Arrival, examined: Examined, deleted_msat: int | None = None) -> None:
        """Have an event verified, and then stored, at the price of what it deletes if that is given. Raises Rejected."""

        def store(note: Note | Exception) -> None:
            if isinstance(note, Exception):
                arrival.answer(note)
                return
            try:
                self.writer.submit(self._finish(note, examined, deleted_msat), arrival.session, arrival.answer)
            except Rejected as rejected:
                arrival.answer(rejected)

        self.verifier.submit(examined, arrival.session, arrival.now_s, store)

    def _finish(self, note: Note, examined: Examined, deleted_msat: int | None) -> Note:
        if deleted_msat is not None:
            # Of a request that costs nothing every copy is accepted.
            return replace(note, content_key=None, price_paid_msat=deleted_msat)
        # Posting costs next to nothing here, so a copy of somebody's words would crowd out others for nothing.
        return replace(note, is_held=True) if self._is_held(examined) else note

    def _is_held(self, examined: Examined) -> bool:
        return examined.form is not None and self.privacy.publish_every_s > 0

    def _wait(self, arrival: Arrival, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._do(arrival, work))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _do(self, arrival: Arrival, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer
            arrival.answer(error)

    def describe_result(self, result: Result | PaymentRequired) -> str:
        """Return the text of the OK."""
        text = result.text
        if result is SaveResult.HELD:
            # The same for everybody: nothing in it says how many notes wait.
            share = f" that leaves at least {self.privacy.min_batch} waiting" if self.privacy.min_batch else ""
            text += f"{share}, within {self.privacy.longest_wait_s:g} seconds"
        return text
