"""The public port's HTTP answers: each path's info document (NIP-11), a page for people, 404 for the rest. Knows no address."""

from collections.abc import Callable
from http import HTTPStatus

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from relay.config import Config
from relay.info import build_info
from relay.pricing.tiers import Tier, Tiers

# NIP-11: browsers must be able to read the document from any page.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
}
_INFO_TYPE = "application/nostr+json"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ringrelay</title>
<p>This is a Nostr relay for ring-signed notes. Connect a Nostr client to this address with <code>ws://</code> or
<code>wss://</code>. What it accepts is in its info document:
<code>curl -H 'Accept: application/nostr+json'</code> and this address.
</html>
"""


class Web:
    """Answer what is not a WebSocket handshake."""

    def __init__(self, config: Config, tiers: Tiers, find_url: Callable[[], str]) -> None:
        self._config = config
        self._tiers = tiers
        self._find_url = find_url

    def respond(self, request: Request) -> Response | None:
        """Return the answer to a plain HTTP request, or None where the WebSocket handshake should go on."""
        tier = self._tiers.find(find_path(request))
        # NIP-01: a path that does not change what the relay does is not there.
        if tier is None:
            return _build(HTTPStatus.NOT_FOUND, "text/plain", b"not found; the relay is at /\n", request)
        if request.method == "OPTIONS":
            return _build(HTTPStatus.NO_CONTENT, "text/plain", b"", request)
        if request.method not in ("GET", "HEAD"):
            return _build(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"use GET, HEAD or OPTIONS\n", request)
        if _INFO_TYPE in ",".join(request.headers.get_all("Accept")):
            return _build(HTTPStatus.OK, _INFO_TYPE, self._encode_info(tier), request)
        if request.method == "GET" and "websocket" in ",".join(request.headers.get_all("Upgrade")).lower():
            return None
        return _build(HTTPStatus.OK, "text/html", _PAGE.encode(), request)

    def _encode_info(self, tier: Tier) -> bytes:
        page_url = self._find_url().replace("ws", "http", 1) + tier.path
        return msgspec.json.encode(build_info(self._config, tier, self._tiers.list_all(), page_url))


def find_path(request: Request) -> str:
    """Return the path of a request, without what follows a question mark."""
    return request.path.partition("?")[0]


def refuse(status: HTTPStatus, text: str, request: Request) -> Response:
    """Build a plain-text refusal of a request."""
    return _build(status, "text/plain", text.encode(), request)


def _build(status: HTTPStatus, type_: str, body: bytes, request: Request) -> Response:
    headers = Headers(_CORS)
    headers["Connection"] = "close"
    headers["Content-Type"] = type_ if type_ == _INFO_TYPE else f"{type_}; charset=utf-8"
    headers["Content-Length"] = str(len(body))
    # Nothing is loaded from anywhere, and nothing may frame the page.
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    headers["Referrer-Policy"] = "no-referrer"
    return Response(status.value, status.phrase, headers, b"" if request.method == "HEAD" else body)
