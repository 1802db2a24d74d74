"""A Lightning node that does what a test tells it: paid late, short or too much, down before or after it did what it was asked."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TypeVar

from relay.pricing.lightning.backend import BackendError, Invoice, Payment, PaymentState, SettlementHint

_Result = TypeVar("_Result")


@dataclass(eq=False)
class Booked:
    """Hold an invoice in the node's books; `index` counts its payments from 1, 0 before this one's."""

    reference: bytes
    payment_hash: bytes
    amount_msat: int
    expires_at: int
    received_msat: int = 0
    index: int = 0
    is_cancelled: bool = False


class ScriptedNode:
    """Keep the books. It can or cannot cancel, and takes payments after the expiry or not; what it said it never takes back."""

    def __init__(self, now: Callable[[], int], *, cancels: bool, takes_late: bool, account: str = "scripted a") -> None:
        self._now = now
        self.account = account
        self.cancels = cancels
        self.takes_late = takes_late
        self.books: dict[bytes, Booked] = {}
        # The operations that fail, and whether they do so after they took effect.
        self.faults: dict[str, bool] = {}
        # What happens, once, in the moment before (False) or after (True) an operation.
        self.meanwhile: dict[tuple[str, bool], Callable[[], None]] = {}

    def pay(self, payment_hash: bytes, amount_msat: int) -> bool:
        """Answer whether the payer's payment arrived."""
        booked = self.books[payment_hash]
        if booked.index or self._is_gone(booked):
            return False
        booked.received_msat = amount_msat
        booked.index = 1 + max(other.index for other in self.books.values())
        return True

    def find(self, payment_hash: bytes) -> Payment:
        booked = self.books.get(payment_hash)
        if booked is None:
            return Payment(PaymentState.UNKNOWN)
        if booked.index:
            return Payment(PaymentState.PAID, booked.received_msat, cursor=str(booked.index))
        return Payment(PaymentState.GONE if self._is_gone(booked) else PaymentState.OPEN)

    def cancel(self, payment_hash: bytes) -> bool:
        booked = self.books.get(payment_hash)
        if booked is None:
            return False
        if self.cancels and not booked.index:
            booked.is_cancelled = True
        return not booked.index and self._is_gone(booked)

    def create(self, reference: bytes, amount_msat: int, expiry_s: int) -> Invoice:
        payment_hash = hashlib.sha256(reference).digest()
        expires_at = self._now() + expiry_s
        self.books.setdefault(payment_hash, Booked(reference, payment_hash, amount_msat, expires_at))
        return Invoice(payment_hash, f"lnbcrt{amount_msat * 10}p1{payment_hash.hex()}")

    def _is_gone(self, booked: Booked) -> bool:
        return booked.is_cancelled or (not self.takes_late and self._now() >= booked.expires_at)


class ScriptedBackend:
    """Be one relay process' way to the node. `step` runs before and after the node did something, and may end the process."""

    lookups_per_s = 1_000.0

    def __init__(
        self, node: ScriptedNode, step: Callable[[], None], learn: Callable[[str], None] = lambda _: None
    ) -> None:
        self._node = node
        self._step = step
        self._learn = learn

    async def find_account(self) -> str:
        self._learn(self._node.account)
        return self._node.account

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        return await self._ask("create", lambda: self._node.create(reference, amount_msat, expiry_s))

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        return await self._ask("lookup", lambda: self._node.find(payment_hash))

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        return await self._ask("cancel", lambda: self._node.cancel(payment_hash))

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Tell of each payment after the cursor twice, and end."""
        paid = sorted((booked for booked in self._node.books.values() if booked.index), key=lambda booked: booked.index)
        for booked in paid:
            if booked.index > int(cursor or "0"):
                for _ in range(2):
                    self._step()
                    yield SettlementHint(booked.payment_hash, str(booked.index), is_ours=True)

    async def close(self) -> None:
        pass

    async def _ask(self, operation: str, work: Callable[[], _Result]) -> _Result:
        self._step()
        # Others have their turn while a request is under way, and while its answer is.
        await asyncio.sleep(0)
        fault = self._node.faults.get(operation)
        if fault is False:
            raise BackendError("down before")
        self._node.meanwhile.pop((operation, False), _nothing)()
        result = work()
        self._node.meanwhile.pop((operation, True), _nothing)()
        await asyncio.sleep(0)
        self._step()
        if fault is True:
            raise BackendError("down after")
        return result


def _nothing() -> None:
    return
