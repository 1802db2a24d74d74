"""How connections leave this machine: directly, through the environment's proxy, or through Tor. Knows no protocol."""

import argparse
import shlex
import socket
import sys
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

from relay.client.network import tor
from relay.client.network.tor import Tor, TorChoice, explain_missing_tor, is_onion
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import to_printable

BAD_PROXY = "the proxy in the environment is no URL such as socks5h://127.0.0.1:9050: correct it"
MISSING_PROXY = "the proxy in the environment does not answer, and nothing was sent: start it, or correct the variable"
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --timeout, and the options of Tor."""
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for each answer (default 30)"
    )
    tor.add_arguments(parser)


def read_timeout(arguments: argparse.Namespace) -> float:
    """Return how long to wait for an answer, in seconds. Raises BadInput."""
    seconds: float = arguments.timeout
    if not 0 < seconds <= _MAX_TIMEOUT_S:
        raise BadInput(f"--timeout takes seconds, more than 0 and at most {_MAX_TIMEOUT_S}")
    return seconds


@dataclass(frozen=True, slots=True)
class Way:
    """How one connection leaves this machine: through a proxy or directly, and whether that proxy is Tor."""

    proxy: str | None
    tor: Tor | None


def choose_way(scheme: str, host: str, port: int, choice: TorChoice) -> Way:
    """Return the way of one connection (scheme ws, wss, http or https).

    Raises BadInput, also for an onion address that would be looked up here, as a name server would see it (RFC 7686).
    """
    named = None if choice.named is not None else _find_proxy(scheme, host, port)
    if named is not None:
        # Whoever set a proxy has chosen: it may be Tor itself.
        if is_onion(host) and named.partition("://")[0] in _RESOLVES_HERE:
            raise BadInput("an .onion address is reached through Tor only: add --tor")
        return Way(named, None)
    found = choice.find_tor(host)
    return Way(None if found is None else found.make_proxy_url(), found)


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


def open_socket(scheme: str, host: str, port: int, timeout_s: float, choice: TorChoice) -> socket.socket:
    """Open a TCP connection, directly or through the chosen proxy. Raises OSError and BadInput."""
    way = choose_way(scheme, host, port, choice)
    if way.proxy is None:
        return socket.create_connection((host, port), timeout_s)
    scheme, _, rest = way.proxy.partition("://")
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
        connection = chosen.connect(host, port, timeout=timeout_s)
    except ProxyConnectionError as error:
        if way.tor:
            raise BadInput(explain_missing_tor(way.tor)) from None
        raise OSError(f"the proxy in the environment does not answer ({error.strerror})") from None
    except ProxyError as error:
        raise OSError(explain_proxy(error, way.tor)) from None
    except ValueError:
        raise BadInput(BAD_PROXY) from None
    if way.tor:
        choice.remember(host)
    return connection


def explain_proxy(error: BaseException, through: Tor | None) -> str:
    """Return what a SOCKS proxy answered in place of a connection."""
    said = to_printable(str(error)) or type(error).__name__
    return f"{'Tor' if through else 'the proxy'} could not reach it: {said}"


def explain_missing_package() -> str:
    """Return how to install the package for SOCKS."""
    # With this Python: `pip` alone may belong to another one.
    install = f"{shlex.quote(sys.executable)} -m pip install 'python-socks[asyncio]'"
    return f"connecting through a proxy needs a package that is missing: run `{install}`"
