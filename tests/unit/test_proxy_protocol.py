"""PROXY headers, as haproxy's specification and Tor write them: whole, in pieces, and wrong."""

import struct
from ipaddress import ip_address

import pytest

from relay.gateway.proxy_protocol import BadProxyHeader, ProxyHeader, is_proxy_header, parse_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = ip_address("203.0.113.7").packed + ip_address("192.0.2.1").packed + struct.pack(">HH", 4711, 443)
V6 = ip_address("2001:db8::7").packed + ip_address("2001:db8::1").packed + struct.pack(">HH", 4711, 443)
# As Tor's HiddenServiceExportCircuitID writes it.
TOR = b"PROXY TCP6 fc00:dead:beef:4dad::ffff:1a2b ::1 4711 443\r\n"


def binary(rest: bytes, command: int = 0x21, family: int = 0x11, size: int | None = None) -> bytes:
    return SIGNATURE + bytes((command, family)) + struct.pack(">H", len(rest) if size is None else size) + rest


GOOD = [
    (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n", "203.0.113.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n", "2001:db8::7"),
    (TOR, "fc00:dead:beef:4dad::ffff:1a2b"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN whatever 1 2\r\n", ""),
    (binary(V4), "203.0.113.7"),
    (binary(V4, family=0x12), "203.0.113.7"),
    (binary(V6, family=0x21), "2001:db8::7"),
    # Behind the addresses are TLVs.
    (binary(V4 + bytes(500 - len(V4))), "203.0.113.7"),
    (binary(V4 + bytes(520 - len(V4))), "203.0.113.7"),
    (binary(b"", command=0x20, family=0x00), ""),
    (binary(V4, command=0x20), ""),
    (binary(b"", family=0x00), ""),
    (binary(bytes(216), family=0x31), ""),
]


@pytest.mark.parametrize(("header", "source"), GOOD)
def test_a_header_names_the_client_wherever_the_pieces_end(header: bytes, source: str) -> None:
    for size in range(len(header)):
        assert parse_proxy_header(bytearray(header[:size])) is None
    assert parse_proxy_header(header) == ProxyHeader(source, len(header))
    assert parse_proxy_header(bytearray(header + b"GET / HTTP/1.1\r\n")) == ProxyHeader(source, len(header))
    assert is_proxy_header(header)


@pytest.mark.parametrize(
    "received",
    [
        b"GET / HTTP/1.1\r\n",
        b"\r\n\r\nGET",
        b"proxy TCP4 203.0.113.7 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443 \r\n",
        b"PROXY TCP4 203.0.113.7  192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.777 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.7 here 4711 443\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 443\r\n",
        b"PROXY TCP6 203.0.113.7 192.0.2.1 4711 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 4711 443\r\n",
        b"PROXY TCP5 203.0.113.7 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 0443\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY " + b"x" * 101,
        b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        binary(V4, command=0x11),
        binary(V4, command=0x22),
        binary(V4, family=0x41),
        binary(V4[:-1]),
        binary(V6[:-1], family=0x21),
        # More than 536 bytes are refused before they have come.
        binary(b"", size=521),
        binary(b"", size=65_535),
        binary(b"", command=0x20, size=521),
    ],
)
def test_what_is_no_header_is_refused(received: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        parse_proxy_header(received)


def test_what_begins_otherwise_is_no_header() -> None:
    for received in (b"", b"PROXY", b"GET / HTTP/1.1", SIGNATURE[:-1], b"PROXYING "):
        assert not is_proxy_header(received)
