"""`ringrelay publish` after an invoice was shown: lost connections, second thoughts of the relay, and no second invoice."""

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection

from relay.protocol.refusal import SHORT_PAID
from tests.support.bolt11 import make_bolt11
from tests.support.priced_relay import (
    BOLT11,
    BOUND_S,
    NOTE,
    OFFER,
    PAY_URL,
    after,
    finish,
    hang_up,
    in_turn,
    make_offer,
    ok,
    publish,
    read_until,
    run_priced_relay,
    start_publishing,
)
from tests.support.raw import port_of
from tests.support.socks import run_socks_proxy

OTHER = make_offer(make_bolt11("2100n", number=1), pay_url=PAY_URL[:-1] + "0")


async def test_who_paid_too_little_is_told_to_publish_again() -> None:
    async with run_priced_relay(in_turn(ok(False, OFFER), ok(False, SHORT_PAID))) as relay:
        done = await publish(relay.url)
    assert done.out == f"{NOTE.id} unpaid {PAY_URL}\n"
    assert "publish the note again: the relay asks for the rest alone" in done.err
    assert "pay nothing else" not in done.err


async def test_a_lost_connection_is_made_again_and_the_same_event_sent() -> None:
    again = ok(True, "duplicate: already have this event")
    async with run_priced_relay(in_turn(ok(False, OFFER), hang_up), again) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted duplicate: already have this event\n")
    assert relay.connections == 2
    assert relay.events[0] == relay.events[1]


async def test_a_lost_connection_is_made_again_on_another_circuit() -> None:
    async with (
        run_priced_relay(in_turn(ok(False, OFFER), hang_up), ok(True)) as relay,
        run_socks_proxy({"relay.invalid": port_of(relay.url)}) as tor,
    ):
        done = await publish("ws://relay.invalid", "--tor-at", tor.address)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n"), done.err
    assert len(set(tor.users)) == len(tor.users) == 2


async def test_an_invoice_is_shown_once_however_often_the_relay_names_it() -> None:
    paid = asyncio.Event()
    answers = [
        in_turn(ok(False, OFFER), ok(False, OFFER), hang_up),
        in_turn(ok(False, OFFER), hang_up),
        in_turn(ok(False, OFFER), after(paid, ok(True))),
    ]
    async with run_priced_relay(*answers) as relay:
        process = await start_publishing(relay.url)
        shown = await read_until(process, "connecting again")
        paid.set()
        done = await finish(process)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n")
    assert (shown + done.err).count(BOLT11) == 1
    assert relay.connections == 3


@pytest.mark.parametrize("busy", ["rate-limited: slow down", "error: invoices are unavailable, try again later"])
async def test_a_relay_that_is_busy_when_called_again_is_called_once_more(busy: str) -> None:
    async with run_priced_relay(in_turn(ok(False, OFFER), hang_up), ok(False, busy), ok(True)) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n")
    assert len(relay.events) == 3


async def test_an_author_is_never_asked_to_pay_twice() -> None:
    async with run_priced_relay(in_turn(ok(False, OFFER), hang_up), ok(False, OTHER)) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert make_bolt11("2100n", number=1) not in done.err
    assert "another invoice now, which is not shown. If you have paid, pay nothing else" in done.err


async def test_another_invoice_on_the_same_connection_is_not_shown_either() -> None:
    async with run_priced_relay(in_turn(ok(False, OFFER), ok(False, OTHER))) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert make_bolt11("2100n", number=1) not in done.err


async def test_a_relay_that_takes_the_note_no_more_leaves_it_unpaid_with_its_reason() -> None:
    async with run_priced_relay(
        in_turn(ok(False, OFFER), ok(False, "blocked: its author has deleted\x1b[2J it"))
    ) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert "(blocked: its author has deleted [2J it)" in done.err


async def test_a_relay_that_stays_away_is_called_no_longer_than_was_said() -> None:
    left = asyncio.Event()

    async def leave(connection: ServerConnection, _: str) -> None:
        left.set()
        await connection.close(1001)

    async with run_priced_relay(in_turn(ok(False, OFFER), leave)) as relay:
        process = await start_publishing(relay.url, "--wait", "3")
        async with asyncio.timeout(BOUND_S):
            await left.wait()
    done = await finish(process)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
