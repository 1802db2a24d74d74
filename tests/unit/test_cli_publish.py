"""`ringrelay publish` as a process, against a WebSocket server on loopback that answers as relays do."""

import asyncio
import json
import os
import shlex
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers

from relay.client.network.relay_connection import MAX_SHOWN_NOTICES
from relay.client.signing.padding import PADDED_SIZES, encode_padded
from relay.client.terminal.notices import to_printable
from relay.protocol.event import Event, encode_event
from tests.support.tls import make_tls
from tests.support.web import run_web_server

# A proxy of the host's would not find the loopback.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"

Answering = Callable[[ServerConnection, str], Awaitable[None]]


@dataclass
class FakeRelay:
    url: str = ""
    frames: list[str] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)


@dataclass
class Finished:
    status: int
    out: list[str]
    err: str


@asynccontextmanager
async def run_relay(answer: Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeRelay]:
    relay = FakeRelay()

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        relay.headers.append(connection.request.headers)
        async for frame in connection:
            assert isinstance(frame, str)
            relay.frames.append(frame)
            await answer(connection, json.loads(frame)[1]["id"])

    async with serve(handle, "127.0.0.1", 0, max_size=2**22, ssl=tls) as server:
        relay.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield relay


async def start(url: str, *options: str, **variables: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "relay", "publish", url, *options),
        env={**ENVIRONMENT, **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def publish(url: str, stdin: bytes, *options: str, **variables: str) -> Finished:
    process = await start(url, *options, **variables)
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode().splitlines(), err.decode())


def answer_with(*parts: object) -> Answering:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await connection.send(json.dumps(["OK", event_id, *parts]))

    return answer


def make_event(number: int = 1, content: str = "hello") -> Event:
    return Event(
        id=f"{number:064x}", pubkey="ab" * 32, created_at=1, kind=1, tags=(("t", "x"),), content=content, sig="cd" * 64
    )


def to_lines(*events: Event) -> bytes:
    return b"".join(encode_event(event) + b"\n" for event in events)


async def test_every_accepted_event_is_reported_and_the_status_is_0() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, to_lines(make_event(1), make_event(2)))
    assert finished.out == [f"{1:064x} accepted", f"{2:064x} accepted"]
    assert finished.status == 0
    assert [json.loads(frame)[1]["id"] for frame in relay.frames] == [f"{1:064x}", f"{2:064x}"]


async def test_several_events_in_one_run_are_warned_about() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        one = await publish(relay.url, to_lines(make_event()))
        two = await publish(relay.url, to_lines(make_event(1), make_event(2)))
    assert one.err == ""
    assert "come from one place" in two.err


async def test_an_answer_the_terminal_cannot_show_is_reported_all_the_same() -> None:
    async with run_relay(answer_with(False, "error: größer")) as relay:
        finished = await publish(relay.url, to_lines(make_event()), PYTHONIOENCODING="ascii")
    assert finished.out == [f"{1:064x} refused error: gr\\xf6\\xdfer"]
    assert finished.status == 1


async def test_a_duplicate_that_the_relay_already_has_counts_as_accepted() -> None:
    async with run_relay(answer_with(True, "duplicate: already have this event")) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert finished.out == [f"{1:064x} accepted duplicate: already have this event"]
    assert finished.status == 0


async def test_the_handshake_says_nothing_about_the_program() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        await publish(relay.url, to_lines(make_event()))
    assert {name.lower() for name, _ in relay.headers[0].raw_items()} == {
        "host",
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-version",
    }


async def test_what_travels_has_one_of_four_sizes() -> None:
    events = [make_event(number, "é" * size) for number, size in enumerate((0, 3_000, 20_000, 100_000), start=1)]
    async with run_relay(answer_with(True, "")) as relay:
        await publish(relay.url, to_lines(*events))
    assert [len(frame.encode()) for frame in relay.frames] == list(PADDED_SIZES)


async def test_padding_can_be_left_out_with_a_warning() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, to_lines(make_event()), "--no-padding")
    assert relay.frames == ['["EVENT",' + encode_event(make_event()).decode() + "]"]
    assert "size" in finished.err


