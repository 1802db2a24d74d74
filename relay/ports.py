"""The ports of a relay: the public ones, one for proxies, and the private one. Knows no part behind them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp.web import AppRunner

from relay.config import ServerSection
from relay.gateway.listener import Listener
from relay.gateway.private_web import start_private_web


class ListenError(Exception):
    """The address on which the relay cannot listen, and what to do."""


def in_url(host: str) -> str:
    """Return a host as in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


async def open_ports(
    server: ServerSection, listener: Listener, render: Callable[[], bytes], is_healthy: Callable[[], Awaitable[bool]]
) -> AppRunner:
    """Open all ports, and return what serves the private one. Raises ListenError, with nothing left open."""
    with _naming_port("private_port", server.private_host, server.private_port):
        private = await start_private_web(server.private_host, server.private_port, render, is_healthy)
    try:
        with _naming_port("port", server.host, server.port):
            await listener.listen()
        if server.proxy_port:
            with _naming_port("proxy_port", server.host, server.proxy_port):
                await listener.listen_to_proxies()
    except ListenError:
        await listener.stop()
        await private.cleanup()
        raise
    return private


@contextmanager
def _naming_port(key: str, host: str, port: int) -> Iterator[None]:
    """Raise ListenError in place of an OSError, with the key of the port."""
    try:
        yield
    except OSError as error:
        raise ListenError(
            f"cannot listen on {host}:{port} ({error.strerror}); is another relay running? "
            f"Stop it, or set another server.{key} (RELAY_SERVER__{key.upper()})"
        ) from None
