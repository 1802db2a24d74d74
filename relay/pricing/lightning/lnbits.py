"""LNbits, with a wallet's invoice key. It takes whole sats and answers in millisatoshi.

Source: lnbits 1.6.2, core/views/payment_api.py and core/services/payments.py. It cannot cancel, and never says how much more
than the amount arrived. Anybody can send on its websocket, and its webhook is unsigned: neither is used.
"""

import hashlib
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

_UNKNOWN = "Payment does not exist."
_NO_WALLET = "Wallet not found."


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


class _Failure(msgspec.Struct):
    detail: str


class Lnbits:
    """A wallet of LNbits as a backend. Made on the event loop."""

    # By default 200 requests a minute are allowed, and some of them make invoices.
    lookups_per_s = 2.0

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
            is_ours = (
                is_label(payment.external_id) if payment.external_id else payment.memo == MEMO and payment.amount > 0
            )
            return Payment(PaymentState.PAID, abs(payment.amount), is_ours)
        return Payment(PaymentState.GONE if payment.status == "failed" else PaymentState.OPEN)

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Return False: an invoice key cannot cancel, and what LNbits calls failed can still be paid to its node."""
        return False

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """End at once: no stream can be trusted."""
        nothing: tuple[SettlementHint, ...] = ()
        for settlement in nothing:
            yield settlement

    async def close(self) -> None:
        """Close the connections to LNbits."""
        await self._node.close()

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


def _read_detail(answer: NodeResponse) -> str:
    return decode_answer(answer.body, _Failure).detail


def _raise_refusal(answer: NodeResponse) -> NoReturn:
    """Raise BackendError. A key that belongs to no wallet is answered with status 404."""
    if answer.status == 404 and _read_detail(answer) == _NO_WALLET:
        raise BackendError(REFUSED)
    raise BackendError(UNEXPECTED)