@pytest.mark.parametrize("size", PADDED_SIZES)
def test_a_frame_that_just_fits_is_not_padded_further(size: int) -> None:
    bare = len(encode_padded(make_event(content=""), is_padded=False))
    assert len(encode_padded(make_event(content="x" * (size - bare)))) == size
    larger = encode_padded(make_event(content="x" * (size - bare + 1)))
    assert len(larger) == (4 * size if size < PADDED_SIZES[-1] else size + 1)


async def test_a_refusal_is_reported_and_explained_once_and_the_status_is_1() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        refused = int(event_id, 16) > 1
        reason = "pow: 20 bits are needed" if refused else ""
        await connection.send(json.dumps(["OK", event_id, not refused, reason]))

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event(1), make_event(2), make_event(3)))
    assert finished.out == [
        f"{1:064x} accepted",
        f"{2:064x} refused pow: 20 bits are needed",
        f"{3:064x} refused pow: 20 bits are needed",
    ]
    assert finished.err.count("--pow") == 1
    assert finished.status == 1


async def test_a_line_that_is_no_event_is_named_and_the_others_are_sent() -> None:
    stdin = to_lines(make_event(1)) + b'\n{"id": 1}\n\xff\n' + b"[" * 100_000 + b"\n" + to_lines(make_event(2))
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, stdin)
    assert finished.out == [f"{1:064x} accepted", f"{2:064x} accepted"]
    for number in (3, 4, 5):
        assert f"line {number}: not sent, it is not an event" in finished.err
    assert finished.status == 1


async def test_an_event_over_several_lines_is_told_once_and_not_sent() -> None:
    pretty = json.dumps(json.loads(to_lines(make_event(1))), indent=2).encode()
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, pretty)
    assert (finished.out, finished.status, relay.headers) == ([], 2, [])
    assert "jq -c ." in finished.err
    assert finished.err.count("\n") < 5


async def test_many_lines_that_are_no_events_are_not_all_named() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, b"no event\n" * 1000 + to_lines(make_event(1)))
    assert finished.out == [f"{1:064x} accepted"]
    assert "980 more lines" in finished.err
    assert finished.err.count("\n") < 30


# The example of NIP-49.
NCRYPTSEC = (
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7"
    "s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
)


async def test_an_event_that_holds_an_encrypted_secret_key_is_neither_sent_nor_repeated() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, to_lines(make_event(1, f"oops {NCRYPTSEC}"), make_event(2)))
    assert "encrypted secret key" in finished.err
    assert NCRYPTSEC not in "".join(relay.frames) + finished.err
    assert (finished.status, len(relay.frames)) == (1, 1)


async def test_an_event_that_holds_a_secret_key_is_neither_sent_nor_repeated() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, to_lines(make_event(1, f"oops {NSEC}"), make_event(2)))
    assert len(relay.frames) == 1
    assert NSEC not in relay.frames[0] + finished.err
    assert "line 1: not sent, it holds a secret key" in finished.err
    assert finished.status == 1


async def test_notices_are_shown_and_nothing_a_relay_says_can_steer_the_terminal() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await connection.send(json.dumps(["NOTICE", "look \x1b[31mhere\u202e\u2028now"]))
        await connection.send(json.dumps(["OK", event_id, False, "error: \x1b]0;x\x07broken\r\nfffe accepted"]))

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert "the relay says: look  [31mhere  now\n" in finished.err
    assert finished.out == [f"{1:064x} refused error:  ]0;x broken  fffe accepted"]


async def test_a_relay_that_keeps_talking_is_shown_only_at_first() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        for number in range(200):
            await connection.send(json.dumps(["NOTICE", f"look {number}"]))
        await connection.send(json.dumps(["OK", event_id, True, ""]))

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert finished.out == [f"{1:064x} accepted"]
    assert finished.err.splitlines() == [f"the relay says: look {number}" for number in range(MAX_SHOWN_NOTICES)]


async def test_messages_that_are_not_the_awaited_ok_are_passed_over() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        for message in (
            "not json",
            b"\xff\xfe",
            "[]",
            "{}",
            "[" * 10_000,
            '["AUTH","challenge"]',
            json.dumps(["OK", "00" * 32, False, "invalid: another one"]),
            json.dumps(["OK", event_id, "true", ""]),
        ):
            await connection.send(message)
        await connection.send(json.dumps(["OK", event_id, True]))

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert (finished.status, finished.out) == (0, [f"{1:064x} accepted"])


