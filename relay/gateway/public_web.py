"""The public port's HTTP answers: info documents (NIP-11), pages for people, 404 for the rest. Knows no address."""

import re
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from http import HTTPStatus

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from relay.config import Config
from relay.gateway.info import build_info
from relay.gateway.pay_page import Page, PayPages, TierLine
from relay.policy.tiers import Tier, Tiers
from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.payments.pay_status import PayStatus

# NIP-11: browsers must be able to read the document from any page.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
}
_INFO_TYPE = "application/nostr+json"
_PAY = re.compile(r"/pay/([0-9a-f]{32})")
_PAY_PREFIX = "/pay/"


class Web:
    """The answers to HTTP requests that are not a WebSocket handshake. `find_status` looks up a pay page's 16-byte token."""

    def __init__(
        self,
        config: Config,
        tiers: Tiers,
        find_url: Callable[[], str],
        find_status: Callable[[bytes], Awaitable[PayStatus | None]],
    ) -> None:
        self._config = config
        self._tiers = tiers
        self._find_url = find_url
        self._find_status = find_status

    @cached_property
    def _pages(self) -> PayPages:
        # Made at the first request, because the port is not known earlier.
        return PayPages(self._config.info.name, self._find_url(), self._config.privacy.publish_every_s)

    async def respond(self, request: Request) -> Response | None:
        """Return the answer to a plain HTTP request, or None if the WebSocket handshake should continue."""
        path = find_path(request)
        tier = self._tiers.find_tier(path)
        is_pay_page = path.startswith(_PAY_PREFIX)
        # NIP-01: a path that does not change the relay's behaviour does not exist.
        if tier is None and not is_pay_page:
            return _build(HTTPStatus.NOT_FOUND, "text/plain", b"not found; the relay is at /\n", request)
        if request.method == "OPTIONS":
            return _build(HTTPStatus.NO_CONTENT, "text/plain", b"", request)
        if request.method not in ("GET", "HEAD"):
            return _build(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"use GET, HEAD or OPTIONS\n", request)
        accept = ",".join(request.headers.get_all("Accept"))
        if tier is None:
            return await self._answer_pay_page(path, accept, request)
        if _INFO_TYPE in accept:
            return _build(HTTPStatus.OK, _INFO_TYPE, self._encode_info(tier), request)
        if request.method == "GET" and "websocket" in ",".join(request.headers.get_all("Upgrade")).lower():
            return None
        return _build_page(self._pages.render_tiers(self._list_tiers()), request)

    async def _answer_pay_page(self, path: str, accept: str, request: Request) -> Response:
        token = _PAY.fullmatch(path)
        try:
            status = None if token is None else await self._find_status(bytes.fromhex(token[1]))
        except DATABASE_FAILURES:
            text = b"the database is not available; try again in a minute\n"
            return _build(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", text, request)
        return _build_page(self._pages.render_pay_page(status, accept, int(time.time())), request)

    def _list_tiers(self) -> list[TierLine]:
        ring, limits = self._config.ring, self._config.limits
        return [
            TierLine(
                tier.path,
                tier.price_sat,
                tier.pow_bits,
                min(tier.max_ring or ring.max_size, ring.max_size),
                min(tier.max_kib or limits.max_message_bytes, limits.max_message_bytes // 1024),
            )
            for tier in self._tiers.list_all()
        ]

    def _encode_info(self, tier: Tier) -> bytes:
        page_url = self._find_url().replace("ws", "http", 1) + tier.path
        return msgspec.json.encode(build_info(self._config, tier, self._tiers.list_all(), page_url))


def find_path(request: Request) -> str:
    """Return the path of a request without its query."""
    return request.path.partition("?")[0]


def refuse(status: HTTPStatus, text: str, request: Request) -> Response:
    """Return a plain-text refusal of a request."""
    return _build(status, "text/plain", text.encode(), request)


def _build_page(page: Page, request: Request) -> Response:
    own = {"Connection": "close", "Content-Type": page.type, "Content-Length": str(len(page.body))}
    headers = Headers({**_CORS, **page.headers, **own})
    return Response(page.status.value, page.status.phrase, headers, b"" if request.method == "HEAD" else page.body)


def _build(status: HTTPStatus, type_: str, body: bytes, request: Request) -> Response:
    headers = Headers(_CORS)
    headers["Connection"] = "close"
    headers["Content-Type"] = type_ if type_ == _INFO_TYPE else f"{type_}; charset=utf-8"
    headers["Content-Length"] = str(len(body))
    # The page loads nothing, and no other page may frame it.
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    headers["Referrer-Policy"] = "no-referrer"
    return Response(status.value, status.phrase, headers, b"" if request.method == "HEAD" else body)
