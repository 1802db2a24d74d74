"""The names of a domain (NIP-05): its nostr.json, fetched and decoded. A domain is untrusted."""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from relay.client.network import route
from relay.client.network.tor import TorChoice
from relay.client.signing.keys import could_be_key
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import to_printable

MAX_BYTES = 2**20
_PATH = "/.well-known/nostr.json"
_LABEL = "[a-z0-9-]{1,63}"
_DOMAIN = re.compile(
    rf"(?P<plain>http://)?(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?", re.IGNORECASE
)
# NIP-05: a-z, 0-9, - _ . in any case. A domain can write nothing else into a ring file.
_NAME = re.compile(r"[a-z0-9._-]{1,64}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """An internet identifier (NIP-05): the place of a nostr.json, and a name in it, "" for all names."""

    name: str
    host: str
    port: int
    is_secure: bool

    @property
    def domain(self) -> str:
        """Return the domain as it is written behind the @."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (80, 443) else f"{host}:{self.port}"


class _Document(msgspec.Struct):
    names: dict[str, object]


def parse_identifier(text: str) -> Identifier:
    """Return the identifier of `example.org` or `ann@example.org`. Raises BadInput.

    http:// is for loopback only.
    """
    name, separator, domain = text.rpartition("@")
    found = _DOMAIN.fullmatch(domain)
    # A key in either place would be sent to a name server or to the domain.
    is_key = could_be_key(name) or could_be_key(domain)
    if found is None or is_key or (separator and not _NAME.fullmatch(name)):
        raise BadInput("--from-nip05 takes a domain, or NAME@DOMAIN, for example ann@example.org")
    host, is_secure = found["host"].strip("[]").lower(), found["plain"] is None
    if not is_secure and not _is_loopback(host):
        raise BadInput("--from-nip05 asks by https only: leave http:// out")
    port = int(found["port"] or (443 if is_secure else 80))
    if not 0 < port < 65_536:
        raise BadInput("--from-nip05: the port must be from 1 to 65535")
    return Identifier(name, host, port, is_secure)


def fetch_names(identifier: Identifier, timeout_s: float, choice: TorChoice) -> dict[str, object]:
    """Return the names of a domain and their values, which should be keys in hex. Raises BadInput."""
    try:
        raw = _fetch_document(identifier, timeout_s, choice)
    except TimeoutError:
        raise BadInput(f"{identifier.domain} did not answer within {timeout_s:g} s: try again later") from None
    except (OSError, http.client.HTTPException) as error:
        reason = to_printable(str(error)) or type(error).__name__
        raise BadInput(
            f"no nostr.json from {identifier.domain} ({reason}): check the domain, or try again later"
        ) from None
    try:
        names = msgspec.json.decode(raw, type=_Document).names
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadInput(f"{identifier.domain}: its nostr.json is not one of NIP-05: it cannot be a source") from None
    if not identifier.name:
        return names
    # NIP-05: names are in lower case. People write theirs in any case.
    return {name: key for name, key in names.items() if name.lower() == identifier.name.lower()}


def is_name(text: str) -> bool:
    """Return whether a name has only the letters of NIP-05."""
    return _NAME.fullmatch(text) is not None


def _fetch_document(identifier: Identifier, timeout_s: float, choice: TorChoice) -> bytes:
    deadline = time.monotonic() + timeout_s
    opened = _open_socket(identifier, timeout_s, choice)
    # The socket's timeout starts again with each byte: a slow server could block this program for days.
    watch = threading.Timer(max(deadline - time.monotonic(), 0), _shut_socket, [opened])
    watch.daemon = True
    watch.start()
    try:
        raw = _request_document(identifier, opened)
        if time.monotonic() >= deadline:
            raise TimeoutError
        return raw
    except (OSError, http.client.HTTPException):
        if time.monotonic() >= deadline:
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
        opened.close()


def _open_socket(identifier: Identifier, timeout_s: float, choice: TorChoice) -> socket.socket:
    opened = route.open_socket(
        "https" if identifier.is_secure else "http", identifier.host, identifier.port, timeout_s, choice
    )
    if not identifier.is_secure:
        return opened
    # The handshake comes later, under the watch.
    context = ssl.create_default_context()
    return context.wrap_socket(opened, server_hostname=identifier.host, do_handshake_on_connect=False)


def _request_document(identifier: Identifier, opened: socket.socket) -> bytes:
    connection = http.client.HTTPConnection(identifier.host, identifier.port)
    if isinstance(opened, ssl.SSLSocket):
        opened.do_handshake()
    connection.sock = opened
    try:
        # Static hosts ignore the query. No header names this program.
        query = f"?name={quote(identifier.name.lower())}" if identifier.name else ""
        connection.putrequest("GET", _PATH + query, skip_host=True)
        connection.putheader("Host", identifier.domain)
        connection.endheaders()
        response = connection.getresponse()
        # NIP-05: redirects must not be followed.
        if response.status != http.client.OK:
            raise OSError(f"it answers {response.status}, and redirects are not followed (NIP-05)")
        raw = response.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise OSError(f"it is longer than {MAX_BYTES} bytes")
        return raw
    finally:
        connection.close()


def _shut_socket(opened: socket.socket) -> None:
    try:
        # Not SSLSocket's own method, which would remove TLS during a read.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        pass  # It was closed in the meantime.


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
