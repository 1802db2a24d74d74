"""The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): whom a proxy, or Tor, speaks for. Knows no socket."""

import ipaddress
import re
from dataclasses import dataclass

_PREFIX_1 = b"PROXY "
_PREFIX_2 = b"\r\n\r\n\x00\r\nQUIT\n"
# The longest line of version 1, with its end (2.1).
_MAX_BYTES_1 = 107
_FIXED_BYTES_2 = 16
# With the fixed part what TCP carries in one segment everywhere (2.2). Nothing that this relay reads is behind it.
_MAX_BYTES_2 = 536
_PORT = "(?:0|[1-9][0-9]{0,4})"
_LINE = re.compile(rf"PROXY TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) {_PORT} {_PORT}")
_COMMANDS_2 = {0x20: "LOCAL", 0x21: "PROXY"}
# Bytes of the addresses and ports that each family has: source address first.
_SIZES_2 = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
_ADDRESS_BYTES_2 = {0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16}


class BadProxyHeader(Exception):
    """Bytes that are no PROXY header, and will not become one."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A PROXY header of `size` bytes. `source` is the client's address, empty if the proxy speaks for itself or does not say."""

    source: str
    size: int


def is_proxy_header(received: bytes | bytearray) -> bool:
    """Return whether a connection begins with a PROXY header."""
    return received.startswith((_PREFIX_1, _PREFIX_2))


def parse_proxy_header(received: bytes | bytearray) -> ProxyHeader | None:
    """Return the header that a connection begins with, None if it has not all come. Raises BadProxyHeader."""
    for prefix, parse in ((_PREFIX_1, _parse_line), (_PREFIX_2, _parse_binary)):
        if received.startswith(prefix):
            return parse(bytes(received[:_MAX_BYTES_2]))
        if prefix.startswith(received):
            return None
    raise BadProxyHeader


def _parse_line(received: bytes) -> ProxyHeader | None:
    end = received.find(b"\r\n", 0, _MAX_BYTES_1)
    if end < 0:
        if len(received) >= _MAX_BYTES_1:
            raise BadProxyHeader
        return None
    line = received[:end].decode("latin-1")
    if line == "PROXY UNKNOWN" or line.startswith("PROXY UNKNOWN "):
        # What follows it must be ignored (2.1).
        return ProxyHeader("", end + 2)
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise BadProxyHeader
    return ProxyHeader(_check_addresses(int(parts[1]), parts[2], parts[3]), end + 2)


def _check_addresses(version: int, source: str, destination: str) -> str:
    try:
        addresses = [ipaddress.ip_address(text) for text in (source, destination)]
    except ValueError:
        raise BadProxyHeader from None
    if any(address.version != version for address in addresses):
        raise BadProxyHeader
    return str(addresses[0])


def _parse_binary(received: bytes) -> ProxyHeader | None:
    if len(received) < _FIXED_BYTES_2:
        return None
    command, family = received[12], received[13]
    size = _FIXED_BYTES_2 + int.from_bytes(received[14:16], "big")
    # Receivers must drop what has unexpected values (2.2).
    if command not in _COMMANDS_2 or family not in _SIZES_2 or size > _MAX_BYTES_2:
        raise BadProxyHeader
    if _COMMANDS_2[command] == "PROXY" and size < _FIXED_BYTES_2 + _SIZES_2[family]:
        raise BadProxyHeader
    if len(received) < size:
        return None
    length = _ADDRESS_BYTES_2.get(family, 0)
    if _COMMANDS_2[command] == "LOCAL" or not length:
        # A health check of the proxy's own, or a client without an IP address. What follows, such as TLVs, is passed over.
        return ProxyHeader("", size)
    packed = received[_FIXED_BYTES_2 : _FIXED_BYTES_2 + length]
    return ProxyHeader(str(ipaddress.ip_address(packed)), size)