async def test_an_event_the_relay_keeps_silent_about_is_unanswered_and_the_next_is_sent() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        if int(event_id, 16) == 2:
            await connection.send(json.dumps(["OK", event_id, True, ""]))

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event(1), make_event(2)), "--timeout", "0.3")
    assert finished.out == [f"{1:064x} unanswered no answer within 0.3 s", f"{2:064x} accepted"]
    assert finished.status == 2


async def test_when_the_relay_hangs_up_the_rest_is_unanswered() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await connection.close(1009, "too\x1bbig")

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event(1), make_event(2)))
    assert [line[:75] for line in finished.out] == [f"{number:064x} unanswered" for number in (1, 2)]
    assert finished.out[0].endswith("message too big (1009)")
    assert finished.status == 2


async def close_as_too_big(connection: ServerConnection, event_id: str) -> None:
    await connection.close(1009)


async def test_a_note_that_padding_made_too_big_may_be_sent_without() -> None:
    async with run_relay(close_as_too_big) as relay:
        finished = await publish(relay.url, to_lines(make_event(1), make_event(2)))
    bare = len(encode_padded(make_event(), is_padded=False))
    assert finished.err.count(f"try --no-padding, which sends {bare} bytes, not {PADDED_SIZES[0]}") == 1


@pytest.mark.parametrize(("size", "options"), [(300_000, ()), (10, ("--no-padding",))])
async def test_a_note_too_big_by_itself_is_to_be_shortened(size: int, options: tuple[str, ...]) -> None:
    async with run_relay(close_as_too_big) as relay:
        finished = await publish(relay.url, to_lines(make_event(content="x" * size)), *options)
    assert "shorten the note" in finished.err
    assert "try --no-padding" not in finished.err


async def test_a_message_beyond_the_largest_size_is_warned_about() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, to_lines(make_event(content="x" * PADDED_SIZES[-1])))
    assert finished.status == 0
    assert "are not padded" in finished.err


async def test_a_relay_that_hangs_up_on_a_large_message_suggests_to_shorten_it() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        connection.transport.abort()

    async with run_relay(answer) as relay:
        small = await publish(relay.url, to_lines(make_event()))
        large = await publish(relay.url, to_lines(make_event(content="x" * 300_000)))
    assert small.out == large.out == [f"{1:064x} unanswered the connection broke"]
    assert "shorten the note" not in small.err
    assert "shorten the note" in large.err


async def test_an_answer_too_big_for_us_is_not_blamed_on_the_note() -> None:
    async def answer(connection: ServerConnection, event_id: str) -> None:
        await connection.send("x" * 2**21)

    async with run_relay(answer) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert "this side gave the connection up (1009" in finished.out[0]
    assert finished.err == ""
    assert finished.status == 2


async def test_a_note_refused_as_invalid_is_referred_to_the_relays_own_words() -> None:
    async with run_relay(answer_with(False, "invalid: the content is too long")) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert "the relay's text names the fault" in finished.err
    assert "knows no relay's policy" in finished.err


async def test_a_url_where_no_relay_answers_is_reported_with_status_2() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        pass
    finished = await publish(relay.url, to_lines(make_event()))
    assert (finished.status, finished.out) == (2, [])
    assert "no connection to the relay (Connection refused)" in finished.err
    assert "begins with" not in finished.err


async def test_tls_to_a_relay_without_it_hints_at_ws() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url.replace("ws:", "wss:"), to_lines(make_event()))
    assert finished.status == 2
    assert "begins with ws://" in finished.err
    assert "()" not in finished.err


async def test_a_plain_call_to_a_relay_with_tls_hints_at_wss(tmp_path: Path) -> None:
    async with run_relay(answer_with(True, ""), make_tls(tmp_path)) as relay:
        finished = await publish(relay.url, to_lines(make_event()))
    assert finished.status == 2
    assert "begins with wss://" in finished.err


async def test_a_certificate_that_does_not_verify_is_named_and_hints_at_no_other_url(tmp_path: Path) -> None:
    async with run_relay(answer_with(True, ""), make_tls(tmp_path)) as relay:
        finished = await publish(relay.url.replace("ws:", "wss:"), to_lines(make_event()))
    assert finished.status == 2
    assert "certificate verify failed" in finished.err
    assert "begins with" not in finished.err


