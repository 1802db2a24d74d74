"""The verification of an event: what it claims, what that costs its author, and whether it holds. Knows no socket and no table."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from relay.delivery.large_work import LargeWork
from relay.delivery.session import Session
from relay.limits import AcceptPolicy, Limits, RingPolicy
from relay.policy import rules
from relay.policy.index_rows import count_touched_rows, find_rows_bits
from relay.policy.tiers import Tier
from relay.protocol.event import Event, encode_event
from relay.protocol.refusal import Rejected
from relay.protocol.ring_terms import Form
from relay.storage.note import Note
from relay.verify import proof as ring_proof
from relay.verify.claim import Claim, RingProof
from relay.verify.pool import VerifyPool, count_units

# One connection may fill at most this part of the verification queue, so that others always find room.
_QUEUE_SHARE = 4
# Reading a claim takes 2 ms for a ring of 1,024, and up to 10 for a text.
_LARGE_CHARS = 16_384
_CHARS_PER_VALUE = 64

# Hears the note whose signatures hold, or why it is refused; another exception is a fault of the relay. Raises nothing.
Verified = Callable[[Note | Exception], None]


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
        (25 us for five members, at most 0.5 ms). All else is read after the work.
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
        return Examined(event, form, None if is_large(event) else self._read_claim(event, form, tier))

    async def verify_event(self, examined: Examined, tier: Tier, session: Session, now_s: float) -> Note:
        """Return the event as a note whose signatures hold, with its content key. `now_s` is monotonic. Raises Rejected."""
        verified: asyncio.Future[Note | Exception] = asyncio.get_running_loop().create_future()
        whole = await self.read_in_turn(examined, tier)
        # Whoever waits may be cancelled meanwhile.
        self.submit(whole, session, now_s, lambda note: None if verified.done() else verified.set_result(note))
        note = await verified
        if isinstance(note, Exception):
            raise note
        return note

    def submit(self, examined: Examined, session: Session, now_s: float, verified: Verified) -> None:
        """Have the signatures of an event verified whose claim is read, if it has one. `now_s` is monotonic. Raises Rejected."""
        event, claim = examined.event, examined.claim
        rules.check_proof_of_work(event, self.find_cost_bits(event, claim))
        units = count_units(claim)
        session.check_ring_rate(units - 1, now_s)
        session.check_row_rate(count_touched_rows(event, claim), now_s)
        session.begin_verification(units, self.pool.max_queued_units // _QUEUE_SHARE)

        def finish(proof: RingProof | Exception | None) -> None:
            session.end_verification(units)
            if isinstance(proof, Exception):
                verified(proof)
            else:
                verified(Note(event, encode_event(event), claim, None if proof is None else proof.content_key))

        try:
            self.pool.submit(event, claim, session, finish)
        except Rejected:
            session.end_verification(units)
            raise

    def find_cost_bits(self, event: Event, claim: Claim | None) -> int:
        """Return the bits of proof of work that it takes to have a claim verified, and a note of so many rows stored."""
        return max(rules.find_cost_bits(claim, self.ring), find_rows_bits(event, claim, self.limits))

    async def read_in_turn(self, examined: Examined, tier: Tier) -> Examined:
        """Return an event with its claim, if it has one. Raises Rejected."""
        event, form = examined.event, examined.form
        if examined.claim is not None or form is None:
            return examined
        if not is_large(event):
            return replace(examined, claim=self._read_claim(event, form, tier))
        async with self.large_work.take_turn():
            return replace(examined, claim=self._read_claim(event, form, tier))

    def _read_claim(self, event: Event, form: Form, tier: Tier) -> Claim:
        claim = ring_proof.read_claim(event, form, self.ring.max_size_message_forms)
        rules.check_claim(event, claim, self.ring)
        rules.check_tier_ring(len(claim.ring), tier)
        return claim


def is_large(event: Event) -> bool:
    """Return whether an event takes so long to read that it must wait for a turn."""
    return len(event.content) + _CHARS_PER_VALUE * sum(map(len, event.tags)) >= _LARGE_CHARS
