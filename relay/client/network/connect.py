"""WebSocket connections to a relay: how they are opened, and why they fail. Knows no messages."""

import os
import ssl
from typing import TYPE_CHECKING

from relay.client.network.route import (
    BAD_PROXY,
    MISSING_PROXY,
    choose_way,
    explain_missing_package,
    explain_proxy,
)
from relay.client.network.tor import Tor, TorChoice, explain_missing_tor, is_onion
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_warning, to_printable

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.client import connect as ClientConnector
    from websockets.exceptions import ConnectionClosed

# Enough for an OK or a NOTICE.
MAX_ANSWER_BYTES = 2**20
TOO_BIG = 1009  # RFC 6455, 7.4.1: message too big
NOT_A_URL = "the relay's URL begins with ws:// or wss://"
# The HTTP status of a relay that accepts no connection, and what to do then.
_REFUSALS = {
    401: "it asks for a password or a login, which would tell it who you are: try another relay",
    403: "it refuses your address: use --tor, which gives you another one, or try another relay",
    404: "there is no relay at this path of the URL: check what follows the host's name",
    429: "it has too many connections from your network: try again later, or with --tor, where addresses change",
    502: "the server in front of the relay does not reach it: try again later",
    503: "it is full, or being restarted: try again later",
}
_BAD_URL = "this is not a relay's URL: it looks like wss://relay.example.com"


def check_url(url: str, choice: TorChoice) -> None:
    """Refuse what is no relay's URL, and decide how it is reached; warn where others could read along. Raises BadInput."""
    scheme, host, port = _split_url(url)
    way = choose_way(scheme, host, port, choice)
    if way.tor and scheme == "ws" and not is_onion(host):
        print_warning("without TLS (wss://) the operator of the last Tor relay can read and change what is sent")


def _split_url(url: str) -> tuple[str, str, int]:
    """Return the scheme, host and port of a relay's URL, as the connection will take them. Raises BadInput."""
    from websockets.exceptions import InvalidURI
    from websockets.uri import parse_uri

    if not url.startswith(("ws://", "wss://")):
        raise BadInput(NOT_A_URL)
    try:
        place = parse_uri(url)
    except (InvalidURI, ValueError):
        raise BadInput(_BAD_URL) from None
    return "wss" if place.secure else "ws", place.host, place.port


async def open_websocket(
    url: str, timeout_s: float, choice: TorChoice, max_message_bytes: int = MAX_ANSWER_BYTES
) -> "ClientConnection":
    """Open a connection that says nothing about this program. Raises BadInput, whose text says what to do.

    `max_message_bytes` bounds one message of the relay.
    """
    # Imported here: the commands that need no network start without it.
    from websockets.exceptions import WebSocketException

    connect = _make_connector()
    scheme, host, port = _split_url(url)
    way = choose_way(scheme, host, port, choice)
    try:
        # Compression would undo the padding, and no header names this program.
        connection = await connect(
            url,
            compression=None,
            user_agent_header=None,
            # Chosen here: websockets itself ignores ALL_PROXY, which users of Tor set.
            proxy=way.proxy,
            open_timeout=timeout_s,
            close_timeout=5,
            max_size=max_message_bytes,
        )
    except ImportError:
        raise BadInput(explain_missing_package()) from None
    except TimeoutError:
        raise BadInput(
            f"the relay did not answer within {timeout_s:g} s: check the URL, ws:// or wss:// too, or try again later"
        ) from None
    # Before ValueError, as a certificate that does not verify is both.
    except (OSError, WebSocketException) as error:
        raise BadInput(_describe_failure(url, error, way.tor)) from None
    except ValueError:
        raise BadInput(_BAD_URL) from None
    if way.tor:
        choice.remember(host)
    return connection


def _make_connector() -> "type[ClientConnector]":
    from websockets.asyncio import client

    class Connector(client.connect):
        """A connection attempt that follows no redirect: otherwise a relay chooses which address gets the note."""

        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    return Connector


def _describe_failure(url: str, error: Exception, tor: Tor | None) -> str:
    from websockets.exceptions import InvalidProxy, InvalidStatus, ProxyError

    if isinstance(error, InvalidProxy):
        return BAD_PROXY
    if _is_missing_proxy(error):
        return explain_missing_tor(tor) if tor is not None else MISSING_PROXY
    if isinstance(error, ProxyError) and error.__cause__ is not None:
        return f"no connection to the relay: {explain_proxy(error.__cause__, tor)}: check the URL, or try again later"
    if isinstance(error, InvalidStatus) and (locations := error.response.headers.get_all("Location")):
        return (
            f"the relay redirects to {to_printable(locations[0])}, and nothing was sent there: "
            "if you trust that address, give it as the URL, which begins with wss:// for https://"
        )
    if isinstance(error, InvalidStatus) and error.response.status_code in _REFUSALS:
        status = error.response.status_code
        return f"the relay takes no connection now (HTTP {status}): {_REFUSALS[status]}"
    # asyncio puts the number of this common error and an address into its text.
    text = os.strerror(error.errno) if isinstance(error, ConnectionRefusedError) and error.errno else str(error)
    reason = to_printable(text) or type(error).__name__
    return f"no connection to the relay ({reason}): check that it runs at this URL{_hint_at_scheme(url, error)}"


def _is_missing_proxy(error: Exception) -> bool:
    """Return whether nothing listens where the SOCKS proxy should be."""
    try:
        from python_socks import ProxyConnectionError
    except ImportError:
        return False
    return isinstance(error, ProxyConnectionError)


def _hint_at_scheme(url: str, error: Exception) -> str:
    """Return what to try where probably only one side spoke TLS, "" where another cause is likelier."""
    from websockets.exceptions import InvalidMessage, InvalidStatus

    is_refused = isinstance(error, ConnectionRefusedError | ssl.SSLCertVerificationError)
    if url.startswith("wss://"):
        # To a plain server the TLS greeting is a broken request: it answers in plain text, or hangs up.
        is_mixed = isinstance(error, ssl.SSLError | ConnectionError) and not is_refused
        return (
            "; if it speaks no TLS, as a relay on your own machine may, its URL begins with ws://" if is_mixed else ""
        )
    # A TLS server answers a plain request with an alert or with 400, or hangs up.
    is_mixed = isinstance(error, InvalidMessage | ConnectionResetError)
    is_mixed |= isinstance(error, InvalidStatus) and error.response.status_code == 400
    return "; if it speaks TLS, its URL begins with wss://" if is_mixed else ""


def explain_close(error: "ConnectionClosed") -> str:
    """Return how a connection ended, in words that are safe to print."""
    if is_closed_here(error):
        return f"this side gave the connection up ({error.sent})"
    frame = error.rcvd
    if frame is None:
        return "the connection broke"
    if frame.code == TOO_BIG:
        return f"the relay closed the connection: message too big ({TOO_BIG})"
    return f"the relay closed the connection ({frame.code} {to_printable(frame.reason)})".replace(" )", ")")


def is_closed_here(error: "ConnectionClosed") -> bool:
    """Return whether this side gave the connection up."""
    # A relay repeats the code it was sent (RFC 6455, 5.5.1): its 1009 can mean that its own message was too big for us.
    return error.sent is not None and not error.rcvd_then_sent
