"""A client's address is nowhere: not in the logs, the database, its files, its WAL or the metrics, and not in memory for long.

What is looked for, and where. As text and as hex (both byte orders, and the hex of the text, as a dump writes bytea): in
everything, files of the cluster and WAL included. Packed into 4 bytes: in everything too, but in the heap and the WAL four
bytes can meet by chance (about once in a thousand runs), so there one hit is let pass. The client does everything twice: a
leak would show at least twice.
"""

import ast
import asyncio
import gc
import ipaddress
import itertools
import json
import re
import secrets
import socket
import struct
import subprocess
import time
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.log import Log
from relay.postgres.embedded.account import find_account, find_binaries
from relay.postgres.embedded.cluster import SUPERUSER
from relay.server import running
from tests.support.client import TIMEOUT_S, Client, to_json
from tests.support.events import make_event, make_ring_note
from tests.support.processes import ServeProcess, find_free_port, serve
from tests.support.raw import exchange, make_handshake, make_text_frame
from tests.support.relays import make_config
from tests.support.spellings import list_spellings
from tests.support.waiting import until

_SOURCE = "127.77.13.9"
_FORWARDED = "203.0.113.77"
_HEADERS = {"X-Forwarded-For": _FORWARDED, "Forwarded": f"for={_FORWARDED}", "X-Real-IP": _FORWARDED}
_RELAY = Path(__file__).resolve().parents[2] / "relay"
# Each round posts a newer profile than the last.
_ROUNDS = itertools.count()
_CONTENT = "control: this is stored, so the search must find it"


_TEXTS = list_spellings(_SOURCE) | list_spellings(_FORWARDED)
_PACKED = [
    packed[::step] for packed in (ipaddress.IPv4Address(a).packed for a in (_SOURCE, _FORWARDED)) for step in (1, -1)
]


