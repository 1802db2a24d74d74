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
from relay.pricing.lightning.invoices import HASH_TAKEN, MEMO, OTHER_PAYEE
from relay.pricing.observer import Observer
from relay.pricing.offer import Offer, PaymentRequired, Purpose
from relay.pricing.room import Place, Room
from relay.pricing.sources import Sources
from relay.protocol.event import Event, count_leading_zero_bits, encode_event
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.ledger import HashTakenError, OrderFacts
from relay.storage.note import Note
from relay.storage.payments.invoices import Order
from relay.storage.payments.note_status import NoteStatus, OpenInvoice
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.payments.unpaid_notes import UnpaidTotals
from relay.storage.row import Result, SaveResult
from relay.storage.sealing import measure_sealed

_BURST_S = 4.0
_UNAVAILABLE = "invoices are unavailable, try again later"
_MIB = 2**20
# What one order may displace: a place may be taken by another order meanwhile, and a large note needs that of some small ones.
_MAX_DISPLACED = 3
_FAULTY = "the Lightning node made a faulty invoice, which was not used; try again later, or tell the operator"
# Between two looks for the invoice that another connection has ordered: in all, longer than a node that is well takes.
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.2, 3.2)


class _OrderedElsewhere(Exception):
    """The order of the same note that another connection was quicker with, or a payment for it that came meanwhile."""


# Verifies an event, and returns it as a note. Raises Rejected.
Verify = Callable[[], Awaitable[Note]]


