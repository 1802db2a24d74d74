"""Core Lightning over its plugin clnrest, with a rune for invoice, listinvoices, delinvoice and waitanyinvoice.

Source: doc/schemas and plugins/rest-plugin of Core Lightning. Success has status 201. Every failure of a command has status 500
and its own code.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Literal

import msgspec

from relay.pricing.lightning.backend import (
    BackendError,
    Invoice,
    LiquidityWarning,
    Payment,
    PaymentState,
    SettlementHint,
)
from relay.pricing.lightning.http import UNEXPECTED, Node, NodeResponse, decode_answer
from relay.pricing.lightning.invoices import check_invoice, is_label, make_label, probe_payee, read_hash, to_account
from relay.pricing.settings import NodeSection

_DONE = 201
_LABEL_EXISTS = 900
_NOBODY_PAID_YET = 904
_UNKNOWN_LABEL = 905
_OTHER_STATUS = 906
# How long one request waits for a payment; then the node answers that nobody paid.
_WAIT_S = 60


class _Created(msgspec.Struct):
    payment_hash: str
    bolt11: str
    warning_capacity: str | None = None
    warning_offline: str | None = None
    warning_deadends: str | None = None
    warning_private_unused: str | None = None
    warning_mpp: str | None = None


class _Invoice(msgspec.Struct):
    payment_hash: str
    status: Literal["unpaid", "paid", "expired"]
    bolt11: str = ""
    label: str = ""
    amount_received_msat: int = 0
    pay_index: int | None = None


class _Invoices(msgspec.Struct):
    invoices: list[_Invoice]


class _Paid(msgspec.Struct):
    payment_hash: str
    pay_index: int
    label: str = ""


class _Failure(msgspec.Struct):
    code: int | None = None


class Clnrest:
    """Core Lightning as a backend. Made on the event loop."""

    lookups_per_s = 20.0

    def __init__(self, section: NodeSection, rune: str, stream_idle_s: float) -> None:
        self._rune = rune
        self._node = Node(section, {"Rune": rune}, stream_idle_s)

    async def find_account(self) -> str:
        """Return the node's public key. Our rune may not ask for it (getinfo), so an invoice tells."""
        return to_account("clnrest", await probe_payee(self, self._rune))

    async def create_invoice(self, reference: bytes, amount_msat: int, memo: str, expiry_s: int) -> Invoice:
        """Make an invoice under a label of its own. The node refuses a second one; then the first is looked up."""
        label = make_label(reference)
        answer = await self._call_command(
            "invoice", {"amount_msat": amount_msat, "label": label, "description": memo, "expiry": expiry_s}
        )
        if answer.status == _DONE:
            created = decode_answer(answer.body, _Created)
            invoice = check_invoice(read_hash(created.payment_hash), created.bolt11, amount_msat)
            return replace(invoice, warnings=_list_warnings(created))
        if _read_code(answer) == _LABEL_EXISTS and (found := await self._find_invoice({"label": label})):
            return check_invoice(read_hash(found.payment_hash), found.bolt11, amount_msat)
        raise BackendError(UNEXPECTED)

    async def look_up_payment(self, reference: bytes, payment_hash: bytes) -> Payment:
        """Ask for the status. Deleted invoices are not listed, and so unknown."""
        invoice = await self._find_invoice({"payment_hash": payment_hash.hex()})
        if invoice is None:
            return Payment(PaymentState.UNKNOWN)
        if invoice.status == "expired":
            return Payment(PaymentState.GONE)
        if invoice.status == "paid":
            cursor = "" if invoice.pay_index is None else str(invoice.pay_index)
            return Payment(PaymentState.PAID, invoice.amount_received_msat, is_label(invoice.label), cursor)
        return Payment(PaymentState.OPEN)

    async def cancel_invoice(self, reference: bytes, payment_hash: bytes) -> bool:
        """Delete the invoice while it is unpaid: the node accepts no payment for an unknown one."""
        answer = await self._call_command("delinvoice", {"label": make_label(reference), "status": "unpaid"})
        if answer.status == _DONE:
            return read_hash(decode_answer(answer.body, _Invoice).payment_hash) == payment_hash
        if _read_code(answer) in (_OTHER_STATUS, _UNKNOWN_LABEL):
            return (await self.look_up_payment(reference, payment_hash)).state is PaymentState.GONE
        raise BackendError(UNEXPECTED)

    async def stream_settlements(self, cursor: str) -> AsyncGenerator[SettlementHint, None]:
        """Wait for one payment after another, from a pay index on. Without one it begins after the node's last."""
        index = int(cursor) if cursor else await self._find_last_index()
        wait_s = max(1, min(_WAIT_S, int(self._node.stream_idle_s)))
        while True:
            paid = await self._wait_for_payment(index, wait_s)
            if paid is not None:
                index = paid.pay_index
                yield SettlementHint(read_hash(paid.payment_hash), str(index), is_label(paid.label))

    async def close(self) -> None:
        """Close the connections to the node."""
        await self._node.close()

    async def _find_last_index(self) -> int:
        """Return the pay index of the node's last payment, 0 before the first.

        No command tells it: the node is asked whether anybody paid after an index, for twice the last one found, and then by
        halves. So its books, which can be those of years, are never read.
        """
        last, bound = 0, 0
        while (paid := await self._wait_for_payment(bound, 0)) is not None:
            last, bound = paid.pay_index, 2 * paid.pay_index
        while last < bound:
            middle = (last + bound) // 2
            paid = await self._wait_for_payment(middle, 0)
            if paid is None:
                bound = middle
            else:
                last = paid.pay_index
        return last

    async def _wait_for_payment(self, index: int, wait_s: int) -> _Paid | None:
        """Return the first payment after an index, None where there is none within so many seconds."""
        answer = await self._call_command("waitanyinvoice", {"lastpay_index": index, "timeout": wait_s}, wait_s)
        if answer.status == _DONE:
            return decode_answer(answer.body, _Paid)
        if _read_code(answer) != _NOBODY_PAID_YET:
            raise BackendError(UNEXPECTED)
        return None

    async def _find_invoice(self, query: dict[str, object]) -> _Invoice | None:
        answer = await self._call_command("listinvoices", query)
        if answer.status != _DONE:
            raise BackendError(UNEXPECTED)
        invoices = decode_answer(answer.body, _Invoices).invoices
        return invoices[0] if invoices else None

    async def _call_command(self, command: str, parameters: dict[str, object], wait_s: float = 0) -> NodeResponse:
        return await self._node.send_request("POST", f"/v1/{command}", json=parameters, wait_s=wait_s)


def _list_warnings(created: _Created) -> tuple[LiquidityWarning, ...]:
    return tuple(warning for warning in LiquidityWarning if getattr(created, f"warning_{warning}") is not None)


def _read_code(answer: NodeResponse) -> int | None:
    return decode_answer(answer.body, _Failure).code