@pytest.mark.parametrize("trusted", ["[]", '["127.0.0.0/8"]'], ids=["no trusted proxy", "behind a trusted proxy"])
async def test_the_address_of_a_client_is_written_down_nowhere(reachable_directory: Path, trusted: str) -> None:
    settings = {
        "SERVER__TRUSTED_PROXIES": trusted,
        "LIMITS__REQS_PER_S": "1",
        "LIMITS__BURST_FACTOR": "10",
        "LIMITS__MAX_CONNECTIONS_PER_NETWORK": "1",
        "METRICS__SNAPSHOT_EVERY_S": "0",
    }
    async with serve(reachable_directory, **settings) as served:
        for _ in range(2):
            await _do_everything(served, is_proxied=trusted != "[]")
        live = await _read_views(served)
        metrics = await exchange(
            served.private_port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        dump = _dump(served)
        await served.stop()
    assert _CONTENT.encode().hex().encode() in dump
    assert b"ringrelay_messages_total" in metrics
    written = {
        "what was printed": bytes(served.printed),
        "the log": served.log.encode(),
        "the statistics": live,
        "the metrics": metrics,
        "the dump": dump,
    }
    files = {str(file): file.read_bytes() for file in served.data_dir.rglob("*") if file.is_file()}
    # Heap and WAL are read: the control is in both.
    assert any(_CONTENT.encode() in data for name, data in files.items() if "/pg_wal/" in name)
    assert any(_CONTENT.encode() in data for name, data in files.items() if "/base/" in name)
    found = {name: _find(data, _TEXTS) for name, data in {**written, **files}.items()}
    found |= {f"{name}, packed": _find(data, _PACKED) for name, data in written.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}
    assert sum(data.count(packed) for data in files.values() for packed in _PACKED) <= 1


def _find(data: bytes, needles: Iterable[bytes]) -> list[bytes]:
    return [needle for needle in needles if needle in data]


def _connect(served: ServeProcess) -> Client:
    return Client(served.url, local_addr=(_SOURCE, 0), additional_headers=_HEADERS)


async def _do_everything(served: ServeProcess, *, is_proxied: bool) -> None:
    async with _connect(served) as client:
        # The source is what it should be, or nothing here shows anything.
        assert client.websocket.local_address[0] == _SOURCE
        await _post(client)
        await _ask(client)
        async with asyncio.timeout(TIMEOUT_S):
            answer = await _open_and_go(served, b"")
        # Where the header counts, its network is over its limit; else the client is one of this machine.
        assert answer.startswith(b"HTTP/1.1 429 " if is_proxied else b"HTTP/1.1 101 ")
    for request in (
        "GET /nowhere HTTP/1.1",
        "POST / HTTP/1.1",
        "GET / HTTP/1.0",
        "GET / HTTP/1.1",
        "\x16\x03\x01garbage",
    ):
        message = f"{request}\r\nHost: x\r\nX-Forwarded-For: {_FORWARDED}\r\n\r\n"
        await exchange(served.port, message.encode(), source=_SOURCE)
    await exchange(served.port, make_handshake(_HEADERS).replace(b"Version: 13", b"Version: 7"), source=_SOURCE)
    await exchange(served.port, b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", source=_SOURCE)
    await exchange(served.port, b"GET / HTTP/1.1\r\nX-Forwarded-F", source=_SOURCE, is_cut=True)
    for frame in (
        make_text_frame(b"\xff\xfe"),
        make_text_frame(b"x", size=300_000),
        make_text_frame(b'["EVENT",'),
        b"\xc1\x80abcd",
        b"\x81",
    ):
        await _open_and_go(served, frame)
        await _open_and_go(served, frame, reset=True)
    for request in ("GET /metrics", "GET /healthz", "GET /nowhere", "garbage", "GET /metrics?x=%ff"):
        message = f"{request} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {_FORWARDED}\r\nConnection: close\r\n\r\n"
        await exchange(served.private_port, message.encode(), source=_SOURCE)


async def _post(client: Client) -> None:
    note = make_ring_note(_CONTENT)
    profile = make_event(kind=0, content=secrets.token_hex(4), created_at=int(time.time()) - 60 + next(_ROUNDS))
    for event in (note, make_ring_note(scope="s"), profile, make_ring_note(kind=20_001)):
        assert (await client.publish(event))[0]
    deletion = make_event(kind=5, tags=(("e", profile.id),))
    forged = {**to_json(make_ring_note(ring_size=6)), "sig": "00" * 64}
    for sent in (note, deletion, profile, make_event(), forged, {"id": "canary"}, make_event(tags=(("-",),))):
        await client.publish(sent)
    await client.send("AUTH", make_event(kind=22_242))
    await client.next("OK")


async def _ask(client: Client) -> None:
    for frame in ("hello", b"binary", '["CLOSE"]', "[" * 5_000):
        await client.send_raw(frame)
        await client.next("NOTICE")
    await client.fetch({"limit": 5})
    await client.send("COUNT", "c", {})
    await client.next("COUNT")
    await client.send("REQ", "s", {"search": "x"})
    await client.next("CLOSED")
    for _ in range(9):
        await client.send("COUNT", "c", {"kinds": [7]})
    # Refusals overtake answers.
    assert "CLOSED" in {(await client.receive())[0] for _ in range(9)}


async def _open_and_go(served: ServeProcess, frames: bytes, *, reset: bool = False) -> bytes:
    """Open a WebSocket by hand, send what may not be frames, and go, politely or not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=(_SOURCE, 0))
    writer.write(make_handshake(_HEADERS))
    async with asyncio.timeout(TIMEOUT_S):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(frames)
        await writer.drain()
        if reset:
            # With no time to linger, the end is a reset: the relay meets it as an OSError.
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            writer.write_eof()
            await reader.read()
    writer.close()
    return head


async def _read_views(served: ServeProcess) -> bytes:
    """Return every view and catalogue of the server as text: sessions, statistics, settings."""
    connection = await asyncpg.connect(**served.connect_arguments(SUPERUSER))
    try:
        names = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace "
            "AND relkind IN ('v', 'r') AND relname LIKE 'pg_%' AND relname NOT LIKE '%numa%'"
        )
        rows = [await connection.fetch(f'SELECT v::text FROM pg_catalog."{name[0]}" v') for name in names]
        # All that is in memory goes to the files.
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return "\n".join(str(row[0]) for table in rows for row in table).encode()


def _dump(served: ServeProcess) -> bytes:
    program = find_binaries(18, find_account()) / "pg_dumpall"
    arguments = ["-h", str(served.data_dir / "postgres" / "socket"), "-p", "5432", "-U", "postgres"]
    return subprocess.run([program, *arguments], capture_output=True, check=True).stdout


_PERSONAL = {
    "User-Agent": "canary-agent",
    "Origin": "https://canary-origin",
    "Cookie": "canary-cookie",
    "X-Forwarded-For": "203.0.113.77",
    "Referer": "https://canary-referer",
}


async def test_a_connection_keeps_no_header_of_the_clients_request(database18: dict[str, Any]) -> None:
    async with running(make_config(database18), Log()) as relay:
        # Not from this process: the client's own copy of its headers must not be found.
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(make_handshake({**_HEADERS, **_PERSONAL}))
        async with asyncio.timeout(TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            # The connection is served when it answers.
            writer.write(make_text_frame(b"[]"))
            await reader.readexactly(2)
        held = _list_texts(list(relay._listener._connections))
        writer.close()
    assert len(held) > 10
    assert {text for text in held if "canary" in text or "203.0.113" in text} == set()


async def test_of_whom_a_proxy_speaks_for_only_a_bucket_is_kept(database18: dict[str, Any]) -> None:
    proxy_port = find_free_port()
    async with running(make_config(database18, server={"proxy_port": proxy_port}), Log()) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy_port)
        # Also while the head has not come.
        writer.write(f"PROXY TCP4 {_FORWARDED} 192.0.2.1 4711 443\r\n".encode())
        guests = relay._listener._guests
        await until(lambda: any(guests._buckets.values()))
        assert not any(_FORWARDED in text for text in _list_texts([guests._buckets, guests._counts]))
        writer.write(make_handshake(_PERSONAL) + make_text_frame(b"[]"))
        async with asyncio.timeout(TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            await reader.readexactly(2)
        held = _list_texts([*relay._listener._connections, *relay._listener._guests.list_all()])
        writer.close()
    assert len(held) > 10
    assert {text for text in held if "canary" in text or "203.0.113" in text} == set()


async def test_a_request_for_a_page_knows_no_address(database18: dict[str, Any]) -> None:
    async with running(make_config(database18), Log()) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port, local_addr=(_SOURCE, 0))
        # Its body does not come, so it stays for a while.
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        async with asyncio.timeout(TIMEOUT_S):
            await reader.readuntil(b"\r\n\r\n")
        (connection,) = relay._listener._http._server.connections
        assert (connection.peername, connection.sockname) == (None, None)
        writer.close()


def _list_texts(roots: list[Any]) -> set[str]:
    """Return every text that can be reached from the roots, but through the loop, modules, classes and running code."""
    code = (types.ModuleType, type, types.FunctionType, types.FrameType, types.CodeType, types.CoroutineType)
    stop = (*code, asyncio.AbstractEventLoop, asyncio.Task, asyncio.Handle)
    seen: set[int] = set()
    texts: set[str] = set()
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, stop):
            continue
        seen.add(id(thing))
        if isinstance(thing, (str, bytes, bytearray)):
            texts.add(thing if isinstance(thing, str) else bytes(thing).decode(errors="replace"))
        else:
            waiting.extend(gc.get_referents(thing))
    return texts


def _strip_texts(source: str) -> str:
    """Return Python without docstrings and comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
    return ast.unparse(tree)


def _find_files(pattern: str) -> set[str]:
    # What calls others, the author's commands and the ways to a Lightning node, reads nobody's request.
    callers = {"client", "lightning"}
    files = (file for file in _RELAY.rglob("*.py") if callers.isdisjoint(file.relative_to(_RELAY).parts))
    code = {str(file.relative_to(_RELAY)): _strip_texts(file.read_text(encoding="utf-8")) for file in files}
    return {name for name, text in code.items() if re.search(pattern, text)}


def test_one_file_reads_addresses_and_forwarding_headers() -> None:
    guests = {"gateway/guests.py"}
    assert _find_files(r"(?i)remote_address|X-Forwarded-For|X-Real|['\"]Forwarded['\"]") == guests
    assert _find_files(r"get_extra_info\('(?!socket)|getpeername|peercred|\.remote\b") == guests
    # aiohttp's requests would have these: they are set to nothing. A port is asked which one it is.
    assert _find_files(r"(?!\b(?:peername|sockname) = None)\b(?:peername|sockname)\b") == guests
    assert _find_files(r"getsockname") == {"gateway/listener.py"}


def test_no_file_reads_a_header_that_tells_clients_apart() -> None:
    assert _find_files(r"(?i)['\"](user-agent|origin|cookie|referer|authorization)['\"]") == set()
    # Pages are in the reader's language. It chooses one of a few templates, and is kept nowhere.
    languages = {"gateway/plain_http.py", "gateway/public_web.py"}
    assert _find_files(r"(?i)['\"]accept-language['\"]") == languages
    read = set()
    for name in _find_files(r"headers|\.join\('"):
        code = _strip_texts((_RELAY / name).read_text())
        found = re.findall(r"(?:headers(?: or {}\))?\.get(?:_?all)?|(?:head|self)\.join)\('([^']+)'", code)
        read |= {header.lower() for header in found}
    # What else is read says where a request goes, where it ends, and what a form is.
    ends = {"host", "content-length", "transfer-encoding", "expect", "content-type", "content-encoding"}
    assert read == {"x-forwarded-for", "accept", "accept-language", "upgrade", *ends}


def test_what_is_looked_for_would_be_found() -> None:
    assert _find(json.dumps({"peer": "127.77.13.9:4711"}).encode(), _TEXTS)
    assert _find(b"\\x" + _FORWARDED.encode().hex().encode(), _TEXTS)
    assert _find(b"\0" + socket.inet_aton(_SOURCE), _PACKED)
