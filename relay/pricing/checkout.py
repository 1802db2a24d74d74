"""Where a note on a priced path is offered for its price: parked, and an invoice made for it. Knows no socket.

A note comes here twice: as it arrives, when what is known of its id decides, and once it is verified. Whatever was
asked for is in the database before the node hears of it, so that a crash loses neither a note nor a payment.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest

import asyncpg

from relay.limits import InvoicePolicy
from relay.policy.rate_limit import TokenBucket
from relay.policy.tiers import MSAT_PER_SAT, Tier
from relay.postgres.errors import DATABASE_FAILURES
from relay.pricing.lightning.backend import Backend, BackendError
from relay.pricing.offer import Offer, encode_offer
from relay.pricing.settlement import SettlementTerms, Spending, to_due
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.batched_lookup import BatchedLookup
from relay.storage.insert import find_refusal
from relay.storage.note import Note
from relay.storage.payments.invoices import Order, begin_invoice, count_others_of, drop_invoice, open_invoice
from relay.storage.payments.note_status import NoteStatus, find_status, find_statuses
from relay.storage.payments.unpaid_notes import UnpaidTotals, count_unpaid, delete_uninvoiced, insert_unpaid
from relay.storage.row import Row, SaveResult, to_row
from relay.storage.writer import Writer
from relay.storage.writer_lock import lock_writers

# The same for every note: it stands in the payer's wallet, and in the node's books.
MEMO = "note"
_GIVE_UP_S = 60
_ROUND_S = 3_600
_BURST_S = 4.0
_UNAVAILABLE = "invoices are unavailable, try again later"
_MIB = 2**20
# What one look-up asks for at most.
_MAX_LOOKUPS = 100


@dataclass(frozen=True, slots=True)
class Charged:
    """What a note's author is asked to pay, and when that ends (Unix seconds)."""

    offer: Offer
    note_id: bytes
    price_msat: int
    expires_at: int


class PaymentRequired(Rejected):
    """Refuse a note until it is paid for, and say where."""

    def __init__(self, charged: Charged) -> None:
        super().__init__(Prefix.RESTRICTED, encode_offer(charged.offer).removeprefix(f"{Prefix.RESTRICTED}: "))
        self.charged = charged


