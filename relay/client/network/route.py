"""How connections leave this machine: directly, through the environment's proxy, or through Tor. Knows no protocol."""

import argparse
import secrets
import shlex
import socket
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import to_printable

BAD_PROXY = "the proxy in the environment is no URL such as socks5h://127.0.0.1:9050: correct it"
MISSING_PROXY = "the proxy in the environment does not answer, and nothing was sent: start it, or correct the variable"
DEFAULT_TOR = "127.0.0.1:9050"
# Timeouts of sockets and threads have an upper bound.
_MAX_TIMEOUT_S = 86_400
# python-socks knows only the names on the right. Whether the proxy resolves names is another parameter of it.
_PROXY_SCHEMES = {"socks5h": "socks5", "socks5": "socks5", "socks4a": "socks4", "socks4": "socks4", "http": "http"}
_RESOLVES_HERE = frozenset({"socks5", "socks4"})
# The variables, such as HTTPS_PROXY, for a scheme. The first that is set counts.
_VARIABLES = {
    "wss": ("wss", "socks", "https"),
    "ws": ("ws", "socks", "https", "http"),
    "https": ("socks", "https"),
    "http": ("socks", "http"),
}


@dataclass(frozen=True, slots=True)
class Tor:
    """The address of Tor's SOCKS port. None in its place means no Tor."""

    host: str
    port: int

    def make_proxy_url(self) -> str:
        """Return the proxy for one connection. Tor resolves the name, and gives the connection its own circuit.

        Tor never puts the streams of two SOCKS users on one circuit (IsolateSOCKSAuth, on by default).
        """
        user, password = secrets.token_hex(16), secrets.token_hex(16)
        return f"socks5h://{user}:{password}@{self}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --timeout, --tor and --tor-at. One --tor with an optional value would swallow a URL behind it."""
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for each answer (default 30)"
    )
    parser.add_argument(
        "--tor",
        action="store_true",
        help=f"connect through Tor at {DEFAULT_TOR}, on its own circuit, and in no other way",
    )
    parser.add_argument(
        "--tor-at", metavar="HOST:PORT", help="the same with Tor at another address (Tor Browser: 127.0.0.1:9150)"
    )


def read_tor(arguments: argparse.Namespace) -> Tor | None:
    """Return the address of Tor if connections go through it. Raises BadInput."""
    text = arguments.tor_at if arguments.tor_at is not None else DEFAULT_TOR if arguments.tor else None
    if text is None:
        return None
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.netloc != text or "@" in text:
        raise BadInput("--tor-at takes HOST:PORT, for example 127.0.0.1:9150")
    return Tor(host, port)


def read_timeout(arguments: argparse.Namespace) -> float:
    """Return how long to wait for an answer, in seconds. Raises BadInput."""
    seconds: float = arguments.timeout
    if not 0 < seconds <= _MAX_TIMEOUT_S:
        raise BadInput(f"--timeout takes seconds, more than 0 and at most {_MAX_TIMEOUT_S}")
    return seconds


def choose_proxy(scheme: str, host: str, port: int, tor: Tor | None) -> str | None:
    """Return the URL of the proxy for one connection (scheme ws, wss, http or https), None for none.

    Raises BadInput for an onion address that would be looked up here, as a name server would see it (RFC 7686).
    """
    proxy = tor.make_proxy_url() if tor else _find_proxy(scheme, host, port)
    is_looked_up_here = proxy is None or proxy.partition("://")[0] in _RESOLVES_HERE
    if is_onion(host) and is_looked_up_here:
        raise BadInput("an .onion address is reached through Tor only: add --tor")
    return proxy


def is_onion(host: str) -> bool:
    """Return whether a host is reached within Tor only."""
    return host.lower().rstrip(".").endswith(".onion")


def _find_proxy(scheme: str, host: str, port: int) -> str | None:
    """Return the proxy that the environment names for a connection, or None.

    ALL_PROXY, which users of Tor set, comes first and is always used. The others yield to NO_PROXY.
    """
    proxies = getproxies()
    if "all" in proxies:
        return proxies["all"]
    if proxy_bypass(f"{host}:{port}"):
        return None
    named = next((proxies[name] for name in _VARIABLES[scheme] if name in proxies), None)
    # Some systems write their setting for SOCKS with http://.
    return named.replace("http://", "socks5h://", 1) if named and named == proxies.get("socks") else named


def open_socket(scheme: str, host: str, port: int, timeout_s: float, tor: Tor | None) -> socket.socket:
    """Open a TCP connection, directly or through the chosen proxy. Raises OSError and BadInput."""
    proxy = choose_proxy(scheme, host, port, tor)
    if proxy is None:
        return socket.create_connection((host, port), timeout_s)
    scheme, _, rest = proxy.partition("://")
    if scheme not in _PROXY_SCHEMES:
        raise BadInput(BAD_PROXY)
    try:
        # Imported here: the commands that need no network start without it.
        from python_socks import ProxyConnectionError, ProxyError
        from python_socks.sync import Proxy
    except ImportError:
        raise BadInput(explain_missing_package()) from None
    try:
        chosen = Proxy.from_url(f"{_PROXY_SCHEMES[scheme]}://{rest}", rdns=scheme not in _RESOLVES_HERE)
        return chosen.connect(host, port, timeout=timeout_s)
    except ProxyConnectionError as error:
        if tor:
            raise BadInput(explain_missing_tor(tor)) from None
        raise OSError(f"the proxy in the environment does not answer ({error.strerror})") from None
    except ProxyError as error:
        raise OSError(explain_proxy(error, tor)) from None
    except ValueError:
        raise BadInput(BAD_PROXY) from None


def explain_proxy(error: BaseException, tor: Tor | None) -> str:
    """Return what a SOCKS proxy answered in place of a connection."""
    said = to_printable(str(error)) or type(error).__name__
    return f"{'Tor' if tor else 'the proxy'} could not reach it: {said}"


def explain_missing_tor(tor: Tor) -> str:
    """Return what to do where nothing listens at Tor's address."""
    return (
        f"no Tor at {tor}, and nothing was sent: start it (`sudo systemctl start tor`, or open Tor Browser and use "
        "--tor-at 127.0.0.1:9150), then try again"
    )


def explain_missing_package() -> str:
    """Return how to install the package for SOCKS."""
    # With this Python: `pip` alone may belong to another one.
    install = f"{shlex.quote(sys.executable)} -m pip install 'python-socks[asyncio]'"
    return f"connecting through a proxy needs a package that is missing: run `{install}`"