class Checkout:
    """The sale of notes. `find_url` gives the http(s) URL of the relay's root, without a slash at its end."""

    def __init__(
        self,
        terms: PaymentTerms,
        backend: Backend,
        observer: Observer,
        find_url: Callable[[], str],
        sources: Sources,
        room: Room,
    ) -> None:
        self._terms = terms
        self._invoices = terms.invoices
        self._backend = backend
        self._ledger = room.ledger
        self._observer = observer
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
        account = self._ledger.account
        status = await self._ledger.find_status(bytes.fromhex(event.id))
        if status.is_here_at(tier.min_price_msat):
            # Also where it was sold for less before the price rose: the path shows it.
            return SaveResult.HELD if status.is_held else SaveResult.DUPLICATE
        if self._ledger.unstored:
            # Who would pay now could be next. What is asked already can be paid, and is found later.
            raise Rejected(
                Prefix.ERROR, "a payment cannot be stored here at the moment, so nothing is sold; try again later"
            )
        if (bought_msat := _find_bought_price(status, tier)) is not None:
            result = await self._ledger.spend_unapplied(await verify(), bought_msat)
            if result is not None:
                return result
        elif (required := self._find_offer(status, encode_event(event), tier)) is not None:
            return required
        check_age()
        self._check_can_be_ordered(event)
        if not account:
            # After a start, once the node has said who it is, what it made before can be paid.
            await self._find_account()
            return await self.offer(event, tier, orders, check_age, verify)
        # Every bound of orders is checked before any curve operation, which could be in vain.
        with orders.hold_order(self._sources.now(), self._invoices):
            self._check_rate()
            answer = await self._order_in_turn(await verify(), tier)
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
        if status.encoded is None or not compare_digest(encoded, status.encoded):
            return None
        return self._find_open_offer(status, tier)

    def _find_open_offer(self, status: NoteStatus, tier: Tier) -> PaymentRequired | None:
        """Return the offer that was made for a note on this path, where it can still be paid."""
        invoice = status.invoices.get(tier.path)
        if invoice is None or invoice.bolt11 is None or invoice.expires_at <= self._sources.now():
            return None
        return self._make_offer(status, tier.path, invoice)

    async def _order_in_turn(self, note: Note, tier: Tier) -> PaymentRequired | Result:
        """Order a verified note, or return the offer that another connection has made for it meanwhile. Raises Rejected."""
        note_id = bytes.fromhex(note.event.id)
        try:
            for pause_s in _PAUSES_S:
                try:
                    return await self._order_invoice(note, tier)
                except _OrderedElsewhere:
                    status = await self._ledger.find_status(note_id)
                if (bought_msat := _find_bought_price(status, tier)) is not None:
                    result = await self._ledger.spend_unapplied(note, bought_msat)
                    if result is not None:
                        return result
                # Verified, it need not be the very event: whoever could sign it again is its author.
                elif (required := self._find_open_offer(status, tier)) is not None:
                    return required
                await self._sources.sleep(pause_s)
        except DATABASE_FAILURES:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None
        raise Rejected(Prefix.ERROR, "an invoice for this note is being made; send it again in a minute")

    async def _order_invoice(self, note: Note, tier: Tier) -> PaymentRequired | SaveResult:
        """Have an invoice made for a verified note, or return what becomes of the note without one.

        Raises Rejected where too many notes are unpaid or ordered, or without a node or a database.
        """
        account = await self._find_account()
        # A copy of words that are here already can be bought.
        note = replace(note, content_key=None)
        facts = await self._ledger.find_facts(note)
        order = self._make_order(facts.status, tier, account)

        # First without the rate and the lock, which all share: an order that is refused holds up nobody.
        if (result := self._decide_order(order, tier, facts)) is not None:
            return result
        refusal = self._find_lack(measure_sealed(len(note.encoded)), facts.unpaid_totals)
        if refusal is not None and not await self._room.can_be_made():
            raise refusal
        self._check_rate()
        self._rate.try_take(self._sources.monotonic())
        self._recent.add_order(self._sources.monotonic())
        with self._room.seen.hold(order.token):
            if (result := await self._begin_order(order, note, tier)) is not None:
                return result
            return self._make_offer(facts.status, tier.path, await self._create_invoice(order))

    async def _find_account(self) -> str:
        """Return where the invoice will be made. Raises Rejected(error) while the node is away."""
        try:
            return await self._backend.find_account()
        except BackendError:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None

    async def _begin_order(self, order: Order, note: Note, tier: Tier) -> SaveResult | None:
        """Record an order, or return what becomes of its note instead. Raises what `_decide_order` does, and DATABASE_FAILURES.

        Where there is no room, the oldest orders that nobody looks at go.
        """
        refusal: Rejected | None = None

        def decide(facts: OrderFacts) -> SaveResult | None:
            nonlocal refusal
            result = self._decide_order(order, tier, facts)
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
                    if rejected is not refusal or not await self._make_room(place):
                        raise
            return await self._ledger.begin_order(order, note, decide)

    async def _make_room(self, place: Place) -> bool:
        """End the oldest order that nobody looks at; return False where there is none. Raises Rejected(error) without a node."""
        try:
            return await self._room.make(place)
        except BackendError:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None

    def _make_order(self, status: NoteStatus, tier: Tier, account: str) -> Order:
        """Return the order of a note. What came for it before is not asked again, but for parts of a sat."""
        expires_at = self._sources.now() + self._invoices.expiry_s
        return Order(
            reference=self._sources.token_bytes(32),
            token=self._sources.token_bytes(16),
            note_id=status.note_id,
            tier=tier.path,
            price_msat=tier.price_msat,
            expires_at=expires_at,
            forget_at=self._terms.find_forget_at(expires_at),
            account=account,
            credit_msat=_find_credit(status),
        )

    def _decide_order(self, order: Order, tier: Tier, facts: OrderFacts) -> SaveResult | None:
        """Return what would become of a paid note where that is nothing new: nobody should pay for that.

        Raises Rejected where it is ordered too often, and _OrderedElsewhere.
        """
        status = facts.status
        if status.is_here_at(tier.min_price_msat):
            return SaveResult.DUPLICATE
        invoice = status.invoices.get(tier.path)
        is_ordered = invoice is not None and invoice.expires_at > self._sources.now()
        if is_ordered or _find_bought_price(status, tier) is not None or _find_credit(status) != order.credit_msat:
            raise _OrderedElsewhere
        if facts.refusal is not None:
            return facts.refusal
        # Not those that expired: where a node cannot cancel they are watched for a day, and anybody can have them made for
        # a public note, which its author could not buy meanwhile.
        if len(status.invoices.keys() - {tier.path}) >= self._invoices.max_per_note:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._invoices.max_per_note} invoices a note; pay one of them, or wait until they have expired",
            )
        return None

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

    async def _create_invoice(self, order: Order) -> OpenInvoice:
        """Ask the node for the invoice, and record it. Raises Rejected(error), with nothing left behind."""
        try:
            invoice = await self._backend.create_invoice(
                order.reference, order.price_msat - order.credit_msat, MEMO, self._invoices.expiry_s
            )
            if await self._backend.find_account() != order.account:
                raise BackendError(OTHER_PAYEE)
            is_wanted = await self._ledger.open_order(order, invoice.payment_hash, invoice.bolt11)
        except BackendError:
            await self._ledger.drop_order(order)
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None
        except HashTakenError:
            # Not cancelled at the node: by its hash that would be the other invoice.
            await self._ledger.drop_order(order)
            self._observer.report_fault(HASH_TAKEN)
            raise Rejected(Prefix.ERROR, _FAULTY) from None
        if not is_wanted:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE)
        return OpenInvoice(order.token, order.price_msat, order.credit_msat, invoice.bolt11, order.expires_at)

    def _make_offer(self, status: NoteStatus, path: str, invoice: OpenInvoice) -> PaymentRequired:
        """Return the offer of a note at an invoice that is made: what it is for, and where it is paid."""
        pay_url = f"{self._find_url()}/pay/{invoice.token.hex()}"
        here_sat = None if status.price_paid_msat is None else status.price_paid_msat // MSAT_PER_SAT
        purpose = Purpose(path, invoice.price_msat // MSAT_PER_SAT, here_sat, status.is_held)
        asked_sat = (invoice.price_msat - invoice.credit_msat) // MSAT_PER_SAT
        offer = Offer(asked_sat, pay_url, invoice.bolt11 or "", purpose)
        return PaymentRequired(offer, invoice.token, status.note_id, invoice.price_msat, invoice.expires_at)


def _find_credit(status: NoteStatus) -> int:
    """Return what came for a note before, in whole sats as msat."""
    return status.unapplied_msat // MSAT_PER_SAT * MSAT_PER_SAT


def _find_bought_price(status: NoteStatus, tier: Tier) -> int | None:
    """Return at which price (msat) a note is bought with what came for it before, None where that is not enough.

    What was paid too late for a lower price, from before it rose, buys the note at that price.
    """
    if status.unapplied_msat >= tier.price_msat:
        return tier.price_msat
    return status.late_msat if status.late_msat >= max(1, tier.min_price_msat) else None
