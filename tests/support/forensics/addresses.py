"""Addresses from which notes are sent, each known, and how they could be written down."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

from tests.support.spellings import list_spellings

_TOR = ipaddress.IPv6Address("fc00:dead:beef:4dad::")


@dataclass(frozen=True)
class Source:
    """Where a client is: on this machine, or behind the proxy port."""

    address: str
    is_proxied: bool


def make_source(number: int, *, network: int = 77) -> Source:
    """Return one of many addresses: of this machine, of a proxy's client, or of a circuit of Tor. `network` is below 128."""
    if number % 3 == 0:
        return Source(f"127.{network}.{1 + number // 250}.{1 + number % 250}", is_proxied=False)
    if number % 3 == 1:
        return Source(f"203.{network}.{1 + number // 250}.{1 + number % 250}", is_proxied=True)
    return Source(str(_TOR + (network << 32) + number + 1), is_proxied=True)


def say_proxy(source: Source) -> bytes:
    """Return the PROXY header that names a client."""
    family, end = ("TCP6", "::1") if ":" in source.address else ("TCP4", "192.0.2.1")
    return f"PROXY {family} {source.address} {end} 4711 443\r\n".encode()


async def open_proxied(port: int, source: Source) -> socket.socket:
    """Return a connection to a proxy port, over which its header has been sent."""
    loop = asyncio.get_running_loop()
    opened = socket.socket()
    opened.setblocking(False)
    await loop.sock_connect(opened, ("127.0.0.1", port))
    await loop.sock_sendall(opened, say_proxy(source))
    return opened


def spell_address(address: str) -> set[bytes]:
    """Return how an address could be written down, of four bytes or more."""
    parsed = ipaddress.ip_address(address)
    texts = {address.encode(), parsed.packed, parsed.packed[::-1], parsed.packed.hex().encode()}
    if parsed.version == 4:
        # A text of a network alone ends in a dot: every address of it has it.
        return texts | {text for text in list_spellings(address) if not text.endswith(b".")}
    return texts | {parsed.exploded.encode()}
