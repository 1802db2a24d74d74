"""Who may come in, for clients that no test can have on one machine: those with addresses of other networks."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from relay.delivery.visitor import Visitor
from relay.gateway.front_door import Doorway, FrontDoor, Successor
from relay.gateway.guests import Guests
from relay.http.answer import Refused
from relay.http.head import Head
from relay.limits import Limits
from relay.policy.rate_limit import TokenBucket


class Wire(asyncio.Transport):
    """A connection from an address, which keeps what is written to it."""

    def __init__(self, peer: str | None) -> None:
        super().__init__({"peername": None if peer is None else (peer, 4711)})
        self.written = b""
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


def make(*proxies: str, now_s: Callable[[], float] = lambda: 0.0, **limits: Any) -> Guests:
    given = Limits(**limits)

    def make_visitor(now_s: float, share: TokenBucket | None) -> Visitor:
        return Visitor(given, now_s, [] if share is None else [share])

    return Guests([ip_network(proxy) for proxy in proxies], given, now_s, make_share, make_visitor)


def make_share(now_s: float) -> TokenBucket:
    return TokenBucket(0.001, 2, now_s)


def let_in(guests: Guests, peer: str | None, source: str = "", **headers: str) -> Wire:
    """Let a connection in and read its request's head. Raises Refused."""
    wire = Wire(peer)
    guests.enter(wire)
    if not guests.identify(wire, source):
        assert guests.identify(wire, source, {name.replace("_", "-"): [value] for name, value in headers.items()})
    return wire


def test_a_client_counts_to_its_network_before_it_says_a_word() -> None:
    guests = make(max_connections_per_network=2)
    wires = []
    for _ in range(2):
        wire = Wire("203.0.113.7")
        guests.enter(wire)
        assert guests.identify(wire, "")
        wires.append(wire)
    with pytest.raises(Refused) as caught:
        let_in(guests, "203.0.113.200")
    assert caught.value.answer.status == 429
    let_in(guests, "198.51.100.7")
    guests.leave(wires[0])
    let_in(guests, "203.0.113.200")


def test_a_connection_leaves_once() -> None:
    guests = make(max_connections_per_network=1)
    wire = let_in(guests, "203.0.113.7")
    guests.leave(wire)
    guests.leave(wire)
    let_in(guests, "203.0.113.7")


def test_a_listed_proxy_is_counted_as_those_it_speaks_for() -> None:
    guests = make("10.0.0.0/8", max_connections_per_network=1)
    for source in ("203.0.113.7", "198.51.100.7"):
        let_in(guests, "10.1.2.3", x_forwarded_for=source)
    with pytest.raises(Refused):
        let_in(guests, "10.1.2.3", x_forwarded_for="203.0.113.200")
    # A stranger's header is not read.
    let_in(guests, "192.0.2.1", x_forwarded_for="203.0.113.200")
    with pytest.raises(Refused):
        let_in(guests, "192.0.2.2", x_forwarded_for="192.0.3.1")


def test_without_a_limit_and_without_an_address_nobody_is_refused() -> None:
    guests = make(max_connections_per_network=0)
    for _ in range(3):
        let_in(guests, "203.0.113.7")
        let_in(guests, None)


def test_after_an_hour_a_network_is_another() -> None:
    now_s = 0.0
    guests = make(now_s=lambda: now_s, max_connections_per_network=1)
    let_in(guests, "203.0.113.7")
    now_s = 3_601.0
    guests.forget_old()
    let_in(guests, "203.0.113.7")


def find_nothing(transport: asyncio.Transport, head: Head) -> Successor:
    raise AssertionError("nothing should be served")