async def test_a_relay_that_redirects_to_https_hints_at_wss() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
        finished = await publish(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", to_lines(make_event()))
    assert finished.status == 2
    assert "begins with wss://" in finished.err


async def test_a_relay_cannot_send_an_author_on_to_another_address() -> None:
    async with run_relay(answer_with(True, "")) as elsewhere:
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere.url}/\r\nLocation: wss://other/"
        async with run_web_server(b"", head) as web:
            finished = await publish(f"ws://127.0.0.1:{web.port}", to_lines(make_event()))
    assert (finished.status, finished.out) == (2, [])
    assert elsewhere.headers == []
    assert f"redirects to {elsewhere.url}/" in finished.err


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("429 Too Many Requests", "with --tor"),
        ("503 Service Unavailable", "try again later"),
        ("404 Not Found", "path"),
    ],
)
async def test_a_refused_connection_is_explained(status: str, advice: str) -> None:
    async with run_web_server(b"", f"HTTP/1.1 {status}\r\nContent-Length: 0") as web:
        finished = await publish(f"ws://127.0.0.1:{web.port}/x", to_lines(make_event()))
    assert finished.status == 2
    assert f"HTTP {status[:3]}" in finished.err
    assert advice in finished.err


async def test_a_missing_socks_package_is_to_be_installed_where_this_program_runs(tmp_path: Path) -> None:
    # It stands before an installed one.
    (tmp_path / "python_socks.py").write_text("raise ImportError\n")
    finished = await publish(
        "ws://127.0.0.1:1", to_lines(make_event()), ALL_PROXY="socks5h://127.0.0.1:1", PYTHONPATH=str(tmp_path)
    )
    assert (finished.status, finished.out) == (2, [])
    assert f"{shlex.quote(sys.executable)} -m pip install 'python-socks[asyncio]'" in finished.err


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "127.0.0.1:7447", "ws://", "ws://[::1", "ws://127.0.0.1:99999", NSEC]
)
async def test_what_is_not_a_relay_url_is_refused_with_status_2(url: str) -> None:
    finished = await publish(url, to_lines(make_event()))
    assert finished.status == 2
    assert "URL" in finished.err
    assert "Traceback" not in finished.err
    assert NSEC not in finished.err


async def test_nothing_to_send_is_refused_before_the_relay_is_called() -> None:
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, b"\nnot an event\n")
    assert finished.status == 2
    assert relay.headers == []


async def test_a_proxy_named_for_everything_is_never_gone_around() -> None:
    async with run_relay(answer_with(True, "")) as gone:
        pass
    proxy = gone.url.replace("ws:", "http:")
    async with run_relay(answer_with(True, "")) as relay:
        finished = await publish(relay.url, to_lines(make_event()), ALL_PROXY=proxy)
    assert finished.status == 2
    assert relay.headers == []


async def test_a_proxy_that_does_not_answer_is_not_blamed_on_the_relay() -> None:
    async with run_relay(answer_with(True, "")) as gone:
        pass
    proxy = gone.url.replace("ws:", "socks5h:")
    finished = await publish("wss://relay.example.com", to_lines(make_event()), ALL_PROXY=proxy)
    assert finished.status == 2
    assert "the proxy in the environment does not answer" in finished.err
    assert "nothing was sent" in finished.err


async def test_a_proxy_that_is_no_url_is_reported_without_its_password() -> None:
    finished = await publish("ws://127.0.0.1:1", to_lines(make_event()), ALL_PROXY="gopher://me:hunter2@127.0.0.1")
    assert finished.status == 2
    assert "proxy" in finished.err
    assert "hunter2" not in finished.err


async def test_an_interrupt_ends_it_with_130_and_without_a_traceback() -> None:
    received = asyncio.Event()

    async def answer(connection: ServerConnection, event_id: str) -> None:
        received.set()

    async with run_relay(answer) as relay:
        process = await start(relay.url)
        assert process.stdin is not None
        process.stdin.write(to_lines(make_event()))
        process.stdin.close()
        await received.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


def test_long_texts_of_a_relay_are_cut() -> None:
    assert len(to_printable("x" * 100_000)) == 2_000
