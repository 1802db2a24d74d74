"""LND over its REST proxy, with an invoice macaroon. Bytes are base64 and 64-bit integers are strings there.

Source: lightning.proto and invoices.proto of LND. Its REST proxy answers nearly every error with status 500 and code 2, so only
the message tells them apart. The messages here are from invoices/errors.go, rpcperms/interceptor.go and the macaroon bakery.
"""

import hashlib
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

import msgspec

from relay.pricing.lightning.backend import BackendError, Invoice, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import REFUSED, UNEXPECTED, Node, decode_answer
from relay.pricing.lightning.invoices import MEMO, check_invoice, derive_bytes, probe_payee, to_account
from relay.pricing.settings import NodeSection

_DUPLICATE = "invoice with payment hash already exists"
_UNKNOWN = ("unable to locate invoice", "there are no existing invoices")
_SETTLED = "invoice already settled"
_BAD_MACAROON = ("macaroon", "verification failed", "permission denied")
_NOT_READY = ("RPC services not available", "wallet not created", "wallet locked", "in the process of starting")

NOT_READY = (
    "LND is starting, or its wallet is locked; wait, or unlock it (lncli unlock, or wallet-unlock-password-file)"
)

_Int64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]


class _Invoice(msgspec.Struct):
    r_hash: bytes
    payment_request: str
    state: Literal["OPEN", "ACCEPTED", "SETTLED", "CANCELED"]
    amt_paid_msat: _Int64
    settle_index: _Int64
    memo: str = ""


class _Created(msgspec.Struct):
    r_hash: bytes
    payment_request: str


class _Cancelled(msgspec.Struct):
    """An answer without members; it must be an object."""


class _Failure(msgspec.Struct):
    message: str


class _StreamLine(msgspec.Struct):
    result: _Invoice | None = None
    error: _Failure | None = None


class Lnd:
    """LND as a backend. Made on the event loop."""

    lookups_per_s = 20.0

    def __init__(self, section: NodeSection, macaroon: str, stream_idle_s: float) -> None:
        self._macaroon = macaroon
        self._node = Node(section, {"Grpc-Metadata-Macaroon": macaroon}, stream_idle_s)

    async def find_account(self) -> str:
        """Return the node's public key. An invoice macaroon may not ask for it (getinfo), so an invoice tells."""
        return to_account("lnd", await probe_payee(self, self._macaroon))

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Make an invoice with a preimage of our own. LND refuses a second one; then the first is looked up."""
        preimage = derive_bytes("preimage", reference)
        payment_hash = hashlib.sha256(preimage).digest()
        answer = await self._node.send_request(
            "POST",
            "/v1/invoices",
            json={
                "r_preimage": b64encode(preimage).decode(),
                "value_msat": str(amount_msat),
                "memo": memo,
                "expiry": str(expiry_s),
                # With hints to channels that are not announced, if any: many nodes cannot be reached without them.
                "private": True,
            },
        )
        if answer.status == 200:
            created = decode_answer(answer.body, _Created)
            found, bolt11 = created.r_hash, created.payment_request
        elif _DUPLICATE in _read_failure(answer.body) and (invoice := await self._find_invoice(payment_hash)):
            found, bolt11 = invoice.r_hash, invoice.payment_request
        else:
            raise BackendError(UNEXPECTED)
        if found != payment_hash:
            raise BackendError(UNEXPECTED)
        return check_invoice(payment_hash, bolt11, amount_msat)

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask for the state. LND cancels expired invoices itself."""
        invoice = await self._find_invoice(payment_hash)
        if invoice is None:
            return Payment(PaymentState.UNKNOWN)
        if invoice.state == "CANCELED":
            return Payment(PaymentState.GONE)
        if invoice.state == "SETTLED":
            return Payment(PaymentState.PAID, int(invoice.amt_paid_msat), invoice.memo == MEMO, invoice.settle_index)
        return Payment(PaymentState.OPEN)

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Cancel an invoice. LND does so repeatedly, but never once it is settled."""
        answer = await self._node.send_request(
            "POST", "/v2/invoices/cancel", json={"payment_hash": b64encode(payment_hash).decode()}
        )
        if answer.status == 200:
            decode_answer(answer.body, _Cancelled)
            return True
        message = _read_failure(answer.body)
        if _SETTLED in message or _is_unknown(message):
            return False
        raise BackendError(UNEXPECTED)

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Follow LND's invoices from a settle index on. Without one it begins now."""
        # No add_index: added invoices are sent too, but not replayed.
        lines = self._node.stream_lines("/v1/invoices/subscribe", {"settle_index": cursor or "0"})
        async with aclosing(lines):
            async for line in lines:
                told = decode_answer(line.body, _StreamLine)
                if told.error is not None:
                    _check_admission(told.error.message)
                if line.status != 200 or told.result is None:
                    raise BackendError(UNEXPECTED)
                if told.result.state == "SETTLED":
                    yield SettlementHint(told.result.r_hash, told.result.settle_index, told.result.memo == MEMO)

    async def close(self) -> None:
        """Close the connections to the node."""
        await self._node.close()

    async def _find_invoice(self, payment_hash: bytes) -> _Invoice | None:
        answer = await self._node.send_request("GET", f"/v1/invoice/{payment_hash.hex()}")
        if answer.status == 200:
            return decode_answer(answer.body, _Invoice)
        # Not by the status alone: any web server answers 404 where the URL is wrong, and the invoice would be given up.
        if _is_unknown(_read_failure(answer.body)):
            return None
        raise BackendError(UNEXPECTED)


def _read_failure(body: bytes) -> str:
    """Return the message of an error. Raises BackendError where it is about the macaroon, or LND is not ready."""
    message = decode_answer(body, _Failure).message
    _check_admission(message)
    return message


def _check_admission(message: str) -> None:
    if any(part in message for part in _BAD_MACAROON):
        raise BackendError(REFUSED)
    if any(part in message for part in _NOT_READY):
        raise BackendError(NOT_READY)


def _is_unknown(message: str) -> bool:
    return any(part in message for part in _UNKNOWN)
