"""A wallet over Nostr Wallet Connect: what is believed of what its relay delivers, and how the connection is kept."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from nostr_sdk import Keys
from pydantic import SecretStr

from relay.pricing.lightning.backend import Backend, BackendError, Payment, PaymentState, SettlementHint
from relay.pricing.lightning.http import BUSY, REFUSED, TIMED_OUT, UNEXPECTED, UNREACHABLE
from relay.pricing.lightning.invoices import MEMO
from relay.pricing.lightning.nwc.messages import (
    NO_COMMON_ENCRYPTION,
    NO_WALLET,
    NOT_ALLOWED,
    OTHER_NETWORK,
    WALLET_FAILED,
)
from relay.pricing.lightning.nwc.relay_link import RELAY_REFUSED, RelayLink
from tests.support.backend_contract import AMOUNT_MSAT, BOUND_S, EXPIRY_S, look, make, opened, pay_until_told
from tests.support.backend_failures import expect, expect_of_all
from tests.support.lightning_stubs import NwcStub
from tests.support.time_factor import scaled
from tests.support.waiting import until

ABSENT = object()


@pytest_asyncio.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[NwcStub]:
    async with NwcStub(tmp_path).running() as stub:
        yield stub


async def expect_at_once(text: str, wallet: NwcStub) -> None:
    async with opened(wallet.section) as backend:
        await expect(text, lambda: backend.look_up_payment(bytes(32), bytes(32)), wallet)


def tag(event: dict[str, Any], name: str) -> str | None:
    return next((values[1] for values in event["tags"] if values[0] == name), None)


@pytest.mark.parametrize(
    ("named", "used"),
    [
        ("nip44_v2 nip04", "nip44_v2"),
        ("nip04 nip44_v2", "nip44_v2"),
        ("nip44_v2", "nip44_v2"),
        ("nip99 nip04", "nip04"),
        ("nip04", "nip04"),
        (None, "nip04"),
    ],
)
async def test_best_encryption_that_the_wallet_names_is_used_for_requests_and_notifications(
    named: str | None, used: str, wallet: NwcStub
) -> None:
    wallet.encryption = named
    async with opened(wallet.section) as backend, aclosing(backend.stream_settlements("")) as stream:
        reference, invoice = await make(backend)
        await wallet.pay(invoice.bolt11)
        assert await look(backend, reference, invoice) == Payment(PaymentState.PAID, AMOUNT_MSAT)
        await pay_until_told(wallet, backend, stream)
    assert {tag(event, "encryption") for event in wallet.events} == {used}
    assert all(("?iv=" in event["content"]) is (used == "nip04") for event in wallet.events)


async def test_wallet_without_a_known_encryption_is_said_to_be_so(wallet: NwcStub) -> None:
    wallet.encryption = "nip99"
    await expect_of_all(NO_COMMON_ENCRYPTION, wallet)
    assert wallet.events == []


@pytest.mark.parametrize("hints", [[], ["finish"], ["more", "unheard of"]])
async def test_wallet_on_a_relay_that_hints_at_the_end_of_its_stored_events_is_found(
    hints: list[str], wallet: NwcStub
) -> None:
    wallet.eose_hints = [hints]
    async with opened(wallet.section) as backend:
        await make(backend)


async def test_wallet_that_did_not_introduce_itself_is_said_to_be_missing(wallet: NwcStub) -> None:
    wallet.introduces_itself = False
    stranger = wallet.make_info(Keys.generate())
    spoilt = {**wallet.make_info(), "content": "make_invoice lookup_invoice get_info pay_keysend"}
    forged = {**wallet.make_info(), "sig": stranger["sig"]}
    wallet.extra_info_events = [stranger, spoilt, forged, {**wallet.make_info(), "kind": "x"}, {}, [], None]
    await expect_of_all(NO_WALLET, wallet)
    assert wallet.events == []


@pytest.mark.parametrize("methods", [("get_info",), ("get_info", "make_invoice"), ("get_info", "lookup_invoice")])
@pytest.mark.parametrize("tells", [True, False])
async def test_wallet_that_cannot_do_what_is_needed_is_refused(
    methods: tuple[str, ...], tells: bool, wallet: NwcStub
) -> None:
    wallet.methods = methods
    if not tells:
        wallet.errors["get_info"] = "NOT_IMPLEMENTED"
    await expect_of_all(NOT_ALLOWED, wallet)
    assert [method for _, method, _ in wallet.requests if method != "get_info"] == []


@pytest.mark.parametrize("code", ["NOT_IMPLEMENTED", "RESTRICTED"])
async def test_wallet_that_keeps_its_info_to_itself_is_used_as_it_introduced_itself(code: str, wallet: NwcStub) -> None:
    wallet.errors["get_info"] = code
    async with opened(wallet.section) as backend, aclosing(backend.stream_settlements("")) as stream:
        await pay_until_told(wallet, backend, stream)


@pytest.mark.parametrize("network", ["mainnet", "bitcoin", "signet"])
async def test_wallet_of_another_network_is_refused(network: str, wallet: NwcStub) -> None:
    wallet.info["network"] = network
    await expect_of_all(OTHER_NETWORK, wallet)


@pytest.mark.parametrize("info", [{"network": None, "pubkey": None}, {"network": "mutinynet"}])
async def test_wallet_that_names_no_known_network_shows_it_by_its_invoices(
    info: dict[str, Any], wallet: NwcStub
) -> None:
    wallet.info |= info
    async with opened(wallet.section) as backend:
        await make(backend)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("RATE_LIMITED", BUSY),
        ("UNAUTHORIZED", REFUSED),
        ("RESTRICTED", NOT_ALLOWED),
        ("NOT_IMPLEMENTED", NOT_ALLOWED),
        ("UNSUPPORTED_ENCRYPTION", NO_COMMON_ENCRYPTION),
        ("QUOTA_EXCEEDED", WALLET_FAILED),
        ("INTERNAL", WALLET_FAILED),
        ("OTHER", WALLET_FAILED),
        ("", WALLET_FAILED),
    ],
)
async def test_errors_of_the_wallet_are_told_in_our_words(code: str, text: str, wallet: NwcStub) -> None:
    wallet.errors = {"make_invoice": code, "lookup_invoice": code}
    await expect_of_all(text, wallet)
    wallet.errors = {}
    async with opened(wallet.section) as backend:
        await make(backend)


async def test_only_the_wallets_own_reply_to_the_request_is_taken(wallet: NwcStub) -> None:
    """Before each true reply come false ones, which all say that the invoice is paid."""
    other = Keys.generate()

    async def send_false(_: Any, subscriptions: dict[str, Any], request: dict[str, Any]) -> None:
        paid = {"payment_hash": "00" * 32, "amount": 1, "state": "settled"}
        text = json.dumps({"result_type": "lookup_invoice", "error": None, "result": paid})
        true = wallet.make_reply(request, text)
        false = [
            wallet.make_reply(request, text, keys=other),
            wallet.make_reply(request, text, e="11" * 32),
            wallet.make_reply(request, text, kind=23196),
            {**true, "content": wallet.encrypt(request["pubkey"], text, "nip44_v2")},
            {**true, "sig": wallet.make_reply(request, text)["sig"]},
            {**true, "pubkey": other.public_key().to_hex()},
            {**wallet.make_reply(request, text, keys=other), "pubkey": true["pubkey"]},
            {**true, "sig": "00"},
            {"id": true["id"]},
        ]
        for socket in list(wallet.open):
            for event in false:
                for name in subscriptions:
                    await socket.send_str(json.dumps(["EVENT", name, event]))
            for text in ("", "[]", "{}", "[1]", "no JSON", "[" * 10_000, '["EVENT"]', '["OK"]', '["NOTICE","x"]'):
                await socket.send_str(text)
            await socket.send_str(json.dumps(["OK", request["id"]]))
            await socket.send_str(json.dumps(["OK", request["id"], "no", 1]))

    async with opened(wallet.section) as backend:
        reference, invoice = await make(backend)
        wallet.send_before = send_false
        assert await look(backend, reference, invoice) == Payment(PaymentState.OPEN)
        await make(backend)
    assert wallet.visits == 1


@pytest.mark.parametrize("content", ["", "x", "?iv=", "A" * 200, "AAAA?iv=AAAA"])
async def test_reply_that_cannot_be_decrypted_is_ignored(content: str, wallet: NwcStub) -> None:
    async with opened(wallet.section) as backend:
        reference, invoice = await make(backend)
        wallet.encrypt, encrypt = lambda *_: content, wallet.encrypt  # type: ignore[method-assign]

        async def send_true(socket: Any, subscriptions: dict[str, Any], request: dict[str, Any]) -> None:
            await wallet.send(socket, subscriptions, wallet.make_reply(request, "{}"))
            wallet.encrypt = encrypt  # type: ignore[method-assign]

        wallet.send_before = send_true
        assert await look(backend, reference, invoice) == Payment(PaymentState.OPEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 20_000,
        '{"result_type":"get_balance","error":null,"result":{"payment_hash":"","amount":1}}',
        '{"result":{"payment_hash":"","amount":1}}',
        '{"result_type":"lookup_invoice"}',
        '{"result_type":"lookup_invoice","result":null}',
        '{"result_type":"lookup_invoice","result":{"amount":1}}',
        '{"result_type":"lookup_invoice","result":{"payment_hash":"","amount":"1"}}',
    ],
)
async def test_reply_that_is_none_is_unexpected(text: str, wallet: NwcStub) -> None:
    async def send_first(socket: Any, subscriptions: dict[str, Any], request: dict[str, Any]) -> None:
        await wallet.send(socket, subscriptions, wallet.make_reply(request, text or " "))

    async with opened(wallet.section) as backend:
        await make(backend)
        wallet.send_before = send_first
        await expect(UNEXPECTED, lambda: backend.look_up_payment(bytes(32), bytes(32)), wallet)


OPEN, GONE, PAID = Payment(PaymentState.OPEN), Payment(PaymentState.GONE), Payment(PaymentState.PAID, AMOUNT_MSAT)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"state": "pending"}, OPEN),
        ({"state": "accepted"}, OPEN),
        ({"state": "something new"}, OPEN),
        ({"state": "settled"}, PAID),
        ({"state": "settled", "settled_at": 1, "type": "outgoing"}, PAID),
        ({"state": "expired"}, GONE),
        ({"state": "failed"}, GONE),
        ({"state": "failed", "settled_at": 1}, GONE),
        # It tried to pay the invoice itself; others still can.
        ({"state": "failed", "type": "outgoing"}, OPEN),
        ({"state": ABSENT}, OPEN),
        ({"state": None, "settled_at": None}, OPEN),
        # As LNbits' provider answers of an invoice that expired.
        ({"state": ABSENT, "settled_at": 1, "preimage": "00" * 32}, OPEN),
        ({"state": ABSENT, "settled_at": 1, "preimage": "no hex"}, OPEN),
        ({"state": ABSENT, "settled_at": 1, "preimage": None}, OPEN),
        ({"state": ABSENT, "settled_at": 1, "preimage": ABSENT}, OPEN),
        ({"state": ABSENT, "settled_at": None, "preimage": "its own"}, OPEN),
        ({"state": ABSENT, "settled_at": 1, "preimage": "its own"}, PAID),
    ],
)
async def test_state_of_an_invoice_is_read_as_the_nip_has_it(
    changes: dict[str, Any], found: Payment, wallet: NwcStub
) -> None:
    async with opened(wallet.section) as backend:
        reference, invoice = await make(backend)
        [made] = wallet.made

        def change(answer: dict[str, Any]) -> dict[str, Any]:
            changed = answer | changes
            if changed.get("preimage") == "its own":
                changed["preimage"] = made.preimage.hex()
            return {name: value for name, value in changed.items() if value is not ABSENT}

        wallet.change_answer = change
        assert await look(backend, reference, invoice) == found


@pytest.mark.parametrize("changes", [{"payment_hash": "11" * 32}, {"amount": -1}, {"payment_hash": 1}])
async def test_look_up_that_tells_of_something_else_is_not_believed(changes: dict[str, Any], wallet: NwcStub) -> None:
    async with opened(wallet.section) as backend:
        reference, invoice = await make(backend)
        wallet.change_answer = lambda answer: answer | {"state": "settled"} | changes
        await expect(UNEXPECTED, lambda: backend.look_up_payment(reference, invoice.payment_hash), wallet)


@pytest.mark.parametrize("changes", [{"invoice": None}, {"payment_hash": "11"}, {"invoice": "<script>"}])
async def test_answer_without_a_usable_invoice_is_unexpected(changes: dict[str, Any], wallet: NwcStub) -> None:
    async with opened(wallet.section) as backend:
        await make(backend)
        wallet.change_answer = lambda answer: answer | changes
        await expect(
            UNEXPECTED, lambda: backend.create_invoice(secrets.token_bytes(32), AMOUNT_MSAT, MEMO, EXPIRY_S), wallet
        )


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("rate-limited: slow down", BUSY),
        ("auth-required: log in", RELAY_REFUSED),
        ("blocked: not this kind", RELAY_REFUSED),
        ("error:", RELAY_REFUSED),
    ],
)
async def test_refusal_of_the_relay_is_told_at_once(reason: str, text: str, wallet: NwcStub) -> None:
    wallet.refuses_events = reason
    await expect_at_once(text, wallet)


async def test_wallet_that_does_not_answer_costs_no_more_than_the_time_out(wallet: NwcStub) -> None:
    async with opened(wallet.section.model_copy(update={"timeout_s": 0.5})) as backend:
        reference, invoice = await make(backend)
        wallet.answers = False
        async with asyncio.timeout(scaled(5)):
            await expect(TIMED_OUT, lambda: backend.look_up_payment(reference, invoice.payment_hash), wallet)
        wallet.answers = True
        assert await look(backend, reference, invoice) == OPEN
    assert wallet.visits == 1


async def test_relay_where_the_wallet_is_silent_is_left(wallet: NwcStub, tmp_path: Path) -> None:
    async with NwcStub(tmp_path).running() as other:
        other.wallet, other.client = wallet.wallet, wallet.client
        string = wallet.make_string(wallet.client, wallet.url, other.url)
        changes = {"secret": SecretStr(string), "timeout_s": 0.6}
        async with opened(wallet.section.model_copy(update=changes)) as backend:
            await make(backend)
            # It is there no more, though what it said of itself is.
            wallet.answers = False
            for _ in range(3):
                await expect(TIMED_OUT, lambda: make(backend), wallet)
            assert (wallet.visits, other.visits) == (1, 0)
            await make(backend)
        assert (wallet.visits, other.visits) == (2, 1)


async def test_one_connection_serves_all_requests_and_few_at_once(wallet: NwcStub) -> None:
    wallet.delay_s = 0.02
    async with opened(wallet.section) as backend:
        made = await asyncio.gather(*(make(backend) for _ in range(40)))
    assert len({invoice.payment_hash for _, invoice in made}) == 40
    assert wallet.visits == 1
    assert 1 < wallet.most_subscriptions <= 9


async def test_broken_connection_fails_what_waits_and_is_opened_again(wallet: NwcStub) -> None:
    async with opened(wallet.section) as backend:
        reference, invoice = await make(backend)
        wallet.answers = False
        waiting = [asyncio.ensure_future(backend.look_up_payment(reference, invoice.payment_hash)) for _ in range(3)]
        await until(lambda: len(wallet.events) == 2 + len(waiting))
        for socket in list(wallet.open):
            await socket.close()
        async with asyncio.timeout(BOUND_S):
            for look_up in waiting:
                with pytest.raises(BackendError) as caught:
                    await look_up
                assert str(caught.value) == UNREACHABLE
        wallet.answers = True
        assert await look(backend, reference, invoice) == OPEN
    assert wallet.visits == 2


async def test_relay_that_is_down_is_tried_again_after_growing_pauses(wallet: NwcStub) -> None:
    visits = []

    async def refuse(_: web.Request) -> web.Response:
        visits.append(asyncio.get_running_loop().time())
        return web.Response(status=503)

    async def keep_asking(backend: Backend) -> None:
        while True:
            with pytest.raises(BackendError) as caught:
                await backend.look_up_payment(bytes(32), bytes(32))
            assert str(caught.value) == UNREACHABLE

    wallet.answer_instead = refuse
    async with opened(wallet.section) as backend, asyncio.TaskGroup() as group:
        asking = [group.create_task(keep_asking(backend)) for _ in range(5)]
        await until(lambda: len(visits) == 4)
        for task in asking:
            task.cancel()
    pauses = [later - earlier for earlier, later in pairwise(visits)]
    assert all(pause >= least for pause, least in zip(pauses, (0.24, 0.49, 0.99), strict=True))


async def test_next_relay_is_taken_where_one_does_not_connect(wallet: NwcStub, tmp_path: Path) -> None:
    async with NwcStub(tmp_path).running() as other:
        other.introduces_itself = False
        string = wallet.make_string(wallet.client, "ws://127.0.0.1:1", other.url, wallet.url)
        async with opened(wallet.section.model_copy(update={"secret": SecretStr(string)})) as backend:
            reference, invoice = await make(backend)
            assert await look(backend, reference, invoice) == OPEN
        assert (other.visits, wallet.visits) == (1, 1)


async def read_hints(backend: Backend, many: int) -> list[SettlementHint]:
    async with asyncio.timeout(BOUND_S), aclosing(backend.stream_settlements("7")) as stream:
        return [await anext(stream) for _ in range(many)]


async def test_only_the_wallets_own_notification_of_a_payment_is_a_hint(wallet: NwcStub) -> None:
    other = Keys.generate()

    def tell(payment_hash: Any, kind: str = "payment_received", **changes: Any) -> Any:
        text = json.dumps({"notification_type": kind, "notification": {"payment_hash": payment_hash}})
        return wallet.make_notification(changes.get("number", 23197), text, "nip44_v2", changes.get("keys"))

    events = [
        tell("11" * 32, keys=other),
        {**tell("22" * 32), "sig": tell("22" * 32)["sig"]},
        {**tell("33" * 32), "tags": []},
        tell("44" * 32, "payment_sent"),
        tell(5),
        {**tell("66" * 32), "content": "x"},
        tell("77" * 32),
    ]
    async with opened(wallet.section) as backend:
        reading = asyncio.ensure_future(read_hints(backend, 1))
        await until(lambda: _subscribed(wallet))
        await wallet.say(*events)
        assert await reading == [SettlementHint(b"\x77" * 32, "7", False)]


async def test_what_a_relay_pours_in_is_dropped_beyond_a_bound(wallet: NwcStub) -> None:
    hint = wallet.make_notification(23197, "{}", "nip44_v2")
    async with aiohttp.ClientSession() as session:
        link = RelayLink(await session.ws_connect(wallet.url))
        async with link.subscribe(kinds=[23197]) as poured, link.subscribe(kinds=[13194]) as other:
            await until(lambda: _subscribed(wallet))
            await wallet.say(*[hint] * 3_000)
            await wallet.say(wallet.make_info())
            # It came after all of the others: those of its own subscription, and this one.
            await until(lambda: other.qsize() == 3)
            assert poured.qsize() == 1_000
        await link.close()


async def test_wallet_that_tells_nothing_has_no_stream(wallet: NwcStub) -> None:
    wallet.notifications = ""
    async with opened(wallet.section) as backend, aclosing(backend.stream_settlements("")) as stream:
        async with asyncio.timeout(BOUND_S):
            assert [hint async for hint in stream] == []


async def test_relay_sees_neither_the_secret_nor_what_is_asked(wallet: NwcStub) -> None:
    for encryption in ("nip44_v2", "nip04"):
        wallet.encryption = encryption
        async with opened(wallet.section) as backend:
            reference, invoice = await make(backend)
            await look(backend, reference, invoice)
        heard = b"\n".join([head.encode() + body for head, body in wallet.heard]).decode()
        secret = wallet.client.secret_key().to_hex()
        for hidden in (secret, invoice.payment_hash.hex(), "make_invoice", wallet.made[-1].label, '"note"'):
            assert hidden not in heard
        assert wallet.client.public_key().to_hex() in heard


async def test_cancelling_asks_the_wallet_nothing(wallet: NwcStub) -> None:
    calls: list[Callable[[Backend], Awaitable[object]]] = [
        lambda backend: backend.create_invoice(bytes(32), AMOUNT_MSAT, MEMO, EXPIRY_S),
        lambda backend: backend.look_up_payment(bytes(32), bytes(32)),
        lambda backend: backend.cancel_invoice(bytes(32), bytes(32)),
    ]
    async with opened(wallet.section) as backend:
        for call in calls:
            await call(backend)
    assert [method for _, method, _ in wallet.requests] == ["get_info", "make_invoice", "lookup_invoice"]
    assert {event["kind"] for event in wallet.events} == {23194}


def _subscribed(wallet: NwcStub) -> bool:
    return any(23197 in filter_["kinds"] for filters in wallet.open.values() for filter_ in filters.values())


async def test_account_is_the_connection_and_leads_to_neither_key(wallet: NwcStub) -> None:
    names, other = set(), Keys.generate()
    for client in (wallet.client, wallet.client, other):
        wallet.client = client
        section = wallet.section.model_copy(update={"secret": SecretStr(wallet.make_string(client))})
        async with opened(section) as backend:
            names.add(name := await backend.find_account())
            for key in (client, wallet.wallet):
                assert key.public_key().to_hex()[:32] not in name
    assert len(names) == 2
