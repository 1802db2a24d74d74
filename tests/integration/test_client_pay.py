"""`ringrelay publish` and a relay that asks for payment, honest or not: a process, against scripted answers on loopback."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from relay.client.commands.publish_signed import MAX_ROUNDS
from relay.client.signing.verify_event import verify_note
from relay.client.terminal.anonymity_notice import PAYMENT
from relay.pricing.offer import Purpose
from relay.protocol import nip19
from relay.protocol.event import count_leading_zero_bits, decode_event, encode_event
from tests.support.bolt11 import make_bolt11
from tests.support.command import start
from tests.support.events import KEYS, make_event, make_ring
from tests.support.priced_relay import (
    BOLT11,
    NOTE,
    OFFER,
    PAY_URL,
    Answering,
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


@pytest.fixture
def signing(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "ring.txt").write_text("".join(nip19.encode_npub(key) + "\n" for key in make_ring(12)))
    (tmp_path / "me.key").write_text(nip19.encode_nsec(KEYS[3].secret) + "\n")
    (tmp_path / "me.key").chmod(0o600)
    return "--ring", str(tmp_path / "ring.txt"), "--key-file", str(tmp_path / "me.key")


@pytest.mark.parametrize("text", ["", "accepted, to be published with others in the next batch, within 900 seconds"])
async def test_a_note_is_reported_when_what_is_shown_has_been_paid(text: str) -> None:
    paid = asyncio.Event()
    async with run_priced_relay(in_turn(ok(False, OFFER), after(paid, ok(True, text)))) as relay:
        process = await start_publishing(relay.url)
        shown = await read_until(process, "Waiting")
        paid.set()
        done = await finish(process)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted {text}".rstrip() + "\n")
    assert "210 sat" in shown
    assert BOLT11 in shown.splitlines()
    assert PAY_URL in shown
    assert PAYMENT in shown
    # Not at a terminal, and so without a picture of it.
    assert not set(shown) & set("▀▄█")
    assert (relay.connections, len(relay.events)) == (1, 1)


@pytest.mark.parametrize(
    ("purpose", "said"),
    [
        (Purpose("/1k", 210), "the relay publishes this note once 210 sat are paid"),
        (
            Purpose("/1k", 210, 0),
            "this note is published already, free; the relay raises it to 210 sat once 210 sat are paid",
        ),
        (
            Purpose("/1k", 210, 21, True),
            "this note is accepted already, at 21 sat; the relay raises it to 210 sat once 210 sat are paid",
        ),
    ],
)
async def test_what_the_payment_does_is_shown(purpose: Purpose, said: str) -> None:
    async with run_priced_relay(ok(False, make_offer(BOLT11, purpose=purpose))) as relay:
        process = await start_publishing(relay.url)
        assert said in await read_until(process, "Waiting")
        process.send_signal(signal.SIGINT)
        await finish(process)


async def test_events_are_paid_for_one_after_the_other() -> None:
    notes = [NOTE, make_event(content="two"), make_event(content="three")]
    offers = [make_offer(make_bolt11("2100n", number=number)) for number in range(3)]
    paid = [asyncio.Event() for _ in notes]
    answers = [in_turn(ok(False, offer), after(moment, ok(True))) for offer, moment in zip(offers, paid, strict=True)]
    async with run_priced_relay(*answers) as relay:
        process = await start("publish", relay.url)
        assert process.stdin is not None
        process.stdin.write(b"\n".join(map(encode_event, notes)))
        process.stdin.close()
        for offer, moment in zip(offers, paid, strict=True):
            said = await read_until(process, "Waiting")
            assert [other.rpartition(":")[2] in said for other in offers] == [other == offer for other in offers]
            moment.set()
        done = await finish(process)
    assert done.out.splitlines() == [f"{note.id} accepted" for note in notes]
    assert (done.status, relay.connections) == (0, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (make_offer(make_bolt11("5000n")), "210 sat and its invoice is for 500 sat"),
        (make_offer(make_bolt11("2100010p")), "210 sat and its invoice is for 210.001 sat"),
        (make_offer(make_bolt11("")), "names no amount"),
        (make_offer(make_bolt11("2100n", "ltc")), "broken"),
        (make_offer(BOLT11[:-1] + ("q" if BOLT11[-1] != "q" else "p")), "broken"),
        (make_offer(BOLT11.replace("lnbc", "LNBC")), "broken"),
        (make_offer(BOLT11 + "\x1b[2J"), "in a form that is not ringrelay's"),
        (make_offer("\u202e" + BOLT11), "in a form that is not ringrelay's"),
        (make_offer(BOLT11 + "q" * 2_000), "in a form that is not ringrelay's"),
        (make_offer(BOLT11, pay_url=f"javascript:{PAY_URL}"), "in a form that is not ringrelay's"),
        (make_offer(BOLT11, amount_sat=0), "in a form that is not ringrelay's"),
        (f"{OFFER} or lightning:{make_bolt11('1m')}", "in a form that is not ringrelay's"),
    ],
)
async def test_a_demand_that_is_not_right_is_refused_and_nothing_to_pay_is_shown(text: str, said: str) -> None:
    async with run_priced_relay(ok(False, text)) as relay:
        done = await publish(relay.url)
    assert done.status == 1
    assert done.out.startswith(f"{NOTE.id} refused here: the relay")
    assert said in done.out
    assert "pay nothing" in done.out
    shown = (done.out + done.err).lower()
    assert "lnbc" not in shown
    assert "lnltc" not in shown
    assert "/pay/" not in shown
    assert "\x1b" not in shown


async def test_more_than_the_author_would_pay_is_refused_unseen() -> None:
    async with run_priced_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, "--max-sat", "209")
    assert (done.status, done.out) == (
        1,
        f"{NOTE.id} refused here: the relay asks for 210 sat, more than --max-sat 209\n",
    )
    assert done.err == ""


async def test_what_the_author_would_just_pay_is_shown() -> None:
    async with run_priced_relay(in_turn(ok(False, OFFER), ok(True))) as relay:
        done = await publish(relay.url, "--max-sat", "210")
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n")
    assert BOLT11 in done.err


async def test_an_invoice_nobody_pays_is_waited_for_as_long_as_was_said() -> None:
    async with run_priced_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, "--wait", "0.5")
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert "no payment was reported within 0.5 s: paying the invoice still publishes the note" in done.err


async def test_an_interrupt_while_waiting_says_that_paying_still_publishes() -> None:
    async with run_priced_relay(ok(False, OFFER)) as relay:
        process = await start_publishing(relay.url)
        await read_until(process, "Waiting")
        process.send_signal(signal.SIGINT)
        done = await finish(process)
    assert (done.status, done.out) == (130, "")
    assert done.err.startswith("no longer waiting: paying the invoice still publishes the note")
    assert "Traceback" not in done.err


async def test_where_only_the_invoice_is_wanted_stdout_holds_nothing_else() -> None:
    async with run_priced_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, "--invoice-only")
    assert (done.status, done.out) == (0, f"{BOLT11}\n")
    assert f"210 sat for {NOTE.id}, to be paid at {PAY_URL}" in done.err


@pytest.mark.parametrize(
    ("answer", "options", "status", "said"),
    [
        (ok(True), (), 0, f"{NOTE.id} accepted (without payment)"),
        (ok(False, "blocked: no"), (), 1, f"{NOTE.id} refused blocked: no"),
        (ok(False, OFFER), ("--max-sat", "1"), 1, "refused here: the relay asks for 210 sat"),
        (ok(False, OFFER.replace("210", "211")), (), 1, "pay nothing"),
        (hang_up, (), 2, f"{NOTE.id} unanswered"),
    ],
    # Not by the note's id, which is another in each process that runs tests.
    ids=["accepted", "refused", "too expensive", "another price", "unanswered"],
)
async def test_where_only_the_invoice_is_wanted_all_else_is_said_on_stderr(
    answer: Answering, options: tuple[str, ...], status: int, said: str
) -> None:
    async with run_priced_relay(answer) as relay:
        done = await publish(relay.url, "--invoice-only", *options)
    assert (done.status, done.out) == (status, "")
    assert said in done.err


@pytest.mark.parametrize(
    "options", [("--max-sat", "-1"), ("--max-sat", "x"), ("--wait", "0"), ("--wait", "nan"), ("--wait", "1e300")]
)
async def test_terms_that_are_none_are_refused_before_the_relay_is_called(options: tuple[str, str]) -> None:
    async with run_priced_relay(ok(True)) as relay:
        done = await publish(relay.url, *options)
    assert (done.status, done.out, relay.connections) == (2, "", 0)
    assert options[0] in done.err


async def test_work_is_done_as_it_grows_and_then_the_note_is_paid_for(signing: tuple[str, ...]) -> None:
    answers = [ok(False, f"pow: {bits} bits of proof of work are needed") for bits in (8, 11)]
    async with run_priced_relay(*answers, in_turn(ok(False, OFFER), ok(True))) as relay:
        done = await publish(relay.url, *signing, "--pow", "0", stdin="said by one of us\n")
    first, _, last = (decode_event(json.dumps(event)) for event in relay.events)
    assert (done.status, done.out) == (0, f"{last.id} accepted\n")
    assert count_leading_zero_bits(last.id) >= 11
    assert verify_note(last).signed_id == verify_note(first).signed_id
    assert done.err.count(BOLT11) == 1


async def test_work_that_grows_with_each_try_is_not_done_for_ever(signing: tuple[str, ...]) -> None:
    answers = [ok(False, f"pow: {bits} bits of proof of work are needed") for bits in range(4, 40)]
    async with run_priced_relay(*answers) as relay:
        done = await publish(relay.url, *signing, "--pow", "0", stdin="said by one of us\n")
    assert len(relay.events) == 1 + MAX_ROUNDS
    assert done.status == 1
    assert f"refused pow: {4 + MAX_ROUNDS} bits" in done.out


async def test_a_note_that_was_shown_an_invoice_is_not_mined_into_another(signing: tuple[str, ...]) -> None:
    answers = [in_turn(ok(False, OFFER), hang_up), ok(False, "pow: 8 bits of proof of work are needed")]
    async with run_priced_relay(*answers) as relay:
        done = await publish(relay.url, *signing, "--pow", "0", stdin="said by one of us\n")
    assert relay.events[0] == relay.events[1]
    assert (done.status, done.out) == (1, f"{relay.events[0]['id']} unpaid {PAY_URL}\n")


@pytest.mark.parametrize("options", [("--invoice-only",), ("--max-sat", "5")])
async def test_the_terms_hold_for_what_is_signed_here_too(signing: tuple[str, ...], options: tuple[str, ...]) -> None:
    async with run_priced_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, *signing, *options, stdin="said by one of us\n")
    refused = f"{relay.events[0]['id']} refused here: the relay asks for 210 sat, more than --max-sat 5\n"
    assert (done.status, done.out) == ((0, f"{BOLT11}\n") if options == ("--invoice-only",) else (1, refused))
