"""The sale of notes on priced paths: a note is kept unpaid, and an invoice is made for it. Knows no socket.

A note comes here twice: as it arrives, when what is known of its id decides, and once it is verified. What is asked for is
in the database before the node is asked, so that a crash loses neither a note nor a payment.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from hmac import compare_digest

from relay.policy import rules
from relay.policy.open_orders import OpenOrders
from relay.policy.order_rate import OrderRate
from relay.policy.rate_limit import TokenBucket
from relay.policy.tiers import MSAT_PER_SAT, Tier
from relay.postgres.errors import DATABASE_FAILURES
from relay.pricing.lightning.backend import Backend, BackendError
from relay.pricing.lightning.invoices import MEMO, OTHER_PAYEE
from relay.pricing.offer import Offer, PaymentRequired
from relay.pricing.room import Room
from relay.pricing.sources import Sources
from relay.protocol.event import Event, count_leading_zero_bits, encode_event
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.ledger import Ledger, OrderFacts
from relay.storage.note import Note
from relay.storage.payments.invoices import Order
from relay.storage.payments.note_status import NoteStatus
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.payments.unpaid_notes import UnpaidTotals
from relay.storage.row import Result, SaveResult
from relay.storage.sealing import measure_sealed

_BURST_S = 4.0
_UNAVAILABLE = "invoices are unavailable, try again later"
_MIB = 2**20
# What one order may displace: a place may be taken by another order meanwhile, and a large note needs that of some small ones.
_MAX_DISPLACED = 3


# Verifies an event, and returns it as a note. Raises Rejected.
Verify = Callable[[], Awaitable[Note]]


class Checkout:
    """The sale of notes. `find_url` gives the http(s) URL of the relay's root, without a slash at its end."""

    def __init__(
        self,
        terms: PaymentTerms,
        backend: Backend,
        ledger: Ledger,
        find_url: Callable[[], str],
        sources: Sources,
        room: Room,
    ) -> None:
        self._terms = terms
        self._invoices = terms.invoices
        self._backend = backend
        self._ledger = ledger
        self._find_url = find_url
        self._sources = sources
        self._room = room
        per_s = terms.invoices.per_s
        self._rate = TokenBucket(per_s, per_s * _BURST_S, sources.monotonic())
        self._recent = OrderRate(sources.monotonic())

    @property
    def pow_bits(self) -> int:
        """Return the bits of proof of work that an invoice needs now: more, the more are open and the faster others are made."""
        invoices = self._invoices
        open_invoices = self._ledger.unpaid_totals.open_invoices
        bits = invoices.pow_bits + invoices.pow_bits_when_full * open_invoices // invoices.max_open
        share = self._recent.find_share(self._sources.monotonic(), invoices.per_s)
        return bits + int(invoices.pow_bits_at_full_rate * share)

    async def offer(
        self, event: Event, tier: Tier, orders: OpenOrders, check_age: Callable[[], None], verify: Verify
    ) -> Result | PaymentRequired:
        """Publish an event with what was paid for it earlier, or offer it for its tier's price. Raises Rejected.

        `check_age` refuses an event that is too old to be sold; what was paid for before is never too old. `verify` is
        called after all cheaper checks; an invoice is made only for a verified note.
        """
        if count_leading_zero_bits(event.id) < self._invoices.pow_bits:
            # An event that was ordered before had this much at least. This one is new, and costs not even a look-up.
            check_age()
            self._check_can_be_ordered(event)
        status = await self._ledger.find_status(bytes.fromhex(event.id))
        if status.is_here_at(tier.price_msat):
            return SaveResult.HELD if status.is_held else SaveResult.DUPLICATE
        if status.unapplied_msat >= tier.price_msat:
            result = await self._ledger.spend_unapplied(await verify(), tier.price_msat)
            if result is not None:
                return result
        elif (required := self._find_offer(status, encode_event(event), tier)) is not None:
            return required
        check_age()
        self._check_can_be_ordered(event)
        # Every bound of orders is checked before any curve operation, which could be in vain.
        with orders.hold_order(self._sources.now(), self._invoices):
            self._check_rate()
            answer = await self._order_invoice(await verify(), tier)
            if isinstance(answer, PaymentRequired):
                orders.add_order(answer.note_id, answer.expires_at)
        return answer

    def _check_can_be_ordered(self, event: Event) -> None:
        """Refuse a new order of what would expire meanwhile, or has too little work: in that order. Raises Rejected."""
        rules.check_lasts(event, self._terms.find_published_by(self._sources.now()))
        rules.check_proof_of_work(event, self.pow_bits)

    def _check_rate(self) -> None:
        """Refuse an order that comes too fast before its note is verified, so that a flood of orders costs others nothing.

        An order counts once its note is verified: else invalid ones would keep valid ones out. Raises Rejected.
        """
        if not self._rate.has_tokens(self._sources.monotonic()):
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._invoices.per_s:g} invoices a second are made here; wait and try again",
            )

    def _find_offer(self, status: NoteStatus, encoded: bytes, tier: Tier) -> PaymentRequired | None:
        """Return the offer that was made for this very event on this path, where it can still be paid.

        The whole event is compared: its id will be public, and is no proof of having it.
        """
        invoice = status.invoices.get(tier.path)
        if invoice is None or status.encoded is None or not compare_digest(encoded, status.encoded):
            return None
        if invoice.bolt11 is None or invoice.expires_at <= self._sources.now():
            return None
        return self._make_offer(status.note_id, invoice.price_msat, invoice.token, invoice.bolt11, invoice.expires_at)

    async def _order_invoice(self, note: Note, tier: Tier) -> PaymentRequired | SaveResult:
        """Have an invoice made for a verified note, or return what becomes of the note without one.

        Raises Rejected where too many notes are unpaid or ordered, or without a node or a database.
        """
        order = self._make_order(note, tier, await self._find_account())
        # A copy of words that are here already can be bought.
        note = replace(note, content_key=None)

        try:
            # First without the rate and the lock, which all share: an order that is refused holds up nobody.
            facts = await self._ledger.find_facts(note)
            if (result := self._decide_order(order, facts)) is not None:
                return result
            refusal = self._find_lack(measure_sealed(len(note.encoded)), facts.unpaid_totals)
            if refusal is not None and not await self._room.can_be_made():
                raise refusal
            self._check_rate()
            self._rate.try_take(self._sources.monotonic())
            self._recent.add_order(self._sources.monotonic())
            with self._room.seen.hold(order.token):
                return await self._begin_order(order, note) or await self._create_invoice(order)
        except (BackendError, *DATABASE_FAILURES):
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None

    async def _find_account(self) -> str:
        """Return where the invoice will be made. Raises Rejected(error) while the node is away."""
        try:
            return await self._backend.find_account()
        except BackendError:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None

    async def _begin_order(self, order: Order, note: Note) -> SaveResult | None:
        """Record an order, or return what becomes of its note instead. Raises Rejected, BackendError and DATABASE_FAILURES.

        Where there is no room, the oldest orders that nobody looks at go.
        """
        refusal: Rejected | None = None

        def decide(facts: OrderFacts) -> SaveResult | None:
            nonlocal refusal
            result = self._decide_order(order, facts)
            reserved = self._room.count_reserved(place)
            if (
                result is None
                and (refusal := self._find_lack(measure_sealed(len(note.encoded)), facts.unpaid_totals, reserved))
                is not None
            ):
                raise refusal
            return result

        with self._room.reserve() as place:
            for _ in range(_MAX_DISPLACED):
                try:
                    return await self._ledger.begin_order(order, note, decide)
                except Rejected as rejected:
                    if rejected is not refusal or not await self._room.make(place):
                        raise
            return await self._ledger.begin_order(order, note, decide)

    def _make_order(self, note: Note, tier: Tier, account: str) -> Order:
        expires_at = self._sources.now() + self._invoices.expiry_s
        return Order(
            reference=self._sources.token_bytes(32),
            token=self._sources.token_bytes(16),
            note_id=bytes.fromhex(note.event.id),
            tier=tier.path,
            price_msat=tier.price_msat,
            expires_at=expires_at,
            forget_at=self._terms.find_forget_at(expires_at),
            account=account,
        )

    def _decide_order(self, order: Order, facts: OrderFacts) -> SaveResult | None:
        """Return what would become of a paid note where that is nothing new: nobody should pay for that.

        Raises Rejected where it is ordered already, or too often.
        """
        if facts.status.is_here_at(order.price_msat):
            return SaveResult.DUPLICATE
        self._check_not_ordered(facts.status, order)
        if facts.refusal is not None:
            return facts.refusal
        # Not those that expired: where a node cannot cancel they are watched for a day, and anybody can have them made for
        # a public note, which its author could not buy meanwhile.
        if len(facts.status.invoices.keys() - {order.tier}) >= self._invoices.max_per_note:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._invoices.max_per_note} invoices a note; pay one of them, or wait until they have expired",
            )
        return None

    def _check_not_ordered(self, status: NoteStatus, order: Order) -> None:
        """Refuse what another connection orders at the same moment. Raises Rejected."""
        invoice = status.invoices.get(order.tier)
        if invoice is not None and invoice.expires_at > self._sources.now():
            raise Rejected(Prefix.ERROR, "an invoice for this note is being made; send it again in a minute")

    def _find_lack(self, size: int, unpaid_totals: UnpaidTotals, reserved: int = 0) -> Rejected | None:
        """Return the refusal of an order for which there is no room; `size` is its note's, in bytes.

        `reserved` places are made for others.
        """
        invoices = self._invoices
        if unpaid_totals.open_invoices + reserved >= invoices.max_open:
            return Rejected(
                Prefix.ERROR, "too many invoices are open, and their payers wait; try again in some minutes"
            )
        if (
            unpaid_totals.notes + reserved >= invoices.max_unpaid_notes
            or unpaid_totals.bytes + size > invoices.max_unpaid_mib * _MIB
        ):
            return Rejected(Prefix.ERROR, "too many notes wait to be paid for; try again in some minutes")
        return None

    async def _create_invoice(self, order: Order) -> PaymentRequired:
        """Ask the node for the invoice, and record it. Raises Rejected(error), with nothing left behind."""
        try:
            invoice = await self._backend.create_invoice(
                order.reference, order.price_msat, MEMO, self._invoices.expiry_s
            )
            if await self._backend.find_account() != order.account:
                raise BackendError(OTHER_PAYEE)
        except BackendError:
            await self._ledger.drop_order(order)
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None
        if not await self._ledger.open_order(order, invoice.payment_hash, invoice.bolt11):
            raise Rejected(Prefix.ERROR, _UNAVAILABLE)
        return self._make_offer(order.note_id, order.price_msat, order.token, invoice.bolt11, order.expires_at)

    def _make_offer(
        self, note_id: bytes, price_msat: int, token: bytes, bolt11: str, expires_at: int
    ) -> PaymentRequired:
        pay_url = f"{self._find_url()}/pay/{token.hex()}"
        offer = Offer(price_msat // MSAT_PER_SAT, pay_url, bolt11)
        return PaymentRequired(offer, token, note_id, price_msat, expires_at)