class Checkout:
    """Ask for the price of notes. `find_url` gives the http(s) URL of the relay's root, without a slash at its end."""

    def __init__(
        self,
        invoices: InvoicePolicy,
        terms: SettlementTerms,
        backend: Backend,
        pool: asyncpg.Pool,
        lookups: asyncpg.Pool,
        writer: Writer,
        *,
        find_url: Callable[[], str],
        now: Callable[[], int],
        clock: Callable[[], float],
        report: Callable[[str, BackendError | None], None],
        token_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._invoices = invoices
        self._terms = terms
        self._backend = backend
        self._pool = pool
        # Every event that is sent is looked up, with or without work: not where the writer and the feed would wait behind it.
        self._lookups = lookups
        self._statuses: BatchedLookup[bytes, NoteStatus] = BatchedLookup(self._find_statuses, _MAX_LOOKUPS)
        self._writer = writer
        self._find_url = find_url
        self._now = now
        self._clock = clock
        self._report = report
        self._token_bytes = token_bytes
        self._turn = asyncio.Lock()
        self._rate = TokenBucket(invoices.per_s, invoices.per_s * _BURST_S, clock())
        # As the last one to count saw it: the collector, now and then, and whoever orders.
        self.unpaid_totals = UnpaidTotals(0, 0, 0)

    @property
    def invoices(self) -> InvoicePolicy:
        """Return the bounds that hold."""
        return self._invoices

    @property
    def pow_bits(self) -> int:
        """Return the bits of proof of work that an invoice takes now: they rise with how many are open."""
        invoices = self._invoices
        return invoices.pow_bits + invoices.pow_bits_when_full * self.unpaid_totals.open_invoices // invoices.max_open

    async def look_up(self, note_id: str) -> NoteStatus:
        """Return what is known of a note before it is verified. Raises Rejected(error) without a database."""
        key = bytes.fromhex(note_id)
        try:
            return (await self._statuses.look_up(key))[key]
        except DATABASE_FAILURES:
            raise Rejected(Prefix.ERROR, "the database is not available; try again later") from None

    async def _find_statuses(self, note_ids: Sequence[bytes]) -> dict[bytes, NoteStatus]:
        async with self._lookups.acquire() as connection:
            return await find_statuses(connection, note_ids)

    async def is_here(self, charged: Charged) -> bool:
        """Return whether a note is here at the price that it was charged. Raises Rejected(error) without a database."""
        status = await self.look_up(charged.note_id.hex())
        return status.price_paid_msat is not None and status.price_paid_msat >= charged.price_msat

    def check_rate(self) -> None:
        """Refuse an order that would come too fast, before its note is verified: a flood of them costs others nothing then.

        It counts once its note is verified, else invalid ones would keep the valid ones out. Raises Rejected.
        """
        if not self._rate.has_tokens(self._clock()):
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._invoices.per_s:g} invoices a second are made here; wait and try again",
            )

    def find_open(self, status: NoteStatus, encoded: bytes, tier: Tier) -> Charged | None:
        """Return what this very event was charged on this path and can still be paid.

        All of it is compared, as the id alone will be public: who knows the pay page has shown the whole event.
        """
        invoice = status.invoices.get(tier.path)
        if invoice is None or status.encoded is None or not compare_digest(encoded, status.encoded):
            return None
        if invoice.bolt11 is None or invoice.expires_at <= self._now():
            return None
        return self._charge(status.note_id, invoice.price_msat, invoice.token, invoice.bolt11, invoice.expires_at)

    async def spend_unapplied(self, note: Note, tier: Tier) -> SaveResult | None:
        """Publish a verified note with what came too late for it earlier; None where that is not enough."""
        due = to_due(_priced(note, tier), self._terms)
        spending = Spending(due)
        try:
            results = await self._writer.settle(spending.load, spending.conclude)
        except DATABASE_FAILURES:
            return SaveResult.FAILED
        return results[0] if results else None

    async def charge(self, note: Note, tier: Tier) -> Charged | SaveResult:
        """Park a verified note and make an invoice for it, or return why it is not needed, or would buy nothing.

        Raises Rejected where too much is parked or asked for, or without a node or a database.
        """
        order = self._make_order(note, tier)
        row = to_row(note)
        try:
            async with self._acquire() as connection:
                status = await find_status(connection, order.note_id)
                # First without what all share, the rate and the lock: who asks in vain keeps nobody from asking.
                if (refused := await self._find_refusal(status, order, row, connection)) is not None:
                    return refused
            self.check_rate()
            self._rate.try_take(self._clock())
            return await self._begin(order, row) or await self._create(order)
        except DATABASE_FAILURES:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None

    def _make_order(self, note: Note, tier: Tier) -> Order:
        expires_at = self._now() + self._invoices.expiry_s
        forget_at = expires_at + self._invoices.grace_s + self._invoices.forget_after_s
        return Order(
            reference=self._token_bytes(32),
            token=self._token_bytes(16),
            note_id=bytes.fromhex(note.event.id),
            tier=tier.path,
            price_msat=tier.price_msat,
            expires_at=expires_at,
            forget_at=-(-forget_at // _ROUND_S) * _ROUND_S,
        )

    async def _begin(self, order: Order, row: Row) -> SaveResult | None:
        """Park the note and note the invoice, under the lock of whoever writes notes; or return what stands in the way.

        Raises Rejected where it is too much.
        """
        async with self._acquire() as connection, connection.transaction():
            await lock_writers(connection)
            status = await find_status(connection, order.note_id)
            if (refused := await self._find_refusal(status, order, row, connection)) is not None:
                return refused
            if not status.is_kept:
                await insert_unpaid(connection, row)
            await begin_invoice(connection, order, self._now() + _GIVE_UP_S)
            self.unpaid_totals = await count_unpaid(connection)
        return None

    async def _find_refusal(
        self, status: NoteStatus, order: Order, row: Row, connection: asyncpg.Connection
    ) -> SaveResult | None:
        """Return what would become of the note once it is paid for, where that is nothing new: nobody pays for that.

        Raises Rejected where it is charged already, or too much.
        """
        if status.price_paid_msat is not None and status.price_paid_msat >= order.price_msat:
            return SaveResult.DUPLICATE
        self._check_not_charged(status, order)
        refused = await find_refusal(connection, row.note, is_here=status.is_kept)
        if refused is not None:
            return refused
        self.unpaid_totals = await count_unpaid(connection)
        self._check_room(len(row.note.encoded))
        if await count_others_of(connection, order.note_id, order.tier) >= self._invoices.max_per_note:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._invoices.max_per_note} invoices a note; pay one of them, or wait until they have expired",
            )
        return None

    def _check_not_charged(self, status: NoteStatus, order: Order) -> None:
        """Refuse what another connection asked for at the same moment. Raises Rejected."""
        invoice = status.invoices.get(order.tier)
        if invoice is not None and invoice.expires_at > self._now():
            raise Rejected(Prefix.ERROR, "an invoice for this note is being made; send it again in a minute")

    def _check_room(self, size: int) -> None:
        invoices, unpaid_totals = self._invoices, self.unpaid_totals
        if unpaid_totals.open_invoices >= invoices.max_open:
            raise Rejected(Prefix.ERROR, "too many invoices are open; try again in some minutes")
        if (
            unpaid_totals.notes >= invoices.max_unpaid_notes
            or unpaid_totals.bytes + size > invoices.max_unpaid_mib * _MIB
        ):
            raise Rejected(Prefix.ERROR, "too many notes wait to be paid for; try again in some minutes")

    async def _create(self, order: Order) -> Charged:
        """Ask the node for the invoice, and keep it. Raises Rejected(error), with nothing left behind."""
        try:
            invoice = await self._backend.create(order.reference, order.price_msat, MEMO, self._invoices.expiry_s)
        except BackendError as error:
            self._report("create", error)
            await self._drop(order)
            raise Rejected(Prefix.ERROR, _UNAVAILABLE) from None
        self._report("create", None)
        async with self._acquire() as connection:
            is_kept = await open_invoice(connection, order, invoice.payment_hash, invoice.bolt11)
        if not is_kept:
            raise Rejected(Prefix.ERROR, _UNAVAILABLE)
        return self._charge(order.note_id, order.price_msat, order.token, invoice.bolt11, order.expires_at)

    async def _drop(self, order: Order) -> None:
        async with self._acquire() as connection, connection.transaction():
            await lock_writers(connection)
            await drop_invoice(connection, order.reference)
            await delete_uninvoiced(connection)

    @asynccontextmanager
    async def _acquire(self) -> AsyncIterator[asyncpg.Connection]:
        """Give a connection, one at a time: else the writer of notes would wait behind everybody who orders."""
        async with self._turn, self._pool.acquire() as connection:
            yield connection

    def _charge(self, note_id: bytes, price_msat: int, token: bytes, bolt11: str, expires_at: int) -> Charged:
        pay_url = f"{self._find_url()}/pay/{token.hex()}"
        return Charged(Offer(price_msat // MSAT_PER_SAT, pay_url, bolt11), note_id, price_msat, expires_at)


def _priced(note: Note, tier: Tier) -> Note:
    return Note(note.event, note.encoded, note.claim, price_paid_msat=tier.price_msat)
