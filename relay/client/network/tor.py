"""Whether connections go through Tor: where somebody said so, and by default wherever Tor answers. Sends nothing to anybody.

It is decided before any name is looked up. A relay that is reached without Tor learns an author's address, so that takes an
answer of theirs, or an option.
"""

import argparse
import ipaddress
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from relay.client.network.tor_hosts import TorHosts
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice

# Tor itself, and Tor Browser.
DEFAULT_PLACES = ("127.0.0.1:9050", "127.0.0.1:9150")
# Names other places for both, separated by commas.
VARIABLE = "RINGRELAY_TOR"
_PROBE_TIMEOUT_S = 1.0
# RFC 1928: version 5 with one method, a user and a password (RFC 1929); the answer of who speaks it begins with the version.
_GREETING, _VERSION = b"\x05\x01\x02", b"\x05"


@dataclass(frozen=True, slots=True)
class Tor:
    """The address of Tor's SOCKS port."""

    host: str
    port: int

    def make_proxy_url(self) -> str:
        """Return the proxy for one connection. Tor resolves the name, and gives the connection its own circuit.

        Tor never puts the streams of two SOCKS users on one circuit (IsolateSOCKSAuth, on by default).
        """
        user, password = secrets.token_hex(16), secrets.token_hex(16)
        return f"socks5h://{user}:{password}@{self}"

    def answers(self) -> bool:
        """Return whether something that speaks SOCKS 5 listens there."""
        try:
            with socket.create_connection((self.host, self.port), _PROBE_TIMEOUT_S) as connection:
                connection.sendall(_GREETING)
                return connection.recv(1) == _VERSION
        except OSError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TorChoice:
    """Tor or not, for all connections of one command. `ask` puts a question to a person, None where there is none."""

    def __init__(
        self,
        named: Tor | None,
        *,
        is_refused: bool,
        ask: Callable[[str], bool] | None,
        hosts: TorHosts,
        places: Sequence[Tor],
    ) -> None:
        self.named = named
        self._places = places
        self._is_refused = is_refused
        self._ask = ask
        self._hosts = hosts
        self._found: Tor | None = None
        self._is_decided = False

    def find_tor(self, host: str) -> Tor | None:
        """Return the Tor to reach a host through, None for without. Raises BadInput."""
        if self.named is not None:
            return self.named
        if is_local(host):
            return None
        if self._is_refused:
            if is_onion(host):
                raise BadInput("an .onion address is reached through Tor only: leave --no-tor out")
            return None
        if not self._is_decided:
            self._found = self._decide(host)
            self._is_decided = True
        if self._found is None and is_onion(host):
            raise BadInput(f"an .onion address is reached through Tor only, and {_MISSING}")
        return self._found

    def remember(self, host: str) -> None:
        """Remember that a host was reached through Tor."""
        self._hosts.add(host)

    def _decide(self, host: str) -> Tor | None:
        for place in self._places:
            if place.answers():
                print_notice(f"connecting through Tor at {place} (--no-tor: without)")
                return place
        if is_onion(host):
            return None
        if self._hosts.has(host):
            raise BadInput(
                f"this host was reached through Tor before, and {_MISSING}; or say --no-tor, and it learns your address"
            )
        if self._ask is None:
            raise BadInput(f"{_MISSING}; or say --no-tor, and whoever runs this host learns your address")
        if not self._ask("There is no Tor here. Without it, whoever runs this host learns your address. Go on? [y/N] "):
            raise BadInput(_MISSING)
        return None


_MISSING = "no Tor answers here, so nothing was sent: start it (`sudo systemctl start tor`, or open Tor Browser), then try again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --tor, --tor-at and --no-tor. One --tor with an optional value would swallow a URL behind it."""
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--tor",
        action="store_true",
        help=f"connect through Tor at {DEFAULT_PLACES[0]}, on its own circuit, and in no other way",
    )
    places.add_argument(
        "--tor-at", metavar="HOST:PORT", help="the same with Tor at another address (Tor Browser: 127.0.0.1:9150)"
    )
    places.add_argument(
        "--no-tor",
        action="store_true",
        help="connect without Tor. By default it is used where it answers, for all hosts but this machine",
    )


def read_choice(arguments: argparse.Namespace) -> TorChoice:
    """Return what the options say of Tor. Raises BadInput."""
    text = arguments.tor_at if arguments.tor_at is not None else DEFAULT_PLACES[0] if arguments.tor else None
    named = None if text is None else parse_place(text)
    is_person = sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()
    ask = _ask_person if is_person else None
    return TorChoice(named, is_refused=arguments.no_tor, ask=ask, hosts=TorHosts.open(), places=_list_places())


def parse_place(text: str) -> Tor:
    """Return the address HOST:PORT of a SOCKS port. Raises BadInput."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.netloc != text or "@" in text:
        raise BadInput("--tor-at takes HOST:PORT, for example 127.0.0.1:9150")
    return Tor(host, port)


def is_onion(host: str) -> bool:
    """Return whether a host is reached within Tor only."""
    return host.lower().rstrip(".").endswith(".onion")


def is_local(host: str) -> bool:
    """Return whether a host is this machine by its name alone. A neighbour in a local network is not."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def explain_missing_tor(tor: Tor) -> str:
    """Return what to do where nothing listens at Tor's address."""
    return (
        f"no Tor at {tor}, and nothing was sent: start it (`sudo systemctl start tor`, or open Tor Browser and use "
        "--tor-at 127.0.0.1:9150), then try again"
    )


def _list_places() -> list[Tor]:
    named = os.environ.get(VARIABLE)
    return [parse_place(place.strip()) for place in (named.split(",") if named else DEFAULT_PLACES)]


def _ask_person(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
