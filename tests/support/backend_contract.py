"""What every Lightning backend must do, against whatever node a rig runs; it must not know any node."""

import asyncio
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest
from pydantic import SecretStr

from relay.pricing.bolt11 import read_amount_msat
from relay.pricing.lightning import open_backend
from relay.pricing.lightning.backend import Backend, BackendError, Invoice, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import REFUSED
from relay.pricing.lightning.invoices import MEMO, check_payee
from relay.pricing.settings import LightningSection, read_secret
from tests.support.lightning_rig import LightningRig
from tests.support.time_factor import scaled
from tests.support.waiting import until

AMOUNT_MSAT = 210_000
EXPIRY_S = 900
# The longest that anything here may take, but for a node that starts.
BOUND_S = scaled(30.0)


@asynccontextmanager
async def opened(section: LightningSection) -> AsyncIterator[Backend]:
    backend = open_backend(section)
    assert backend is not None
    try:
        yield backend
    finally:
        await backend.close()


async def make(backend: Backend, reference: bytes | None = None, expiry_s: int = EXPIRY_S) -> tuple[bytes, Invoice]:
    """Make an invoice, and return it with its reference."""
    reference = reference or secrets.token_bytes(32)
    async with asyncio.timeout(BOUND_S):
        return reference, await backend.create_invoice(reference, AMOUNT_MSAT, MEMO, expiry_s)


async def look(backend: Backend, reference: bytes, invoice: Invoice) -> Payment:
    async with asyncio.timeout(BOUND_S):
        return await backend.look_up_payment(reference, invoice.payment_hash)


async def pay_until_told(rig: LightningRig, backend: Backend, stream: AsyncIterator[SettlementHint]) -> SettlementHint:
    """Pay invoices until the stream, which may still be connecting, tells of one of them; it may tell of earlier ones first."""
    paid: set[bytes] = set()

    async def find() -> SettlementHint:
        while (settlement := await anext(stream)).payment_hash not in paid:
            pass
        return settlement

    told = asyncio.ensure_future(find())
    async with asyncio.timeout(BOUND_S):
        while not told.done():
            _, invoice = await make(backend)
            paid.add(invoice.payment_hash)
            await rig.pay(invoice.bolt11)
            await asyncio.wait({told}, timeout=0.5)
        settlement = await told
    assert settlement.is_ours
    return settlement


