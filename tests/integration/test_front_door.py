"""The front door: what comes to the public port before anybody knows what it is, in raw bytes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.log import Log
from relay.ports import ListenError
from relay.server import Relay, running
from tests.support.client import TIMEOUT_S
from tests.support.processes import find_free_port, serve
from tests.support.raw import exchange, make_handshake, make_text_frame, parse_answer, port_of, request
from tests.support.relays import make_config, read_metric, relay_on, to_database_url
from tests.support.time_factor import scaled
from tests.support.waiting import until

INFO = "application/nostr+json"
PAGE = "text/html; charset=utf-8"
SIMPLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PER_NETWORK: dict[str, Any] = {"max_connections_per_network": 1}


@asynccontextmanager
async def two_ports(arguments: dict[str, Any], **sections: Any) -> AsyncIterator[tuple[int, int]]:
    """Run a relay and give its public port, and its port for connections with a PROXY header."""
    proxy_port = find_free_port()
    sections["server"] = {**sections.get("server", {}), "proxy_port": proxy_port}
    async with relay_on(arguments, **sections) as url:
        yield port_of(url), proxy_port


@asynccontextmanager
async def opened(port: int, data: bytes = b"") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection, send bytes, and leave it open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(TIMEOUT_S):
            yield reader, writer
    finally:
        writer.close()


def say_proxy(source: str, family: str = "TCP4", destination: str = "192.0.2.1") -> bytes:
    return f"PROXY {family} {source} {destination} 4711 443\r\n".encode()


def status_line(answer: bytes) -> bytes:
    return answer[:13]


# HTTP in full.


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"])
async def test_other_methods_are_answered_whatever_body_they_have(database18: dict[str, Any], method: str) -> None:
    head = f"{method} / HTTP/1.1\r\nHost: x\r\n"
    async with relay_on(database18) as url:
        for rest in (
            "\r\n",
            "Content-Length: 5\r\n\r\nhello",
            "Content-Length: 60000\r\n\r\n" + "x" * 60_000,
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            # It waits for a word before it sends its body.
            "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        ):
            status, headers, body = parse_answer(await exchange(port_of(url), (head + rest).encode()))
            assert (status, headers["allow"], body) == (405, "GET, HEAD, OPTIONS", b"use GET, HEAD or OPTIONS\n")


async def test_a_body_that_is_too_large_is_413_also_while_it_is_still_being_sent(database18: dict[str, Any]) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n"
    async with relay_on(database18) as url:
        status, _, body = parse_answer(await exchange(port_of(url), head + bytes(5_000_000)))
        assert (status, body) == (413, b"the body is too large; send none\n")
        assert parse_answer(await exchange(port_of(url), head))[0] == 413


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Content-Length: 65536\r\n\r\n" + bytes(65_536),
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        # It would be unpacked into much more.
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_a_body_that_nobody_needs_is_passed_over(database18: dict[str, Any], rest: bytes) -> None:
    async with relay_on(database18) as url:
        for method, status in (("GET", 200), ("HEAD", 200), ("OPTIONS", 204)):
            answer = await exchange(port_of(url), f"{method} / HTTP/1.1\r\nHost: x\r\n".encode() + rest)
            assert parse_answer(answer)[0] == status


@pytest.mark.parametrize("rest", [b"Content-Length: 5\r\n\r\nhe", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe"])
async def test_a_body_that_does_not_come_is_not_waited_for(database18: dict[str, Any], rest: bytes) -> None:
    async with relay_on(database18) as url, opened(port_of(url), SIMPLE[:-2] + rest) as (reader, _):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        # The end of the stream comes, although the body does not.
        await reader.read()


async def test_a_chunked_body_without_end_is_cut_off(database18: dict[str, Any]) -> None:
    async def send_without_end(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"400\r\n" + bytes(1_024) + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    head = SIMPLE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
    async with relay_on(database18) as url, opened(port_of(url), head) as (_, writer):
        started_s = time.monotonic()
        with pytest.raises(ConnectionError):
            await send_without_end(writer)
        assert time.monotonic() - started_s < scaled(10.0)


async def test_head_has_the_headers_of_get_and_no_body(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for path, accept in (("/", INFO), ("/", "text/html"), ("/nowhere", "*/*"), ("/pay/x", "*/*")):
            rest = f"{path} HTTP/1.1\nHost: x\nAccept: {accept}"
            status, headers, body = await request(port_of(url), f"GET {rest}")
            status_of_head, headers_of_head, nothing = await request(port_of(url), f"HEAD {rest}")
            assert (status_of_head, headers_of_head, nothing) == (status, headers, b"")
            assert int(headers["content-length"]) == len(body) > 0


async def test_a_refusal_of_head_has_no_body_either(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        status, headers, body = await request(port_of(url), "HEAD / HTTP/1.1\nHost: x\nHost: x")
        assert (status, body) == (400, b"")
        assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("target", ["/", "/pay/x", "*"])
async def test_options_names_the_methods_and_has_no_body(database18: dict[str, Any], target: str) -> None:
    async with relay_on(database18) as url:
        status, headers, body = await request(port_of(url), f"OPTIONS {target} HTTP/1.1\nHost: x")
        assert (status, headers["allow"], body) == (204, "GET, HEAD, OPTIONS", b"")
        # RFC 9110, 8.6.
        assert "content-length" not in headers
        assert (await request(port_of(url), "OPTIONS /nowhere HTTP/1.1\nHost: x"))[0] == 404
        assert (await request(port_of(url), "GET * HTTP/1.1\nHost: x"))[0] == 400


@pytest.mark.parametrize(
    ("accept", "type_"),
    [
        (INFO, INFO),
        ("Application/Nostr+JSON", INFO),
        (f"{INFO}, */*", INFO),
        (f"text/html, {INFO}", INFO),
        (f"text/html;q=0.9, {INFO}", INFO),
        (f"text/html, {INFO};q=0.9", PAGE),
        (f"{INFO};q=0", PAGE),
        (f"{INFO};q=0, */*", PAGE),
        ("*/*", PAGE),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PAGE),
        ("application/nostr+json5", PAGE),
        ("", PAGE),
    ],
)
async def test_the_accept_header_is_weighed(database18: dict[str, Any], accept: str, type_: str) -> None:
    async with relay_on(database18) as url:
        status, headers, _ = await request(port_of(url), f"GET / HTTP/1.1\nHost: x\nAccept: {accept}")
        vary = "Accept, Accept-Language" if type_ == PAGE else "Accept"
        assert (status, headers["content-type"], headers["vary"]) == (200, type_, vary)


async def test_accept_headers_on_several_lines_are_one(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        asked = f"GET / HTTP/1.1\nHost: x\nAccept: text/html;q=0.5\nAccept: {INFO}"
        assert (await request(port_of(url), asked))[1]["content-type"] == INFO


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"garbage\r\n\r\n",
        make_handshake({"Content-Length": "5"}) + b"hello",
        make_handshake({"Content-Length": "00"}),
        make_handshake({"Transfer-Encoding": "chunked"}),
        make_handshake().replace(b"Host: x\r\n", b""),
        make_handshake({"Host": "y"}),
        say_proxy("203.0.113.7") + SIMPLE,
        V2_SIGNATURE + b"\x21\x11\x00\x0c" + bytes(12) + SIMPLE,
    ],
)
async def test_what_is_not_right_is_answered_with_400_at_once(database18: dict[str, Any], data: bytes) -> None:
    async with relay_on(database18) as url:
        for answer in (await exchange(port_of(url), data), await exchange(port_of(url), data, is_cut=True)):
            status, headers, body = parse_answer(answer)
            assert (status, headers["content-type"]) == (400, "text/plain; charset=utf-8")
            assert b"; " in body or body.startswith(b"send ")


async def test_a_head_that_is_too_large_is_431(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for filling in (b"X: " + b"x" * 20_000, b"X: y\r\n" * 200):
            answer = await exchange(port_of(url), b"GET / HTTP/1.1\r\nHost: x\r\n" + filling + b"\r\n\r\n")
            assert parse_answer(answer)[0] == 431


async def test_a_whole_url_as_target_is_understood(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        port = port_of(url)
        assert (await request(port, "GET http://x/?a=b HTTP/1.1\nHost: x"))[0] == 200
        assert (await request(port, "GET http://x/nowhere HTTP/1.1\nHost: x"))[0] == 404
        async with opened(port, make_handshake().replace(b"GET /", b"GET http://x/")) as (reader, writer):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.write(make_text_frame(b"[]"))
            assert (await reader.readexactly(2))[0] == 0x81


async def test_http_1_0_is_answered(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        answer = await exchange(port_of(url), b"GET / HTTP/1.0\r\n\r\n")
        assert parse_answer(answer)[0] == 200


async def test_answers_name_no_program_and_end_the_connection(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for asked in (
            "GET / HTTP/1.1\nHost: x",
            "GET / HTTP/1.1",
            "POST / HTTP/1.1\nHost: x",
            "GET /x HTTP/1.1\nHost: x",
            f"GET / HTTP/1.1\nHost: x\nAccept: {INFO}",
        ):
            _, headers, _ = await request(port_of(url), f"{asked}\nConnection: keep-alive")
            assert "server" not in headers
            assert headers["connection"] == "close"
            assert "date" not in headers
            # Scripts of other sites read documents (NIP-11) and refusals, never a page.
            is_page = headers["content-type"] == PAGE
            assert headers.get("access-control-allow-origin") == (None if is_page else "*")
            assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_nothing_is_served_behind_the_first_answer_of_a_connection(database18: dict[str, Any]) -> None:
    asked = SIMPLE.replace(b"Host", b"Accept: application/nostr+json\r\nHost")
    async with relay_on(database18) as url:
        for second in (asked, make_handshake()):
            answer = await exchange(port_of(url), asked + second)
            assert answer.count(b"HTTP/1.1 ") == 1
            async with opened(port_of(url), asked) as (reader, writer):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(second)
                assert b"HTTP/1.1 " not in await reader.read()


async def test_a_client_that_has_sent_all_and_closed_its_side_is_answered(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for data, status in ((SIMPLE, 200), (SIMPLE.replace(b"GET", b"POST"), 405)):
            assert parse_answer(await exchange(port_of(url), data, is_cut=True))[0] == status
        assert await exchange(port_of(url), SIMPLE[:-1], is_cut=True) == b""


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n",
        "GET http://canary:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://[canary/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET canary HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /?%zz=canary#canary HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /canary HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, canary\r\nUpgrade: h2c\r\n\r\n",
    ],
)
async def test_whatever_the_http_server_makes_of_it_the_answer_repeats_nothing(
    database18: dict[str, Any], head: str
) -> None:
    async with relay_on(database18) as url:
        status, headers, body = parse_answer(await exchange(port_of(url), head.encode()))
        assert status in (200, 400, 404)
        assert "server" not in headers
        assert b"canary" not in body


# From the door to a WebSocket.


async def test_a_handshake_is_understood_in_whatever_pieces_it_comes(database18: dict[str, Any]) -> None:
    handshake = make_handshake()
    frame = make_text_frame(b"[]")
    async with relay_on(database18) as url:
        # With its first frame behind it, and byte by byte.
        for pieces in ([handshake + frame], [handshake[:40], handshake[40:] + frame[:3], frame[3:]]):
            async with opened(port_of(url)) as (reader, writer):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
                assert (await reader.readexactly(2))[0] == 0x81
        async with opened(port_of(url)) as (reader, writer):
            for byte in b"\r\n" + handshake + frame:
                writer.write(bytes((byte,)))
                await writer.drain()
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert (await reader.readexactly(2))[0] == 0x81


async def test_a_handshake_that_asks_for_the_info_document_gets_it(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for accept, begin in ((INFO, b"HTTP/1.1 200 "), (f"{INFO};q=0", b"HTTP/1.1 101 "), ("*/*", b"HTTP/1.1 101 ")):
            async with opened(port_of(url), make_handshake({"Accept": accept})) as (reader, _):
                assert status_line(await reader.readuntil(b"\r\n\r\n")) == begin


# Connections that are not served yet.


async def test_a_head_that_is_never_finished_is_ended_after_a_time(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"request_timeout_s": 0.2}) as url:
        text = "the request took too long; send all of it at once"
        status, _, body = parse_answer(await exchange(port_of(url), SIMPLE[:-2]))
        assert (status, body.decode()) == (408, f"{text}\n")
        # Who says nothing is told nothing.
        assert await exchange_to_end(port_of(url), b"") == b""


async def exchange_to_end(port: int, data: bytes) -> bytes:
    """Return what comes back until the connection ends, also if it ends by a reset."""
    async with opened(port, data) as (reader, _):
        received = b""
        try:
            while piece := await reader.read(65_536):
                received += piece
        except ConnectionResetError:
            pass
        return received


async def test_bytes_that_trickle_in_do_not_extend_the_time(database18: dict[str, Any]) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: "
    async with (
        relay_on(database18, limits={"request_timeout_s": 0.3}) as url,
        opened(port_of(url), head) as (reader, writer),
    ):
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        while not answer.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        assert (await answer).startswith(b"HTTP/1.1 408 ")


async def test_connections_count_from_their_first_byte_whoever_serves_them(database18: dict[str, Any]) -> None:
    slow_body = SIMPLE[:-2] + b"Content-Length: 5\r\n\r\nhe"
    async with running(make_config(database18, limits={"max_connections": 2}), Log()) as relay:
        for data in (b"", b"GET / HT", slow_body, make_handshake(), SIMPLE.replace(b"GET", b"POST")):
            async with opened(relay.port, data), opened(relay.port, data):
                await until(lambda: count_connections(relay) == 2)
                answer = await exchange(relay.port, make_handshake())
                assert status_line(answer) == b"HTTP/1.1 503 "
            await until(lambda: count_connections(relay) == 0)
        assert (await request(relay.port, "GET / HTTP/1.1\nHost: x"))[0] == 200


def count_connections(relay: Relay) -> int:
    return len(relay._listener._guests.list_all())


async def test_far_above_the_limit_connections_are_cut_off(database18: dict[str, Any]) -> None:
    async with running(make_config(database18, limits={"max_connections": 1}), Log()) as relay:
        async with AsyncExitStack() as stack:
            for _ in range(65):
                await stack.enter_async_context(opened(relay.port))
            await until(lambda: count_connections(relay) == 65)
            assert await exchange_to_end(relay.port, b"") == b""
        await until(lambda: count_connections(relay) == 0)


async def test_nothing_of_a_connection_is_left_when_it_has_ended(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"server": {"trusted_proxies": ["127.0.0.0/8"]}}
    forwarded = {"X-Forwarded-For": "203.0.113.77"}
    async with running(make_config(database18, **sections), Log()) as relay:
        for data in (make_handshake(forwarded), SIMPLE, SIMPLE[:-2], b"garbage\r\n\r\n"):
            await exchange(relay.port, data, is_cut=True)
        await until(lambda: count_connections(relay) == 0)
        assert relay._listener._guests._counts == {}
        assert read_metric(relay, "ringrelay_connections") == 0


async def test_behind_a_listed_proxy_networks_are_told_apart_by_its_header(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"server": {"trusted_proxies": ["127.0.0.0/8"]}, "limits": PER_NETWORK}
    async with relay_on(database18, **sections) as url:
        port = port_of(url)
        async with opened(port, make_handshake({"X-Forwarded-For": "203.0.113.77"})) as (reader, _):
            assert status_line(await reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 101 "
            for source, status in (("203.0.113.78", 429), ("198.51.100.7", 200)):
                asked = f"GET / HTTP/1.1\nHost: x\nX-Forwarded-For: {source}"
                assert (await request(port, asked))[0] == status


# The PROXY protocol.


async def test_a_proxy_header_names_the_client_on_its_own_port(database18: dict[str, Any]) -> None:
    v4 = bytes((203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 0xBB))
    async with two_ports(database18) as (_, port):
        for header in (
            say_proxy("203.0.113.7"),
            say_proxy("2001:db8::7", "TCP6", "::1"),
            b"PROXY UNKNOWN\r\n",
            V2_SIGNATURE + b"\x21\x11\x00\x0c" + v4,
            V2_SIGNATURE + b"\x21\x11\x02\x08" + v4 + bytes(508),
            V2_SIGNATURE + b"\x20\x00\x00\x00",
        ):
            assert status_line(await exchange(port, header + SIMPLE)) == b"HTTP/1.1 200 "
            async with opened(port, header) as (reader, writer):
                await writer.drain()
                await asyncio.sleep(0.01)
                writer.write(make_handshake() + make_text_frame(b"[]"))
                assert status_line(await reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 101 "
                assert (await reader.readexactly(2))[0] == 0x81


@pytest.mark.parametrize(
    "data",
    [
        SIMPLE,
        make_handshake(),
        b"PROXY TCP4 203.0.113.7\r\n" + SIMPLE,
        b"PROXY " + b"x" * 200,
        # More than 536 bytes.
        V2_SIGNATURE + b"\x21\x11\x02\x09" + bytes(521) + SIMPLE,
        V2_SIGNATURE + b"\x21\x11\xff\xff",
        V2_SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12) + SIMPLE,
    ],
)
async def test_without_a_right_proxy_header_that_port_closes_and_says_nothing(
    database18: dict[str, Any], data: bytes
) -> None:
    async with two_ports(database18) as (_, port):
        assert await exchange_to_end(port, data) == b""


async def test_a_second_proxy_header_is_refused(database18: dict[str, Any]) -> None:
    async with two_ports(database18) as (_, port):
        answer = await exchange(port, say_proxy("203.0.113.7") * 2 + SIMPLE)
        assert status_line(answer) == b"HTTP/1.1 400 "


async def test_a_proxy_header_that_is_never_finished_is_ended_after_a_time(database18: dict[str, Any]) -> None:
    async with two_ports(database18, limits={"request_timeout_s": 0.2}) as (_, port):
        for data in (b"", b"PROXY TCP4 ", say_proxy("203.0.113.7")):
            assert await exchange_to_end(port, data) == b""


async def test_half_open_connections_count_to_the_network_that_the_proxy_names(database18: dict[str, Any]) -> None:
    async with (
        two_ports(database18, limits=PER_NETWORK) as (plain_port, port),
        opened(port, say_proxy("203.0.113.7") + b"GET /") as (_, writer),
    ):
        await writer.drain()
        for source, status in (("203.0.113.200", b"429"), ("198.51.100.7", b"200")):
            answer = await exchange(port, say_proxy(source) + SIMPLE)
            assert status_line(answer) == b"HTTP/1.1 " + status + b" "
        # Those of this machine have no network.
        assert status_line(await exchange(port, b"PROXY UNKNOWN\r\n" + SIMPLE)) == b"HTTP/1.1 200 "
        assert status_line(await exchange(plain_port, SIMPLE)) == b"HTTP/1.1 200 "


async def test_each_circuit_of_tor_is_counted_for_itself(database18: dict[str, Any]) -> None:
    def circuit(number: int) -> bytes:
        return say_proxy(f"fc00:dead:beef:4dad::0:{number:x}", "TCP6", "::1")

    async with (
        two_ports(database18, limits=PER_NETWORK) as (_, port),
        opened(port, circuit(1) + make_handshake()) as (reader, _),
    ):
        assert status_line(await reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 101 "
        assert status_line(await exchange(port, circuit(1) + make_handshake())) == b"HTTP/1.1 429 "
        async with opened(port, circuit(2) + make_handshake()) as (other, _):
            assert status_line(await other.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 101 "


async def test_a_listed_proxy_behind_another_says_whom_it_speaks_for(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"server": {"trusted_proxies": ["10.0.0.0/8"]}, "limits": PER_NETWORK}
    async with two_ports(database18, **sections) as (_, port):
        through = say_proxy("10.1.2.3")
        async with opened(port, through + make_handshake({"X-Forwarded-For": "203.0.113.7"})) as (reader, _):
            assert status_line(await reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 101 "
            for source, status in (("203.0.113.200", b"429"), ("198.51.100.7", b"101")):
                data = through + make_handshake({"X-Forwarded-For": source})
                async with opened(port, data) as (other, _):
                    assert status_line(await other.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 " + status + b" "


async def test_unless_it_is_set_no_port_takes_proxy_headers(database18: dict[str, Any]) -> None:
    async with running(make_config(database18), Log()) as relay:
        assert relay._listener._proxy_server is None


async def test_a_proxy_port_that_is_in_use_is_named_and_the_public_port_is_free_again(
    database18: dict[str, Any],
) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as other:
        taken, port = other.sockets[0].getsockname()[1], find_free_port()
        with pytest.raises(ListenError, match=r"RELAY_SERVER__PROXY_PORT"):
            async with running(make_config(database18, server={"port": port, "proxy_port": taken}), Log()):
                pass
        async with running(make_config(database18, server={"port": port}), Log()) as relay:
            assert relay.port == port


# The end, and the other event loop.


async def test_neither_half_open_connections_nor_slow_bodies_hold_up_the_end(database18: dict[str, Any]) -> None:
    proxy_port = find_free_port()
    async with AsyncExitStack() as stack:
        async with running(make_config(database18, server={"proxy_port": proxy_port}), Log()) as relay:
            for port, data in (
                (relay.port, b""),
                (relay.port, b"GET /"),
                (relay.port, SIMPLE[:-2] + b"Content-Length: 5\r\n\r\nhe"),
                (relay.port, b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"),
                (proxy_port, b"PROXY"),
                (proxy_port, say_proxy("203.0.113.7") + make_handshake()),
            ):
                await stack.enter_async_context(opened(port, data))
            await until(lambda: count_connections(relay) == 6)
            started_s = time.monotonic()
        assert time.monotonic() - started_s < scaled(4.0)


async def test_the_door_of_a_served_relay_does_the_same(database18: dict[str, Any], reachable_directory: Path) -> None:
    """Go through it once on uvloop, whose transports are not asyncio's."""
    proxy_port = find_free_port()
    settings = {
        "DATABASE__URL": to_database_url(database18),
        "SERVER__PROXY_PORT": str(proxy_port),
        "LIMITS__REQUEST_TIMEOUT_S": "0.3",
    }
    async with serve(reachable_directory, **settings) as served:
        port = served.port
        for data, status in (
            (SIMPLE, 200),
            (SIMPLE.replace(b"GET", b"POST"), 405),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000), 405),
            (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000), 413),
            (SIMPLE[:-2] + b"Content-Length: 5\r\n\r\nhe", 200),
            (SIMPLE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\nHost: x\n\n", 400),
            (make_handshake({"Content-Length": "5"}) + b"hello", 400),
            (say_proxy("203.0.113.7") + SIMPLE, 400),
            (SIMPLE[:-2], 408),
        ):
            assert parse_answer(await exchange(port, data))[0] == status
        assert parse_answer(await exchange(port, SIMPLE, is_cut=True))[0] == 200
        assert await exchange_to_end(port, b"") == b""
        assert await exchange_to_end(proxy_port, SIMPLE) == b""
        for target, data in ((port, b""), (proxy_port, say_proxy("fc00:dead:beef:4dad::1", "TCP6", "::1"))):
            async with opened(target, data + make_handshake() + make_text_frame(b"[]")) as (reader, writer):
                assert status_line(await reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 101 "
                assert (await reader.readexactly(2))[0] == 0x81
                writer.close()
        await served.stop()
        assert "internal_error" not in served.log
