"""How a Lightning backend must fail: with one text, soon, and without its secret."""

import asyncio
import secrets
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from relay.pricing.lightning.backend import Backend, BackendError
from relay.pricing.lightning.invoices import MEMO
from relay.pricing.settings import LightningSection
from tests.support.backend_contract import AMOUNT_MSAT, BOUND_S, EXPIRY_S, assert_nothing_behind, opened
from tests.support.lightning_stubs.node import StubNode

REFERENCE, PAYMENT_HASH = secrets.token_bytes(32), secrets.token_bytes(32)


def list_calls(backend: Backend, cancels: bool) -> list[Callable[[], Awaitable[object]]]:
    """Return what asks the node something; one that cannot cancel is not asked to."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: backend.create_invoice(REFERENCE, AMOUNT_MSAT, MEMO, EXPIRY_S),
        lambda: backend.look_up_payment(REFERENCE, PAYMENT_HASH),
    ]
    return [*calls, lambda: backend.cancel_invoice(REFERENCE, PAYMENT_HASH)] if cancels else calls


async def expect(text: str, call: Callable[[], Awaitable[object]], stub: StubNode) -> None:
    """Assert that a call fails with this text, soon, and that the error leads nobody to the secret."""
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(BackendError) as caught:
            await call()
    assert str(caught.value) == text
    assert_nothing_behind(caught.value)
    assert stub.secret not in "".join(traceback.format_exception(caught.value))


async def expect_of_all(text: str, stub: StubNode, section: LightningSection | None = None, **changes: Any) -> None:
    async with opened((section or stub.section).model_copy(update=changes)) as backend:
        for call in list_calls(backend, stub.cancels):
            await expect(text, call, stub)
