"""The head of an HTTP request, up to its empty line (RFC 9112): whether it is well formed, and what it asks for.

It is read strictly, and its bounds are below those of aiohttp and of websockets. So neither of them gets a head that it
would read in another way, or that it would not answer. Knows no socket.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus

from relay.http.answer import Answer, Refused, refuse, refuse_method

_MAX_HEAD_BYTES = 16_384
_MAX_LINE_BYTES = 8_000
_MAX_HEADERS = 100
# No request but a form needs a body. A small one is read past, as RFC 9110 (9.3.1) wants it.
_MAX_BODY_BYTES = 65_536
_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%b) ([\x21-\x7e]+) HTTP/1\.([01])" % _TOKEN)
# No space before the colon, and none at the beginning of a line, which once continued the line before it (RFC 9112, 5).
_HEADER_LINE = re.compile(rb"(%b):([\t\x20-\x7e\x80-\xff]*)" % _TOKEN)
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+;=:\[\]-]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request. The names of its headers are in lower case."""

    method: str
    target: str
    headers: dict[str, list[str]]
    is_http_11: bool = True

    @property
    def path(self) -> str:
        """Return the path without its query."""
        return find_path(self.target)

    @property
    def accept(self) -> str:
        """Return all Accept headers as one."""
        return self.join("accept")

    def join(self, name: str) -> str:
        """Return all headers of a name, which is in lower case, as one (RFC 9110, 5.3)."""
        return ",".join(self.headers.get(name, []))

    @property
    def is_handshake(self) -> bool:
        """Return whether the client wants a WebSocket (RFC 6455, 4.1), by a handshake that is right or wrong."""
        return self.method == "GET" and "websocket" in self.join("upgrade").lower()


class HeadReader:
    """The bytes of a head as they come, in whatever pieces."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._checked = 0

    def read(self) -> Head | None:
        """Return the head, None if it has not all come. Raises Refused.

        `received` then begins with the head, and whatever came after the head is behind it.
        """
        received = self.received
        while not self._checked and received.startswith(b"\r\n"):
            # RFC 9112, 2.2: empty lines before a request are passed over.
            del received[:2]
        if received == b"\r":
            return None
        end = received.find(_END, max(0, self._checked - len(_END) + 1))
        size = len(received) if end < 0 else end + len(_END)
        if size > _MAX_HEAD_BYTES:
            raise Refused(_refuse_large())
        if _BARE_LF.search(received, self._checked, size):
            raise Refused(refuse_malformed())
        self._checked = size
        return None if end < 0 else parse_head(bytes(received[:end]))

    def take_rest(self) -> bytes:
        """Return what came after the head, which was read."""
        return bytes(self.received[self._checked :])


def parse_head(data: bytes) -> Head:
    """Return a head without its empty line. Raises Refused for one that is not well formed, or larger than allowed."""
    first, *lines = data.split(b"\r\n")
    if len(lines) > _MAX_HEADERS or any(len(line) > _MAX_LINE_BYTES for line in (first, *lines)):
        raise Refused(_refuse_large())
    asked = _REQUEST_LINE.fullmatch(first)
    if asked is None:
        raise Refused(refuse_malformed())
    headers: dict[str, list[str]] = {}
    for line in lines:
        header = _HEADER_LINE.fullmatch(line)
        if header is None:
            raise Refused(refuse_malformed())
        headers.setdefault(header[1].decode().lower(), []).append(header[2].decode("latin-1").strip(" \t"))
    is_http_11 = asked[3] == b"1"
    _check_host(headers, is_http_11=is_http_11)
    _check_body(headers, is_http_11=is_http_11)
    return Head(asked[1].decode(), asked[2].decode(), headers, is_http_11)


def check_servable(head: Head, *, takes_forms: bool = False) -> None:
    """Raise Refused for a request that this relay never serves. A form's own head is read by http/form.py."""
    is_form = takes_forms and head.method == "POST"
    if head.method not in ("GET", "HEAD", "OPTIONS") and not is_form:
        raise Refused(refuse_method(takes_forms=takes_forms))
    is_server = head.target == "*" and head.method == "OPTIONS"
    if not is_server and not head.target.startswith("/") and not _ORIGIN.match(head.target):
        # RFC 9112, 3.2. aiohttp would refuse it as HTTP/1.0, and with a body to HEAD.
        raise Refused(refuse_malformed())
    if is_form:
        return
    lengths = head.headers.get("content-length", [])
    if head.is_handshake and (lengths not in ([], ["0"]) or head.headers.get("transfer-encoding")):
        # What follows a handshake are frames (RFC 6455, 4.1).
        raise Refused(refuse(HTTPStatus.BAD_REQUEST, "a WebSocket handshake has no body; send it without one"))
    if sum(map(int, lengths)) > _MAX_BODY_BYTES:
        raise Refused(refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large; send none"))


def find_path(target: str) -> str:
    """Return the path in a request's target, which can be a whole URL (RFC 9112, 3.2.2), without its query."""
    origin = _ORIGIN.match(target)
    return (target[origin.end() :] if origin else target).partition("?")[0] or "/"


def _check_host(headers: dict[str, list[str]], *, is_http_11: bool) -> None:
    hosts = headers.get("host", [])
    # RFC 9112, 3.2: one that is missing, that is there twice or that is no host is answered with 400.
    if len(hosts) > 1 or (is_http_11 and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        raise Refused(refuse(HTTPStatus.BAD_REQUEST, "send exactly one Host header, with the name of this relay"))


def _check_body(headers: dict[str, list[str]], *, is_http_11: bool) -> None:
    """Raise Refused if it is not certain where the body ends (RFC 9112, 6.3)."""
    lengths, codings = headers.get("content-length", []), headers.get("transfer-encoding", [])
    has_length = len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) is not None and not codings
    is_chunked = len(codings) == 1 and codings[0].lower() == "chunked" and not lengths and is_http_11
    if (lengths or codings) and not has_length and not is_chunked:
        text = "it is not clear where the body ends; send one Content-Length, or chunks"
        raise Refused(refuse(HTTPStatus.BAD_REQUEST, text))


def _refuse_large() -> Answer:
    text = "the head of the request is too large; send fewer and shorter headers"
    return refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)


def refuse_malformed() -> Answer:
    """Return the refusal of what is not HTTP."""
    text = "not a request that this relay understands; send HTTP/1.1 in the form of RFC 9112"
    return refuse(HTTPStatus.BAD_REQUEST, text)
