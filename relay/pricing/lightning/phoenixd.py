"""phoenixd, with its limited-access password. Requests are forms, and amounts are whole sats.

Source: Api.kt and JsonSerializers.kt of phoenixd 0.8. It cannot cancel.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from relay.pricing.lightning.backend import BackendError, Invoice, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import UNEXPECTED, Node, decode_answer
from relay.pricing.lightning.invoices import check_invoice, is_label, make_label, read_hash, to_account
from relay.pricing.settings import NodeSection

_UNKNOWN = b"Not found"


class _Created(msgspec.Struct, rename="camel"):
    payment_hash: str
    serialized: str


class _NodeInfo(msgspec.Struct, rename="camel"):
    node_id: str


class _Payment(msgspec.Struct, rename="camel"):
    payment_hash: str
    is_paid: bool
    is_expired: bool
    received_sat: int
    requested_sat: int | None = None
    external_id: str | None = None
    invoice: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    type: str
    payment_hash: str | None = None
    external_id: str | None = None


class Phoenixd:
    """phoenixd as a backend. Made on the event loop."""

    lookups_per_s = 20.0

    def __init__(self, section: NodeSection, password: str, stream_idle_s: float) -> None:
        # HTTP Basic authentication (RFC 7617) with an empty user.
        credentials = b64encode(f":{password}".encode()).decode()
        self._node = Node(section, {"Authorization": f"Basic {credentials}"}, stream_idle_s)

    async def find_account(self) -> str:
        """Return the node's public key."""
        answer = await self._node.send_request("GET", "/getinfo")
        if answer.status != 200:
            raise BackendError(UNEXPECTED)
        return to_account("phoenixd", decode_answer(answer.body, _NodeInfo).node_id)

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Look for an invoice with this reference, and make one if there is none. A memo has at most 128 characters."""
        label = make_label(reference)
        answer = await self._node.send_request("GET", "/payments/incoming", query={"externalId": label, "all": "true"})
        if answer.status != 200:
            raise BackendError(UNEXPECTED)
        for payment in decode_answer(answer.body, list[_Payment]):
            if payment.external_id == label and payment.invoice is not None:
                return check_invoice(read_hash(payment.payment_hash), payment.invoice, amount_msat)
        answer = await self._node.send_request(
            "POST",
            "/createinvoice",
            form={
                "amountSat": str(amount_msat // 1_000),
                "description": memo,
                "expirySeconds": str(expiry_s),
                "externalId": label,
            },
        )
        if answer.status != 200:
            raise BackendError(UNEXPECTED)
        created = decode_answer(answer.body, _Created)
        return check_invoice(read_hash(created.payment_hash), created.serialized, amount_msat)

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask for the state. phoenixd reports what arrived less the fee for a channel; it never counts as less than was asked."""
        answer = await self._node.send_request("GET", f"/payments/incoming/{payment_hash.hex()}")
        # Not by the status alone: any web server answers 404 where the URL is wrong, and the invoice would be given up.
        if answer.status == 404 and answer.body.strip() == _UNKNOWN:
            return Payment(PaymentState.UNKNOWN)
        if answer.status != 200:
            raise BackendError(UNEXPECTED)
        payment = decode_answer(answer.body, _Payment)
        if payment.payment_hash != payment_hash.hex():
            raise BackendError(UNEXPECTED)
        if payment.is_paid:
            # phoenixd accepts no payment below the amount of its invoice.
            received_sat = max(payment.received_sat, payment.requested_sat or 0)
            return Payment(PaymentState.PAID, received_sat * 1_000, is_label(payment.external_id or ""))
        return Payment(PaymentState.GONE if payment.is_expired else PaymentState.OPEN)

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Return False: phoenixd cannot cancel, and may still accept a payment that opens a channel."""
        return False

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Follow phoenixd's WebSocket, which replays nothing: the cursor stays as it was."""
        events = self._node.stream_messages("/websocket")
        async with aclosing(events):
            async for event in events:
                told = decode_answer(event, _Event)
                if told.type == "payment_received" and told.payment_hash is not None:
                    yield SettlementHint(read_hash(told.payment_hash), cursor, is_label(told.external_id or ""))

    async def close(self) -> None:
        """Close the connections to the node."""
        await self._node.close()
