"""A web server on loopback for tests: it answers every request with the same bytes, and keeps what it was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class WebServer:
    """Hold the server's port and the heads of the requests it got."""

    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def run_web_server(
    body: bytes, head: str = "HTTP/1.1 200 OK", *, drips: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[WebServer]:
    """Answer with a head and a body; one that drips sends a byte now and then, and never ends."""
    server = WebServer()
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
            while drips and not ended.is_set():
                writer.write(b" ")
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await ended.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client went away.
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls) as listener:
        server.port = listener.sockets[0].getsockname()[1]
        yield server
        ended.set()
