"""HTTP as all backends use it: one node, its certificate, bounded waits and answers. Knows no node's API.

Every failure becomes a BackendError with a constant text and no cause: aiohttp's own errors contain the request's headers,
and so the secret.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TypeVar

import aiohttp
import msgspec

from relay.pricing.lightning.backend import BackendError
from relay.pricing.settings import LightningConfigError, NodeSection

UNREACHABLE = (
    "the Lightning node cannot be reached; check [lightning] url (nwc: the relay in the connection string), and that the node"
    " runs"
)
TIMED_OUT = "the Lightning node did not answer in time; check that it is well, or raise [lightning] timeout_s"
UNTRUSTED = (
    "the Lightning node's certificate is not trusted for the host in [lightning] url; set certificate_file to the one that"
    " the node made (LND: tls.cert, clnrest: ca.pem)"
)
REFUSED = "the Lightning node refused our secret; check [lightning] secret_file or RELAY_LIGHTNING__SECRET"
BUSY = "the Lightning node is asked more often than it allows; raise its limit (LNbits: LNBITS_RATE_LIMIT_NO)"
UNEXPECTED = (
    "the Lightning node answered what cannot be understood; check that [lightning] backend names what answers at its url,"
    " and the node's log"
)

# An invoice or a payment has a few KiB.
MAX_ANSWER_BYTES = 1_048_576
# Shorter than any of these nodes keeps a connection open, so that no request goes out on one that is being closed.
_KEEP_ALIVE_S = 2.0
_MAX_CONNECTIONS = 32
# How often the other side of a WebSocket is pinged, and how long the closing handshake may take.
_PING_EVERY_S = 30.0
_CLOSE_TIMEOUT_S = 1.0
_GATEWAY_ERRORS = (502, 503, 504)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NodeResponse:
    """A status and the whole body, or one line of it."""

    status: int
    body: bytes


class Node:
    """The HTTP client of one node. Make it on the event loop that uses it, and close it there.

    Raises LightningConfigError where the certificate cannot be read.
    """

    def __init__(self, section: NodeSection, headers: Mapping[str, str], stream_idle_s: float) -> None:
        self._url = section.url
        self._timeout_s = section.timeout_s
        self.stream_idle_s = stream_idle_s
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_redirect)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=_make_tls(section), limit=_MAX_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_S
            ),
            headers={**headers, "Accept-Encoding": "identity"},
            # It would contain the versions of Python and aiohttp.
            skip_auto_headers={"User-Agent"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            trust_env=False,
            trace_configs=[tracing],
        )

    async def send_request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        wait_s: float = 0,
    ) -> NodeResponse:
        """Send a request and return the answer. `wait_s` is how long the node was asked to wait before it answers.

        Raises BackendError, also where the node refuses the secret by its status (401, 403).
        """
        timeout = aiohttp.ClientTimeout(total=self._timeout_s + wait_s)
        with naming_failures():
            async with self._session.request(
                method, self._url + path, json=json, data=form, params=query, timeout=timeout
            ) as response:
                _check_status(response.status)
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise BackendError(UNEXPECTED)
                return NodeResponse(response.status, bytes(body))

    async def stream_lines(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[NodeResponse, None]:
        """Yield each line of a long answer, until it ends or nothing came for `stream_idle_s`.

        Raises BackendError where there is no answer, or where it breaks off.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=self._timeout_s, sock_read=self.stream_idle_s)
        with naming_failures():
            try:
                async with self._session.get(self._url + path, params=query, timeout=timeout) as response:
                    _check_status(response.status)
                    rest = b""
                    async for chunk in response.content.iter_any():
                        *lines, rest = (rest + chunk).split(b"\n")
                        if len(rest) > MAX_ANSWER_BYTES:
                            raise BackendError(UNEXPECTED)
                        for line in lines:
                            yield NodeResponse(response.status, line)
                    if rest.strip():
                        yield NodeResponse(response.status, rest)
            except aiohttp.SocketTimeoutError:
                # A quiet stream is no error, but a dead connection is quiet too: the caller opens a new one.
                return

    async def stream_messages(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield the text messages of a WebSocket until it ends, or its other side answers no ping.

        Raises BackendError where it cannot be opened.
        """
        socket = await self.open_socket(path)
        with naming_failures():
            async with socket:
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return
                    yield message.data.encode()

    async def open_socket(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket, which ends where its other side answers no ping. Raises BackendError."""
        heartbeat_s = min(_PING_EVERY_S, self.stream_idle_s)
        with naming_failures():
            async with asyncio.timeout(self._timeout_s):
                return await self._session.ws_connect(
                    self._url + path,
                    heartbeat=heartbeat_s,
                    max_msg_size=MAX_ANSWER_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
                )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def decode_answer(body: bytes, type_: type[T]) -> T:
    """Decode JSON of a known shape. Raises BackendError where it has another."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BackendError(UNEXPECTED) from None


def _check_status(status: int) -> None:
    if error := _name_status(status):
        raise error


def _name_status(status: int) -> BackendError | None:
    """Return the failure that a status means for every node, None where it means none."""
    if status in (401, 403):
        return BackendError(REFUSED)
    if status == 429:
        # LNbits answers so after 200 requests a minute by default.
        return BackendError(BUSY)
    if status in _GATEWAY_ERRORS:
        # From a proxy in front of a node that is down, or from a node that is starting.
        return BackendError(UNREACHABLE)
    return None


@contextmanager
def naming_failures() -> Iterator[None]:
    """Turn each failure of aiohttp into a BackendError that says which kind it was, and nothing else."""
    try:
        yield
    except TimeoutError:
        raise BackendError(TIMED_OUT) from None
    except aiohttp.ClientConnectorCertificateError:
        raise BackendError(UNTRUSTED) from None
    except aiohttp.WSServerHandshakeError as error:
        raise _name_status(error.status) or BackendError(UNEXPECTED) from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
        raise BackendError(UNREACHABLE) from None
    except (aiohttp.ClientError, ValueError):
        raise BackendError(UNEXPECTED) from None


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    """Refuse a redirect: the secret is sent to the configured URL only."""
    raise BackendError(UNEXPECTED)


def _make_tls(section: NodeSection) -> ssl.SSLContext:
    """Return a context that verifies certificates, against the configured one alone where there is one."""
    if section.certificate_file is None:
        return ssl.create_default_context()
    try:
        context = ssl.create_default_context(cafile=section.certificate_file)
    except OSError as error:
        # ssl.SSLError is one too. OpenSSL's text for a file that is no certificate helps nobody.
        reason = (
            "is no certificate in PEM form" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
        )
        raise LightningConfigError(f"{section.certificate_file}: {reason}") from None
    # A certificate that the operator named is trusted itself, fit to sign others or not, on every Python alike. The first
    # flag is the default of 3.13; the second refuses there what clnrest made before 25.09, and nodes still use.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
