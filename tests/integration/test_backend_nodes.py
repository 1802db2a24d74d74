"""What only one kind of Lightning node answers."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from relay.pricing.lightning.backend import BackendError, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import REFUSED, UNEXPECTED
from relay.pricing.lightning.invoices import MEMO
from relay.pricing.lightning.lnd import NOT_READY
from tests.support.backend_contract import AMOUNT_MSAT, BOUND_S, EXPIRY_S, look, make, opened
from tests.support.lightning_stubs import ClnrestStub, LnbitsStub, LndStub, PhoenixdStub
from tests.support.waiting import until


@pytest_asyncio.fixture
async def lnd(tmp_path: Path) -> AsyncIterator[LndStub]:
    async with LndStub(tmp_path).running() as stub:
        yield stub


@pytest_asyncio.fixture
async def clnrest(tmp_path: Path) -> AsyncIterator[ClnrestStub]:
    async with ClnrestStub(tmp_path).running() as stub:
        yield stub


@pytest_asyncio.fixture
async def lnbits(tmp_path: Path) -> AsyncIterator[LnbitsStub]:
    async with LnbitsStub(tmp_path).running() as stub:
        yield stub


@pytest_asyncio.fixture
async def phoenixd(tmp_path: Path) -> AsyncIterator[PhoenixdStub]:
    async with PhoenixdStub(tmp_path).running() as stub:
        yield stub


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("expected 1 macaroon, got 0", REFUSED),
        ("cannot determine data format of binary-encoded macaroon", REFUSED),
        ("verification failed: signature mismatch after caveat verification", REFUSED),
        ("permission denied", REFUSED),
        ("waiting to start, RPC services not available", NOT_READY),
        ("wallet not created, create one to enable full RPC access", NOT_READY),
        ("wallet locked, unlock it to enable full RPC access", NOT_READY),
        ("the RPC server is in the process of starting up, but not yet ready to accept calls", NOT_READY),
        ("server is still in the process of starting", NOT_READY),
    ],
)
async def test_lnd_tells_its_refusals_by_their_words_only(message: str, text: str, lnd: LndStub) -> None:
    async def fail(_: web.Request) -> web.Response:
        return web.json_response({"code": 2, "message": message, "details": []}, status=500)

    lnd.answer_instead = fail
    async with opened(lnd.section) as backend:
        for call in (
            lambda: backend.create_invoice(bytes(32), AMOUNT_MSAT, MEMO, EXPIRY_S),
            lambda: backend.look_up_payment(bytes(32), bytes(32)),
            lambda: backend.cancel_invoice(bytes(32), bytes(32)),
        ):
            with pytest.raises(BackendError) as caught:
                await call()
            assert str(caught.value) == text


@pytest.mark.parametrize(
    ("status", "message"),
    [(404, "unable to locate invoice"), (500, "unable to locate invoice"), (404, "there are no existing invoices")],
)
async def test_lnd_says_in_its_own_words_that_it_knows_no_invoice(status: int, message: str, lnd: LndStub) -> None:
    async def fail(_: web.Request) -> web.Response:
        return web.json_response({"code": 5, "message": message, "details": []}, status=status)

    lnd.answer_instead = fail
    async with opened(lnd.section) as backend:
        assert await backend.look_up_payment(bytes(32), bytes(32)) == Payment(PaymentState.UNKNOWN)
        assert await backend.cancel_invoice(bytes(32), bytes(32)) is False


async def test_payment_that_lnd_still_holds_is_open(lnd: LndStub) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(
            {"r_hash": "", "payment_request": "", "state": "ACCEPTED", "amt_paid_msat": "210000", "settle_index": "0"}
        )

    lnd.answer_instead = answer
    async with opened(lnd.section) as backend:
        assert await backend.look_up_payment(bytes(32), bytes(32)) == Payment(PaymentState.OPEN)


async def test_lnd_gets_a_preimage_of_the_reference_that_does_not_lead_back(lnd: LndStub) -> None:
    async with opened(lnd.section) as backend:
        reference, _ = await make(backend)
        await make(backend)
    preimages = [made.preimage for made in lnd.made]
    assert len({*preimages, reference}) == 3


async def test_lnd_that_makes_an_invoice_of_another_preimage_is_not_believed(lnd: LndStub) -> None:
    async with opened(lnd.section) as backend:
        _, first = await make(backend)
        [made] = lnd.made

        async def answer(_: web.Request) -> web.Response:
            return web.json_response({"r_hash": "AAAA", "payment_request": made.bolt11, "add_index": "2"})

        lnd.answer_instead = answer
        with pytest.raises(BackendError) as caught:
            await make(backend)
        assert str(caught.value) == UNEXPECTED
        assert first.bolt11 == made.bolt11


async def test_label_that_was_deleted_is_free_again(clnrest: ClnrestStub) -> None:
    async with opened(clnrest.section) as backend:
        reference, first = await make(backend)
        assert await backend.cancel_invoice(reference, first.payment_hash)
        _, second = await make(backend, reference)
        assert await look(backend, reference, first) == Payment(PaymentState.UNKNOWN)
        assert await look(backend, reference, second) == Payment(PaymentState.OPEN)


async def test_clnrest_says_that_an_invoice_may_not_be_payable(clnrest: ClnrestStub) -> None:
    async with opened(clnrest.section) as backend:
        for names in ((), ("capacity",), ("offline", "deadends", "private_unused", "mpp")):
            clnrest.warnings = {f"warning_{name}": "in the node's own words" for name in names}
            _, invoice = await make(backend)
            assert invoice.warnings == names


async def test_lnbits_tells_strangers_less_and_is_not_believed(lnbits: LnbitsStub) -> None:
    """It answers a wrong key as it answers no key, with whether the invoice is paid."""
    async with opened(lnbits.section) as backend:
        reference, invoice = await make(backend)
    await lnbits.pay(invoice.bolt11)
    stranger = lnbits.section.model_copy(update={"secret": SecretStr(lnbits.wrong_secret)})
    async with opened(stranger) as backend:
        with pytest.raises(BackendError) as caught:
            await backend.look_up_payment(reference, invoice.payment_hash)
    assert str(caught.value) == REFUSED


async def test_lnbits_without_external_ids_makes_each_invoice_anew(lnbits: LnbitsStub) -> None:
    lnbits.knows_external_ids = False
    async with opened(lnbits.section) as backend:
        reference, first = await make(backend)
        _, second = await make(backend, reference)
        assert first != second
        assert await look(backend, reference, second) == Payment(PaymentState.OPEN)


async def test_what_an_lnbits_wallet_pays_itself_is_paid(lnbits: LnbitsStub) -> None:
    lnbits.tells_outgoing = True
    async with opened(lnbits.section) as backend:
        reference, invoice = await make(backend)
        await lnbits.pay(invoice.bolt11)
        assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT)


async def read(stream: AsyncIterator[SettlementHint], count: int) -> list[bytes]:
    async with asyncio.timeout(BOUND_S):
        return [(await anext(stream)).payment_hash for _ in range(count)]


async def test_lnbits_is_asked_for_what_was_paid_last_and_tells_of_each_once(lnbits: LnbitsStub) -> None:
    async with opened(lnbits.section) as backend:
        made = [(await make(backend))[1] for _ in range(60)]
        for invoice in made[:30]:
            await lnbits.pay(invoice.bolt11)
        # What else the wallet lists has names that are no hash.
        lnbits.others = [{"payment_hash": "internal_1", "amount": 5_000}]
        async with aclosing(backend.stream_settlements("")) as stream:
            assert await read(stream, 19) == [invoice.payment_hash for invoice in made[11:30]]
            # More than are listed at once, and in another order than they were made in.
            latest = [*made[:29:-1]]
            for invoice in latest:
                await lnbits.pay(invoice.bolt11)
            assert await read(stream, 30) == [invoice.payment_hash for invoice in latest]
            told = asyncio.ensure_future(anext(stream))
            lists = len(lnbits.heard)
            await until(lambda: len(lnbits.heard) == lists + 2)
            assert not told.done()
            told.cancel()
            await asyncio.wait([told])


async def test_what_is_paid_at_lnbits_after_a_list_that_was_empty_is_told(lnbits: LnbitsStub) -> None:
    async with opened(lnbits.section) as backend, aclosing(backend.stream_settlements("")) as stream:
        told = asyncio.ensure_future(read(stream, 25))
        await until(lambda: lnbits.heard)
        made = [(await make(backend))[1] for _ in range(25)]
        for invoice in made:
            await lnbits.pay(invoice.bolt11)
        assert sorted(await told) == sorted(invoice.payment_hash for invoice in made)


async def test_the_configured_rate_of_look_ups_holds_in_place_of_what_suits_the_node(lnbits: LnbitsStub) -> None:
    async with opened(lnbits.section) as backend:
        assert backend.lookups_per_s == 1
    async with opened(lnbits.section.model_copy(update={"max_look_ups_per_s": 7.5})) as backend:
        assert backend.lookups_per_s == 7.5


async def test_the_account_of_lnbits_is_the_wallet_whatever_its_key(lnbits: LnbitsStub) -> None:
    async with opened(lnbits.section) as backend:
        # An empty wallet tells by an invoice, which expires soon.
        assert await backend.find_account() == f"lnbits {lnbits.wallet_id}"
        assert len(lnbits.probes) == 1
        await make(backend)
    lnbits.secret = secrets.token_hex(16)
    async with opened(lnbits.section) as backend:
        assert await backend.find_account() == f"lnbits {lnbits.wallet_id}"
    assert len(lnbits.probes) == 1


async def test_where_lnbits_does_not_name_the_wallet_the_key_stands_for_it_and_is_not_shown(lnbits: LnbitsStub) -> None:
    lnbits.wallet_id = None
    async with opened(lnbits.section) as backend:
        account = await backend.find_account()
        assert account == await backend.find_account()
    assert account.startswith("lnbits key-")
    assert lnbits.secret not in account


@pytest.mark.parametrize("name", ["", "a b", "02ab'", "x" * 200])
async def test_what_is_no_name_of_a_node_is_refused(name: str, phoenixd: PhoenixdStub) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"nodeId": name})

    phoenixd.answer_instead = answer
    async with opened(phoenixd.section) as backend:
        with pytest.raises(BackendError) as caught:
            await backend.find_account()
    assert str(caught.value) == UNEXPECTED


async def test_the_invoice_that_tells_who_is_paid_is_one_and_is_cancelled(lnd: LndStub) -> None:
    for _ in range(3):
        async with opened(lnd.section) as backend:
            assert await backend.find_account() == f"lnd {lnd.node_id}"
    [probe] = lnd.probes
    assert (probe.cancelled, probe.memo, probe.amount_msat) == (True, MEMO, 1_000)
    assert lnd.made == []


async def test_a_payment_for_something_else_at_the_same_node_is_not_taken_for_ours(lnd: LndStub) -> None:
    async with opened(lnd.section) as backend:
        reference, invoice = await make(backend)
        lnd.made[0].memo = "a cup of coffee"
        await lnd.pay(invoice.bolt11)
        assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT, is_ours=False)


async def test_fee_that_phoenixd_keeps_is_not_the_payers_fault(phoenixd: PhoenixdStub) -> None:
    phoenixd.fee_sat = 50
    async with opened(phoenixd.section) as backend:
        reference, invoice = await make(backend)
        await phoenixd.pay(invoice.bolt11)
        assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT)


@pytest.mark.parametrize("kind", [LnbitsStub, PhoenixdStub])
async def test_amount_that_is_no_whole_sat_is_refused(
    kind: type[LnbitsStub] | type[PhoenixdStub], tmp_path: Path
) -> None:
    async with kind(tmp_path).running() as stub, opened(stub.section) as backend:
        with pytest.raises(BackendError, match="over another amount"):
            await backend.create_invoice(secrets.token_bytes(32), AMOUNT_MSAT + 1, MEMO, EXPIRY_S)
