"""A SOCKS5 proxy on loopback for tests (RFC 1928, 1929): it notes who asked for what, and connects where it is told."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_USER_PASSWORD = 2
_DOMAIN = 3
_HOST_UNREACHABLE = 4


@dataclass
class SocksProxy:
    """Hold what was asked of the proxy: the (user, password) of each connection, and the (name, port) it was for."""

    port: int = 0
    users: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def run_socks_proxy(places: Mapping[str, int]) -> AsyncIterator[SocksProxy]:
    """Run a proxy that knows the names given, each a port on loopback, and can reach nothing else."""
    proxy = SocksProxy()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _serve(proxy, places, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # A client may go away at any point.
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    proxy: SocksProxy, places: Mapping[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    # Tor, too, prefers to be told a user, and keeps users apart.
    assert _USER_PASSWORD in methods
    writer.write(bytes([5, _USER_PASSWORD]))
    await reader.readexactly(1)
    proxy.users.append((await _read_text(reader), await _read_text(reader)))
    writer.write(b"\x01\x00")
    name, port = await _read_target(reader)
    proxy.asked.append((name, port))
    if name not in places:
        writer.write(bytes([5, _HOST_UNREACHABLE, 0, 1]) + bytes(6))
        await writer.drain()
        return
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    there, back = await asyncio.open_connection("127.0.0.1", places[name])
    try:
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
    finally:
        back.close()


async def _read_text(reader: asyncio.StreamReader) -> str:
    return (await reader.readexactly((await reader.readexactly(1))[0])).decode()


async def _read_target(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Return the name, or the address as text, and the port that a request asks for."""
    _, _, _, kind = await reader.readexactly(4)
    if kind == _DOMAIN:
        name = await _read_text(reader)
    else:
        name = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
    return name, int.from_bytes(await reader.readexactly(2), "big")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
