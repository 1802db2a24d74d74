"""LNbits, with a wallet's invoice key. It takes whole sats and answers in millisatoshi.

Source: lnbits 1.6.2, core/views/payment_api.py, core/crud/payments.py and core/services/payments.py. It cannot cancel, and
never says how much more than the amount arrived. Anybody can send on its websocket, and its webhook is unsigned: neither is
used. What is asked for instead every second is the list of the payments that came last.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator
from typing import Literal, NoReturn

import msgspec

from relay.pricing.lightning.backend import BackendError, Invoice, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import REFUSED, UNEXPECTED, Node, NodeResponse, decode_answer
from relay.pricing.lightning.invoices import (
    MEMO,
    PROBE_EXPIRY_S,
    PROBE_MSAT,
    check_invoice,
    derive_bytes,
    is_label,
    make_label,
    read_hash,
    to_account,
)
from relay.pricing.settings import NodeSection

# The wallet's other payments, which are listed too, may have other names.
_HASH = re.compile(r"[0-9a-f]{64}")
_UNKNOWN = "Payment does not exist."
_NO_WALLET = "Wallet not found."
_LIST_EVERY_S = 1.0
# As many payments as come in a second or two, each of about two KiB; where more came, there are more pages.
_LISTED = 20
_MAX_PAGES = 10


class _Owned(msgspec.Struct):
    wallet_id: str | None = None


class _Payment(msgspec.Struct):
    payment_hash: str
    bolt11: str
    amount: int
    status: Literal["pending", "success", "failed"]
    external_id: str | None = None
    wallet_id: str | None = None
    memo: str | None = None


class _Looked(msgspec.Struct):
    details: _Payment | None = None


class _Listed(msgspec.Struct):
    payment_hash: str
    amount: int
    memo: str | None = None
    external_id: str | None = None


class _Failure(msgspec.Struct):
    detail: str


class Lnbits:
    """A wallet of LNbits as a backend. Made on the event loop."""

    # By default 200 requests a minute are allowed: 60 are lists, and some make invoices, two for each.
    lookups_per_s = 1.0

    def __init__(self, section: NodeSection, key: str, stream_idle_s: float) -> None:
        self._key = key
        self._node = Node(section, {"X-Api-Key": key}, stream_idle_s)

    async def find_account(self) -> str:
        """Return the wallet's id. Only an admin key may ask for it, but each payment names its wallet.

        Where a version does not say, the key stands for the wallet.
        """
        answer = await self._node.send_request("GET", "/api/v1/payments", query={"limit": "1"})
        if answer.status != 200:
            _raise_refusal(answer)
        known = decode_answer(answer.body, list[_Owned])
        hashed = hashlib.sha256(self._key.encode()).digest()
        if known:
            wallet_id = known[0].wallet_id
        else:
            # It cannot be cancelled, and expires soon.
            label = make_label(derive_bytes("probe", hashed))
            wallet_id = (await self._make_invoice(label, PROBE_MSAT, MEMO, PROBE_EXPIRY_S)).wallet_id
        return to_account("lnbits", wallet_id or f"key-{derive_bytes('account', hashed)[:16].hex()}")

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Look for an invoice with this reference, and make one if there is none."""
        label = make_label(reference)
        # Versions without external_id ignore the condition, and answer with other payments.
        answer = await self._node.send_request("GET", "/api/v1/payments", query={"external_id": label, "limit": "10"})
        if answer.status != 200:
            _raise_refusal(answer)
        made = [payment for payment in decode_answer(answer.body, list[_Payment]) if payment.external_id == label]
        if not made:
            made = [await self._make_invoice(label, amount_msat, memo, expiry_s)]
        return check_invoice(read_hash(made[-1].payment_hash), made[-1].bolt11, amount_msat)

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask for the status. The amount is that of the invoice.

        LNbits gives up expired invoices without asking its node again, and corrects that only if the node says so.
        """
        answer = await self._node.send_request("GET", f"/api/v1/payments/{payment_hash.hex()}")
        if answer.status == 404 and _read_detail(answer) == _UNKNOWN:
            # It answers so to anybody, with a key or without.
            await self._check_key()
            return Payment(PaymentState.UNKNOWN)
        if answer.status != 200:
            _raise_refusal(answer)
        payment = decode_answer(answer.body, _Looked).details
        if payment is None:
            # Without the wallet's own key it says only whether an invoice is paid.
            raise BackendError(REFUSED)
        if payment.payment_hash != payment_hash.hex():
            raise BackendError(UNEXPECTED)
        if payment.status == "success":
            # A payment from the same wallet is shown as the amount that went out, below zero.
            return Payment(PaymentState.PAID, abs(payment.amount), _is_ours(payment))
        return Payment(PaymentState.GONE if payment.status == "failed" else PaymentState.OPEN)

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Return False: an invoice key cannot cancel, and what LNbits calls failed can still be paid to its node."""
        return False

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Ask every second which payments came last, and tell of those that were not in the list before.

        LNbits has no cursor: it stays as it was. So the first list is all new, and what is in it may be forgotten here already.
        """
        told: frozenset[str] | None = None
        while True:
            listed = await self._list_newest(told)
            for payment in reversed(listed):
                if told is None or payment.payment_hash not in told:
                    is_ours = told is not None and _is_ours(payment)
                    yield SettlementHint(bytes.fromhex(payment.payment_hash), cursor, is_ours)
            told = frozenset(payment.payment_hash for payment in listed)
            await asyncio.sleep(_LIST_EVERY_S)

    async def close(self) -> None:
        """Close the connections to LNbits."""
        await self._node.close()

    async def _list_newest(self, told: frozenset[str] | None) -> list[_Listed]:
        """Return what was paid last, the latest first, back to what is told already; at first a page of it."""
        listed: list[_Listed] = []
        for page in range(_MAX_PAGES):
            found = await self._list_page(page * _LISTED)
            listed += [payment for payment in found if _HASH.fullmatch(payment.payment_hash)]
            if len(found) < _LISTED or told is None or any(payment.payment_hash in told for payment in listed):
                break
        return listed

    async def _list_page(self, offset: int) -> list[_Listed]:
        query = {
            "status": "success",
            # By default it is in the order in which invoices were made.
            "sortby": "updated_at",
            "direction": "desc",
            "limit": str(_LISTED),
            "offset": str(offset),
        }
        answer = await self._node.send_request("GET", "/api/v1/payments", query=query)
        if answer.status != 200:
            _raise_refusal(answer)
        return decode_answer(answer.body, list[_Listed])

    async def _make_invoice(self, label: str, amount_msat: int, memo: str, expiry_s: int) -> _Payment:
        answer = await self._node.send_request(
            "POST",
            "/api/v1/payments",
            json={
                "out": False,
                "amount": amount_msat // 1_000,
                "unit": "sat",
                "memo": memo,
                "expiry": expiry_s,
                "external_id": label,
            },
        )
        if answer.status != 201:
            _raise_refusal(answer)
        return decode_answer(answer.body, _Payment)

    async def _check_key(self) -> None:
        answer = await self._node.send_request("GET", "/api/v1/wallet")
        if answer.status != 200:
            _raise_refusal(answer)


def _is_ours(payment: _Payment | _Listed) -> bool:
    """Return whether a payment looks like one that we asked for; versions without external_id tell less."""
    return is_label(payment.external_id) if payment.external_id else payment.memo == MEMO and payment.amount > 0


def _read_detail(answer: NodeResponse) -> str:
    return decode_answer(answer.body, _Failure).detail


def _raise_refusal(answer: NodeResponse) -> NoReturn:
    """Raise BackendError. A key that belongs to no wallet is answered with status 404."""
    if answer.status == 404 and _read_detail(answer) == _NO_WALLET:
        raise BackendError(REFUSED)
    raise BackendError(UNEXPECTED)
