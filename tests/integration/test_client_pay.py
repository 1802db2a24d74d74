"""`ringrelay publish` and a relay that asks for payment, honest or not: a process, against scripted answers on loopback."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import segno
from websockets.asyncio.server import ServerConnection, serve

from relay.client import keys
from relay.client.explain import PAYMENT
from relay.client.genuine import check_note
from relay.client.publish_signed import MAX_ROUNDS
from relay.event import count_leading_zero_bits, decode_event, encode_event
from relay.pricing.offer import Offer, encode_offer
from tests.support.bolt11 import make_bolt11
from tests.support.command import ENVIRONMENT, Finished, run, start
from tests.support.events import KEYS, make_event, make_ring
from tests.support.raw import port_of
from tests.support.socks import run_socks_proxy

BOUND_S = 60.0
BOLT11 = make_bolt11("2100n")
PAY_URL = f"https://relay.example.com/pay/{'0123456789abcdef' * 2}"
OFFER = encode_offer(Offer(210, PAY_URL, BOLT11))
OTHER = encode_offer(Offer(210, PAY_URL[:-1] + "0", make_bolt11("2100n", number=1)))
NOTE = make_event()
QR = segno.make_qr(f"LIGHTNING:{BOLT11.upper()}", error="l")
QR_COLUMNS = QR.symbol_size(border=4)[0]
HALF_BLOCKS = {" ": (1, 1), "▀": (0, 1), "▄": (1, 0), "█": (0, 0)}

# What the relay does about one EVENT; the socket, the event's id.
Answering = Callable[[ServerConnection, str], Awaitable[None]]


@dataclass
class PricedRelay:
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def run_relay(*answers: Answering) -> AsyncIterator[PricedRelay]:
    """Answer the first EVENT with the first of the answers, and so on over all connections; the last one stays."""
    relay = PricedRelay()

    async def handle(connection: ServerConnection) -> None:
        relay.connections += 1
        async for frame in connection:
            event = json.loads(frame)[1]
            relay.events.append(event)
            await answers[min(len(relay.events), len(answers)) - 1](connection, event["id"])

    async with serve(handle, "127.0.0.1", 0) as server:
        relay.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield relay


def ok(is_accepted: bool, text: str = "") -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await connection.send(json.dumps(["OK", event_id, is_accepted, text]))

    return answer


def in_turn(*answers: Answering) -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        for one in answers:
            await one(connection, event_id)

    return answer


def after(moment: asyncio.Event, then: Answering) -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await moment.wait()
        await then(connection, event_id)

    return answer


async def hang_up(connection: ServerConnection, _: str) -> None:
    await connection.close(1001)


async def publish(url: str, *options: str, stdin: str | bytes = encode_event(NOTE)) -> Finished:
    return await run("publish", url, *options, stdin=stdin)


async def start_publishing(url: str, *options: str) -> Process:
    process = await start("publish", url, *options)
    assert process.stdin is not None
    process.stdin.write(encode_event(NOTE))
    process.stdin.close()
    return process


async def read_until(process: Process, text: str) -> str:
    """Return what the process says on stderr up to the line that has the text in it."""
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(BOUND_S):
        while text not in said:
            line = await process.stderr.readline()
            assert line, said
            said += line.decode()
    return said


async def finish(process: Process) -> Finished:
    async with asyncio.timeout(BOUND_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


@pytest.fixture
def signing(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "ring.txt").write_text("".join(keys.encode_npub(key) + "\n" for key in make_ring(12)))
    (tmp_path / "me.key").write_text(keys.encode_nsec(KEYS[3].secret) + "\n")
    (tmp_path / "me.key").chmod(0o600)
    return "--ring", str(tmp_path / "ring.txt"), "--key-file", str(tmp_path / "me.key")


@pytest.mark.parametrize(
    "text", ["", "kept, to be published together with others at the next tick, within 900 seconds"]
)
async def test_a_note_is_reported_when_what_is_shown_has_been_paid(text: str) -> None:
    paid = asyncio.Event()
    async with run_relay(in_turn(ok(False, OFFER), after(paid, ok(True, text)))) as relay:
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


async def test_events_are_paid_for_one_after_the_other() -> None:
    notes = [NOTE, make_event(content="two"), make_event(content="three")]
    offers = [encode_offer(Offer(210, PAY_URL, make_bolt11("2100n", number=number))) for number in range(3)]
    paid = [asyncio.Event() for _ in notes]
    answers = [in_turn(ok(False, offer), after(moment, ok(True))) for offer, moment in zip(offers, paid, strict=True)]
    async with run_relay(*answers) as relay:
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
        (encode_offer(Offer(210, PAY_URL, make_bolt11("5000n"))), "210 sat and its invoice is over 500 sat"),
        (encode_offer(Offer(210, PAY_URL, make_bolt11("2100010p"))), "210 sat and its invoice is over 210.001 sat"),
        (encode_offer(Offer(210, PAY_URL, make_bolt11(""))), "names no amount"),
        (encode_offer(Offer(210, PAY_URL, make_bolt11("2100n", "ltc"))), "broken"),
        (encode_offer(Offer(210, PAY_URL, BOLT11[:-1] + ("q" if BOLT11[-1] != "q" else "p"))), "broken"),
        (encode_offer(Offer(210, PAY_URL, BOLT11.replace("lnbc", "LNBC"))), "broken"),
        (encode_offer(Offer(210, PAY_URL, BOLT11 + "\x1b[2J")), "in a form that is not ringrelay's"),
        (encode_offer(Offer(210, PAY_URL, "\u202e" + BOLT11)), "in a form that is not ringrelay's"),
        (encode_offer(Offer(210, PAY_URL, BOLT11 + "q" * 2_000)), "in a form that is not ringrelay's"),
        (encode_offer(Offer(210, f"javascript:{PAY_URL}", BOLT11)), "in a form that is not ringrelay's"),
        (encode_offer(Offer(0, PAY_URL, BOLT11)), "in a form that is not ringrelay's"),
        (f"{OFFER} or lightning:{make_bolt11('1m')}", "in a form that is not ringrelay's"),
    ],
)
async def test_a_demand_that_is_not_right_is_refused_and_nothing_to_pay_is_shown(text: str, said: str) -> None:
    async with run_relay(ok(False, text)) as relay:
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
    async with run_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, "--max-sat", "209")
    assert (done.status, done.out) == (
        1,
        f"{NOTE.id} refused here: the relay asks for 210 sat, more than --max-sat 209\n",
    )
    assert done.err == ""


async def test_what_the_author_would_just_pay_is_shown() -> None:
    async with run_relay(in_turn(ok(False, OFFER), ok(True))) as relay:
        done = await publish(relay.url, "--max-sat", "210")
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n")
    assert BOLT11 in done.err


async def test_an_invoice_nobody_pays_is_waited_for_as_long_as_was_said() -> None:
    async with run_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, "--wait", "0.5")
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert "no payment was reported within 0.5 s: paying the invoice still publishes the note" in done.err


async def test_an_interrupt_while_waiting_says_that_paying_still_publishes() -> None:
    async with run_relay(ok(False, OFFER)) as relay:
        process = await start_publishing(relay.url)
        await read_until(process, "Waiting")
        process.send_signal(signal.SIGINT)
        done = await finish(process)
    assert (done.status, done.out) == (130, "")
    assert done.err.startswith("no longer waiting: paying the invoice still publishes the note")
    assert "Traceback" not in done.err


async def test_a_lost_connection_is_made_again_and_the_same_event_sent() -> None:
    again = ok(True, "duplicate: already have this event")
    async with run_relay(in_turn(ok(False, OFFER), hang_up), again) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted duplicate: already have this event\n")
    assert relay.connections == 2
    assert relay.events[0] == relay.events[1]


async def test_a_lost_connection_is_made_again_on_another_circuit() -> None:
    async with (
        run_relay(in_turn(ok(False, OFFER), hang_up), ok(True)) as relay,
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
    async with run_relay(*answers) as relay:
        process = await start_publishing(relay.url)
        shown = await read_until(process, "calling it again")
        paid.set()
        done = await finish(process)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n")
    assert (shown + done.err).count(BOLT11) == 1
    assert relay.connections == 3


@pytest.mark.parametrize("busy", ["rate-limited: slow down", "error: invoices are unavailable, try again later"])
async def test_a_relay_that_is_busy_when_called_again_is_called_once_more(busy: str) -> None:
    async with run_relay(in_turn(ok(False, OFFER), hang_up), ok(False, busy), ok(True)) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (0, f"{NOTE.id} accepted\n")
    assert len(relay.events) == 3


async def test_an_author_is_never_asked_to_pay_twice() -> None:
    async with run_relay(in_turn(ok(False, OFFER), hang_up), ok(False, OTHER)) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert make_bolt11("2100n", number=1) not in done.err
    assert "another invoice now, which is not shown. If you have paid, pay nothing else" in done.err


async def test_another_invoice_on_the_same_connection_is_not_shown_either() -> None:
    async with run_relay(in_turn(ok(False, OFFER), ok(False, OTHER))) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert make_bolt11("2100n", number=1) not in done.err


async def test_a_relay_that_takes_the_note_no_more_leaves_it_unpaid_with_its_reason() -> None:
    async with run_relay(in_turn(ok(False, OFFER), ok(False, "blocked: its author has deleted\x1b[2J it"))) as relay:
        done = await publish(relay.url)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")
    assert "(blocked: its author has deleted [2J it)" in done.err


async def test_a_relay_that_stays_away_is_called_no_longer_than_was_said() -> None:
    left = asyncio.Event()

    async def leave(connection: ServerConnection, _: str) -> None:
        left.set()
        await connection.close(1001)

    async with run_relay(in_turn(ok(False, OFFER), leave)) as relay:
        process = await start_publishing(relay.url, "--wait", "3")
        async with asyncio.timeout(BOUND_S):
            await left.wait()
    done = await finish(process)
    assert (done.status, done.out) == (1, f"{NOTE.id} unpaid {PAY_URL}\n")


async def test_where_only_the_invoice_is_wanted_stdout_holds_nothing_else() -> None:
    async with run_relay(ok(False, OFFER)) as relay:
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
)
async def test_where_only_the_invoice_is_wanted_all_else_is_said_on_stderr(
    answer: Answering, options: tuple[str, ...], status: int, said: str
) -> None:
    async with run_relay(answer) as relay:
        done = await publish(relay.url, "--invoice-only", *options)
    assert (done.status, done.out) == (status, "")
    assert said in done.err


@pytest.mark.parametrize(
    "options", [("--max-sat", "-1"), ("--max-sat", "x"), ("--wait", "0"), ("--wait", "nan"), ("--wait", "1e300")]
)
async def test_terms_that_are_none_are_refused_before_the_relay_is_called(options: tuple[str, str]) -> None:
    async with run_relay(ok(True)) as relay:
        done = await publish(relay.url, *options)
    assert (done.status, done.out, relay.connections) == (2, "", 0)
    assert options[0] in done.err


async def test_work_is_done_as_it_rises_and_then_the_note_is_paid_for(signing: tuple[str, ...]) -> None:
    answers = [ok(False, f"pow: {bits} bits of proof of work are needed") for bits in (8, 11)]
    async with run_relay(*answers, in_turn(ok(False, OFFER), ok(True))) as relay:
        done = await publish(relay.url, *signing, stdin="said by one of us\n")
    first, _, last = (decode_event(json.dumps(event)) for event in relay.events)
    assert (done.status, done.out) == (0, f"{last.id} accepted\n")
    assert count_leading_zero_bits(last.id) >= 11
    assert check_note(last).pre_id == check_note(first).pre_id
    assert done.err.count(BOLT11) == 1


async def test_work_that_rises_with_each_try_is_not_done_for_ever(signing: tuple[str, ...]) -> None:
    answers = [ok(False, f"pow: {bits} bits of proof of work are needed") for bits in range(4, 40)]
    async with run_relay(*answers) as relay:
        done = await publish(relay.url, *signing, stdin="said by one of us\n")
    assert len(relay.events) == 1 + MAX_ROUNDS
    assert done.status == 1
    assert f"refused pow: {4 + MAX_ROUNDS} bits" in done.out


async def test_a_note_that_was_shown_an_invoice_is_not_mined_into_another(signing: tuple[str, ...]) -> None:
    answers = [in_turn(ok(False, OFFER), hang_up), ok(False, "pow: 8 bits of proof of work are needed")]
    async with run_relay(*answers) as relay:
        done = await publish(relay.url, *signing, stdin="said by one of us\n")
    assert relay.events[0] == relay.events[1]
    assert (done.status, done.out) == (1, f"{relay.events[0]['id']} unpaid {PAY_URL}\n")


@pytest.mark.parametrize("options", [("--invoice-only",), ("--max-sat", "5")])
async def test_the_terms_hold_for_what_is_signed_here_too(signing: tuple[str, ...], options: tuple[str, ...]) -> None:
    async with run_relay(ok(False, OFFER)) as relay:
        done = await publish(relay.url, *signing, *options, stdin="said by one of us\n")
    refused = f"{relay.events[0]['id']} refused here: the relay asks for 210 sat, more than --max-sat 5\n"
    assert (done.status, done.out) == ((0, f"{BOLT11}\n") if options == ("--invoice-only",) else (1, refused))


async def show_on_terminal(columns: int, **variables: str) -> str:
    """Return what a terminal of that width shows of a priced answer."""
    ours, theirs = pty.openpty()
    # Rows and columns; 0 is what a terminal says that does not know.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
    async with run_relay(in_turn(ok(False, OFFER), ok(True))) as relay:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "relay", "publish", relay.url),
            env={**ENVIRONMENT, **variables},
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        reading = asyncio.create_task(asyncio.to_thread(read_terminal, ours))
        async with asyncio.timeout(BOUND_S):
            await process.communicate(encode_event(NOTE))
            shown = await reading
    os.close(ours)
    assert process.returncode == 0
    return shown


def read_terminal(descriptor: int) -> str:
    shown = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # So Linux says that nobody has the other end open.
            piece = b""
        if not piece:
            return shown.decode().replace("\r\n", "\n")
        shown += piece


@pytest.mark.parametrize("columns", [0, QR_COLUMNS, 200])
async def test_a_terminal_shows_the_invoice_as_a_qr_code(columns: int) -> None:
    shown = await show_on_terminal(columns)
    rows = [line for line in shown.splitlines() if set(line) <= set(HALF_BLOCKS) and len(line) > 20]
    modules = [bytes(HALF_BLOCKS[char][half] for char in row) for row in rows for half in (0, 1)]
    wanted = [bytes(row) for row in QR.matrix_iter(border=4)]
    assert modules[: len(wanted)] == wanted
    assert BOLT11 in shown.splitlines()


@pytest.mark.parametrize(("columns", "variables"), [(QR_COLUMNS - 1, {}), (200, {"PYTHONIOENCODING": "ascii"})])
async def test_a_terminal_that_cannot_show_a_qr_code_shows_the_rest(columns: int, variables: dict[str, str]) -> None:
    shown = await show_on_terminal(columns, **variables)
    assert not set(shown) & set("▀▄█")
    assert "\\u2588" not in shown
    assert BOLT11 in "".join(shown.splitlines())
    assert PAY_URL in shown