@pytest.mark.parametrize(
    ("peer", "is_aborted"), [("203.0.113.7", True), (None, True), ("10.1.2.3", False), ("127.0.0.1", False)]
)
async def test_only_this_machine_and_listed_proxies_may_speak_for_others(peer: str | None, is_aborted: bool) -> None:
    guests = make("10.0.0.0/8")
    door = FrontDoor(Doorway(guests, 10.0, lambda head: None, find_nothing, takes_proxy_header=True))
    wire = Wire(peer)
    door.connection_made(wire)
    assert (wire.is_aborted, wire.written) == (is_aborted, b"")
    door.connection_lost(None)
    assert guests.list_all() == []


async def test_a_client_with_too_many_connections_is_told_so_before_it_says_a_word() -> None:
    guests = make(max_connections_per_network=1)
    let_in(guests, "203.0.113.7")
    door = FrontDoor(Doorway(guests, 10.0, lambda head: None, find_nothing, takes_proxy_header=False))
    wire = Wire("203.0.113.200")
    door.connection_made(wire)
    assert wire.written.startswith(b"HTTP/1.1 429 ")
    # What it says then is passed over.
    door.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.written.count(b"HTTP/1.1 ") == 1
    door.connection_lost(None)


def test_connections_of_one_network_share_what_it_may_have_held_also_one_after_another() -> None:
    guests = make()
    first = let_in(guests, "198.51.100.1")
    share = guests.find_share(first)
    assert share is not None
    assert guests.find_share(let_in(guests, "198.51.100.2")) is share
    guests.leave(first)
    assert guests.find_share(let_in(guests, "198.51.100.3")) is share
    other = guests.find_share(let_in(guests, "203.0.113.1"))
    assert other is not None
    assert other is not share


def test_connections_of_one_circuit_of_tor_share_what_it_may_have_held_and_those_of_another_do_not() -> None:
    guests = make()
    circuit, other = (f"fc00:dead:beef:4dad::{number}" for number in (1, 2))
    first = let_in(guests, "127.0.0.1", circuit)
    share = guests.find_share(first)
    assert share is not None
    guests.leave(first)
    assert guests.find_share(let_in(guests, "127.0.0.1", circuit)) is share
    assert guests.find_share(let_in(guests, "127.0.0.1", other)) is not share


def test_a_network_has_its_share_also_where_its_connections_are_not_limited() -> None:
    guests = make(max_connections_per_network=0)
    share = guests.find_share(let_in(guests, "198.51.100.1"))
    assert share is not None
    assert guests.find_share(let_in(guests, "198.51.100.2")) is share


def test_clients_on_this_machine_share_nothing() -> None:
    guests = make()
    assert guests.find_share(let_in(guests, "127.0.0.1")) is None


def test_shares_are_forgotten_with_the_key_of_the_hour() -> None:
    now_s = 0.0
    guests = make(now_s=lambda: now_s)
    share = guests.find_share(let_in(guests, "198.51.100.1"))
    now_s = 3_700.0
    guests.forget_old()
    assert guests.find_share(let_in(guests, "198.51.100.1")) is not share


def test_shares_are_forgotten_also_where_a_client_was_the_first_to_come_in_the_new_hour() -> None:
    now_s = 0.0
    guests = make(now_s=lambda: now_s)
    guests.find_share(let_in(guests, "198.51.100.1"))
    now_s = 3_700.0
    guests.find_share(let_in(guests, "198.51.100.1"))
    assert len(guests._shares) == 1


def test_a_share_that_is_whole_again_is_forgotten_once_nobody_of_its_network_is_here() -> None:
    now_s = 0.0
    guests = make(now_s=lambda: now_s)
    wires = [let_in(guests, f"198.51.{number}.1") for number in range(100)]
    shares = [guests.find_share(wire) for wire in wires]
    assert shares[0] is not None
    assert shares[0].try_take(now_s)
    for wire in wires[:-1]:
        guests.leave(wire)
    guests.forget_old()
    assert list(guests._shares.values()) == [shares[0], shares[-1]]
    # Who is still here has none of the others.
    assert guests.find_share(let_in(guests, "198.51.99.2")) is shares[-1]
    now_s = 3_000.0
    guests.forget_old()
    assert list(guests._shares.values()) == [shares[-1]]