class BackendContract:
    """Hold the tests; a class beneath it has a fixture `rig`."""

    async def test_invoice_asks_for_the_amount_and_is_open(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend)
            assert len(invoice.payment_hash) == 32
            assert read_amount_msat(invoice.bolt11) == AMOUNT_MSAT
            assert await look(backend, reference, invoice) == Payment(PaymentState.OPEN)

    async def test_same_reference_gives_the_same_invoice_and_another_reference_another(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, first = await make(backend)
            _, other = await make(backend)
            assert other.payment_hash != first.payment_hash
            if not rig.remembers:
                # What is made anew must at least be another invoice, that is paid by itself.
                assert (await make(backend, reference))[1].payment_hash != first.payment_hash
                return
            assert await make(backend, reference) == (reference, first)
        async with opened(rig.section) as backend:
            # After a start too.
            assert await make(backend, reference) == (reference, first)

    async def test_paid_invoice_is_paid_with_what_arrived(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend)
            _, other = await make(backend)
            await rig.pay(invoice.bolt11)
            await until_paid(backend, reference, invoice)
            assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT)
            assert await look(backend, reference, other) == Payment(PaymentState.OPEN)

    async def test_what_arrived_above_the_amount_is_told(self, rig: LightningRig) -> None:
        if not rig.tells_overpayment:
            pytest.skip(f"{rig.section.backend} does not tell of more than was asked for")
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend)
            await rig.pay(invoice.bolt11, more_msat=5_000)
            await until_paid(backend, reference, invoice)
            assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT + 5_000)

    async def test_expired_invoice_is_gone(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend, expiry_s=1)

            async def is_gone() -> bool:
                return await look(backend, reference, invoice) == Payment(PaymentState.GONE)

            await until(is_gone, BOUND_S)
            assert await backend.cancel_invoice(reference, invoice.payment_hash) is rig.cancels

    async def test_unknown_invoice_is_unknown_and_not_cancelled(self, rig: LightningRig) -> None:
        reference, payment_hash = secrets.token_bytes(32), secrets.token_bytes(32)
        async with opened(rig.section) as backend:
            assert await backend.look_up_payment(reference, payment_hash) == Payment(PaymentState.UNKNOWN)
            assert await backend.cancel_invoice(reference, payment_hash) is False

    async def test_account_stays_the_same_and_is_that_of_the_invoices(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            account = await backend.find_account()
            _, invoice = await make(backend)
            check_payee(invoice, account)
            assert await backend.find_account() == account
        async with opened(rig.section) as backend:
            # After a start too.
            assert await backend.find_account() == account
        kind, name = account.split()
        assert kind == rig.section.backend
        assert read_secret(rig.section) not in name

    async def test_cancelled_invoice_is_gone_and_cannot_be_paid(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend)
            cancelled = await backend.cancel_invoice(reference, invoice.payment_hash)
            assert cancelled is rig.cancels
            if not rig.cancels:
                assert await look(backend, reference, invoice) == Payment(PaymentState.OPEN)
                return
            after = await look(backend, reference, invoice)
            # Core Lightning deletes what is cancelled, and knows it no more.
            assert after == Payment(PaymentState.GONE if rig.keeps_cancelled else PaymentState.UNKNOWN)
            assert await backend.cancel_invoice(reference, invoice.payment_hash) is rig.keeps_cancelled
            with pytest.raises(Exception):  # noqa: B017, PT011 - each payer has an error of its own
                await rig.pay(invoice.bolt11)
            assert await look(backend, reference, invoice) == after

    async def test_paid_invoice_is_not_cancelled(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend)
            await rig.pay(invoice.bolt11)
            await until_paid(backend, reference, invoice)
            assert await backend.cancel_invoice(reference, invoice.payment_hash) is False
            assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT)

    async def test_stream_tells_of_payments(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend, aclosing(backend.stream_settlements("")) as stream:
            if not rig.streams:
                async with asyncio.timeout(BOUND_S):
                    assert [settlement async for settlement in stream] == []
                return
            await pay_until_told(rig, backend, stream)

    async def test_stream_goes_on_from_its_cursor(self, rig: LightningRig) -> None:
        if not rig.replays:
            pytest.skip(f"{rig.section.backend} tells nothing of what was paid while nobody listened")
        async with opened(rig.section) as backend:
            async with aclosing(backend.stream_settlements("")) as stream:
                await pay_until_told(rig, backend, stream)
                reference, invoice = await make(backend)
                await rig.pay(invoice.bolt11)
                await until_paid(backend, reference, invoice)
                async with asyncio.timeout(BOUND_S):
                    while (first := await anext(stream)).payment_hash != invoice.payment_hash:
                        pass
                # A look-up names the same place.
                assert (await look(backend, reference, invoice)).cursor == first.cursor
            missed = []
            for _ in range(3):
                _, invoice = await make(backend)
                await rig.pay(invoice.bolt11)
                missed.append(invoice.payment_hash)
            cursor, told = first.cursor, []
            async with asyncio.timeout(BOUND_S):
                while missed[-1] not in told:
                    # A stream of its own for each, as after a break.
                    async with aclosing(backend.stream_settlements(cursor)) as stream:
                        settlement = await anext(stream)
                    cursor = settlement.cursor
                    told.append(settlement.payment_hash)
            assert told[-3:] == missed
            assert first.payment_hash not in told

    async def test_wrong_secret_is_refused_and_named_nowhere(self, rig: LightningRig) -> None:
        secret = SecretStr(rig.wrong_secret)
        section = rig.section.model_copy(update={"secret": secret, "secret_file": None})
        reference, payment_hash = secrets.token_bytes(32), secrets.token_bytes(32)
        async with opened(section) as backend, AsyncExitStack() as stack:
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "create": lambda: make(backend, reference),
                "lookup": lambda: backend.look_up_payment(reference, payment_hash),
            }
            if rig.cancels:
                calls["cancel"] = lambda: backend.cancel_invoice(reference, payment_hash)
            if rig.streams:
                stream = await stack.enter_async_context(aclosing(backend.stream_settlements("")))
                calls["settlements"] = lambda: anext(stream)
            for name, call in calls.items():
                async with asyncio.timeout(BOUND_S):
                    with pytest.raises(BackendError) as caught:
                        await call()
                assert str(caught.value) == REFUSED, name
                assert_nothing_behind(caught.value)
                texts = "".join(traceback.format_exception(caught.value)) + repr(backend) + repr(section)
                assert rig.wrong_secret not in texts
                assert read_secret(rig.section) not in texts

    async def test_node_that_is_down_is_an_error_within_the_time_out(self, rig: LightningRig) -> None:
        async with opened(rig.section) as backend:
            reference, paid = await make(backend)
            await rig.pay(paid.bolt11)
            await until_paid(backend, reference, paid)
            await rig.stop()
            try:
                calls: list[Callable[[], Awaitable[object]]] = [
                    lambda: make(backend),
                    lambda: backend.look_up_payment(reference, paid.payment_hash),
                ]
                if rig.cancels:
                    calls.append(lambda: backend.cancel_invoice(reference, paid.payment_hash))
                for call in calls:
                    async with asyncio.timeout(rig.section.timeout_s + scaled(1)):
                        with pytest.raises(BackendError) as caught:
                            await call()
                    assert_nothing_behind(caught.value)
                    assert read_secret(rig.section) not in "".join(traceback.format_exception(caught.value))
            finally:
                await rig.start()
            assert await look(backend, reference, paid) == Payment(PaymentState.PAID, AMOUNT_MSAT)

    async def test_stream_ends_with_its_node(self, rig: LightningRig) -> None:
        if not rig.streams:
            pytest.skip(f"{rig.section.backend} has no stream")
        async with opened(rig.section) as backend:
            async with aclosing(backend.stream_settlements("")) as stream:
                first = await pay_until_told(rig, backend, stream)
                await rig.stop()
                try:
                    async with asyncio.timeout(BOUND_S):
                        await read_to_end(stream)
                finally:
                    await rig.start()
            async with aclosing(backend.stream_settlements(first.cursor)) as stream:
                await pay_until_told(rig, backend, stream)


def assert_nothing_behind(error: BackendError) -> None:
    """Assert that no other error is shown with this one: it might hold the secret, or the node's own words."""
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


async def read_to_end(stream: AsyncIterator[SettlementHint]) -> None:
    """Read until the stream ends, be it with an error."""
    try:
        async for _ in stream:
            pass
    except BackendError:
        pass


async def until_paid(backend: Backend, reference: bytes, invoice: Invoice) -> None:
    """Wait until the node has taken down what its payer knows already."""

    async def is_paid() -> bool:
        return (await look(backend, reference, invoice)).state is PaymentState.PAID

    await until(is_paid, BOUND_S)
