"""An event's way through the checks to what becomes of it: refused, stored, held, or offered for a price. Knows no socket."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from relay.delivery.large_work import LargeWork
from relay.delivery.session import Session
from relay.limits import AcceptPolicy, Limits, PrivacyPolicy, RingPolicy
from relay.policy import rules
from relay.policy.index_rows import count_touched_rows, find_rows_bits
from relay.policy.tiers import Tier
from relay.pricing.checkout import Checkout
from relay.pricing.offer import PaymentRequired
from relay.protocol.event import Event, encode_event
from relay.protocol.ring_terms import Form
from relay.storage.note import Note
from relay.storage.own_notes import OwnNotes
from relay.storage.reader import Reader
from relay.storage.row import Result, SaveResult
from relay.storage.writer import Writer
from relay.verify import proof as ring_proof
from relay.verify.claim import Claim
from relay.verify.pool import VerifyPool, count_units

# One connection may fill at most this part of the verification queue, so that others always find room.
_QUEUE_SHARE = 4
# Reading a claim takes 2 ms for a ring of 1,024, and up to 10 for a text.
_LARGE_CHARS = 16_384
_CHARS_PER_VALUE = 64


@dataclass(frozen=True, slots=True)
class Examined:
    """An event of an accepted kind, size and form. It has no claim if it is plain, or as long as it is not read."""

    event: Event
    form: Form | None
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class EventVerifier:
    """The verification of events, and the rules about what they claim."""

    limits: Limits
    ring: RingPolicy
    accept: AcceptPolicy
    pool: VerifyPool
    large_work: LargeWork

    def examine(self, event: Event, tier: Tier) -> Examined:
        """Refuse what no proof of work can change, as far as it is cheap to see. Raises Rejected.

        Nobody has worked for this, so it must cost little: a ring in a tag is counted, and read where the note is small
        (25 us for five members, at most 0.5 ms). All else is read by `verify_event`, after the work.
        """
        rules.check_tier(event, tier)
        form = ring_proof.find_form(event)
        if form is None:
            rules.check_plain(event, self.accept)
            return Examined(event, None)
        members = ring_proof.count_members(event, form, self.ring.max_size_message_forms)
        if members is None:
            return Examined(event, form)
        rules.check_max_ring(members, self.ring)
        rules.check_tier_ring(members, tier)
        return Examined(event, form, None if _is_large(event) else self._read_claim(event, form, tier))

    async def verify_event(self, examined: Examined, tier: Tier, session: Session, now_s: float) -> Note:
        """Return the event as a note whose signatures hold, with its content key. `now_s` is monotonic. Raises Rejected."""
        event, claim = examined.event, examined.claim
        if claim is None and examined.form is not None:
            claim = await self._wait_for_claim(event, examined.form, tier)
        rules.check_proof_of_work(event, self.find_cost_bits(event, claim))
        units = count_units(claim)
        session.check_ring_rate(units - 1, now_s)
        session.check_row_rate(count_touched_rows(event, claim), now_s)
        with session.hold_verification(units, self.pool.max_queued_units // _QUEUE_SHARE):
            proof = await self.pool.verify(event, claim)
        return Note(event, encode_event(event), claim, None if proof is None else proof.content_key)

    def find_cost_bits(self, event: Event, claim: Claim | None) -> int:
        """Return the bits of proof of work that it takes to have a claim verified, and a note of so many rows stored."""
        return max(rules.find_cost_bits(claim, self.ring), find_rows_bits(event, claim, self.limits))

    async def _wait_for_claim(self, event: Event, form: Form, tier: Tier) -> Claim:
        """Read what a note claims by its ring signature. Raises Rejected."""
        if not _is_large(event):
            return self._read_claim(event, form, tier)
        async with self.large_work.take_turn():
            return self._read_claim(event, form, tier)

    def _read_claim(self, event: Event, form: Form, tier: Tier) -> Claim:
        claim = ring_proof.read_claim(event, form, self.ring.max_size_message_forms)
        rules.check_claim(event, claim, self.ring)
        rules.check_tier_ring(len(claim.ring), tier)
        return claim


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

    def _examine(self, event: Event, tier: Tier) -> Examined:
        now = self.now()
        rules.check_event(event, now, self.limits)
        examined = self.verifier.examine(event, tier)
        if examined.form is not None:
            rules.check_created_at_step(event, now, self.privacy)
        return examined

    async def save_event(self, event: Event, tier: Tier, session: Session, now_s: float) -> Result | PaymentRequired:
        """Check, verify and store an event, and return what became of it, or what is asked for it. Cheapest first.

        `now_s` is monotonic. Raises Rejected.
        """
        if _is_large(event):
            async with self.verifier.large_work.take_turn():
                examined = self._examine(event, tier)
        else:
            examined = self._examine(event, tier)
        deleted_ids = rules.find_bare_deletion(event)
        if deleted_ids and await self.reader.is_stored(event.id):
            # What it was free for is gone, and nobody pays to send it again.
            return SaveResult.DUPLICATE
        deleted_msat = await self.own_notes.find_price(event.pubkey, deleted_ids) if deleted_ids else None
        if deleted_msat is None:
            check_age = partial(rules.check_age, event, self.now(), self.verifier.ring)
            if tier.price_msat and self.checkout is not None:
                verify = partial(self.verifier.verify_event, examined, tier, session, now_s)
                return await self.checkout.offer(event, tier, session.orders, check_age, verify)
            check_age()
            is_held = self._is_held(examined)
            # What the claim needs is said at once, where it is known: nobody should mine twice.
            bits = tier.pow_bits + (self.find_held_bits() if is_held else 0)
            rules.check_proof_of_work(event, max(bits, self.verifier.find_cost_bits(event, examined.claim)))
            if await self.reader.is_stored(event.id):
                # Before any curve operation: to send a note again must cost less than to verify it.
                return SaveResult.DUPLICATE
            if is_held:
                session.check_held_share(now_s)
        note = await self.verifier.verify_event(examined, tier, session, now_s)
        if deleted_msat is not None:
            return await self.writer.save(replace(note, content_key=None, price_paid_msat=deleted_msat), session)
        # Posting costs next to nothing here, so a copy of somebody's words would crowd out others for nothing.
        return await self.writer.save(replace(note, is_held=self._is_held(examined)), session)

    def describe_result(self, result: Result | PaymentRequired) -> str:
        """Return the text of the OK."""
        text = result.text
        if result is SaveResult.HELD:
            # The same for everybody: nothing in it says how many notes wait.
            share = f" that leaves at least {self.privacy.min_batch} waiting" if self.privacy.min_batch else ""
            text += f"{share}, within {self.privacy.longest_wait_s:g} seconds"
        return text

    def _is_held(self, examined: Examined) -> bool:
        return examined.form is not None and self.privacy.publish_every_s > 0


def _is_large(event: Event) -> bool:
    return len(event.content) + _CHARS_PER_VALUE * sum(map(len, event.tags)) >= _LARGE_CHARS
