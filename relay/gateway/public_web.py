"""The public port's HTTP answers: info documents (NIP-11), pages for people, 404 for the rest. Knows no socket."""

import re
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from http import HTTPStatus

import msgspec

from relay.config import Config
from relay.gateway.info import build_info
from relay.http.accept import weigh
from relay.http.answer import Answer, build_answer, refuse
from relay.http.head import Head, find_path
from relay.pages.pay_page import Page, PayPages, TierLine
from relay.policy.tiers import Tier, Tiers
from relay.postgres.errors import DATABASE_FAILURES
from relay.storage.payments.pay_status import PayStatus

_INFO_TYPE, _PAGE_TYPE = "application/nostr+json", "text/html"
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
        return PayPages(self._config.info.name, self._find_url(), self._config.privacy.longest_wait_s)

    def leads_to_websocket(self, head: Head) -> bool:
        """Return whether a request is a handshake on a path that exists, and does not ask for the info document."""
        return head.is_handshake and self._tiers.find_tier(head.path) is not None and not _wants_info(head.accept)

    async def respond(self, method: str, target: str, accept: str) -> Answer:
        """Return the answer to a request by GET, HEAD or OPTIONS. `accept` is its Accept header."""
        path = find_path(target)
        tier = self._tiers.find_tier(path)
        is_pay_page = path.startswith(_PAY_PREFIX)
        # NIP-01: a path that does not change the relay's behaviour does not exist. RFC 9110, 9.3.7: "*" is the whole server.
        if tier is None and not is_pay_page and (method, target) != ("OPTIONS", "*"):
            return refuse(HTTPStatus.NOT_FOUND, "not found; the relay is at /")
        if method == "OPTIONS":
            return build_answer(HTTPStatus.NO_CONTENT, "text/plain; charset=utf-8", b"")
        if tier is None:
            return await self._answer_pay_page(path, accept)
        if _wants_info(accept):
            return build_answer(HTTPStatus.OK, _INFO_TYPE, self._encode_info(tier))
        return _build_page(self._pages.render_tiers(self._list_tiers()))

    async def _answer_pay_page(self, path: str, accept: str) -> Answer:
        token = _PAY.fullmatch(path)
        try:
            status = None if token is None else await self._find_status(bytes.fromhex(token[1]))
        except DATABASE_FAILURES:
            text = "the database is not available; try again in a minute"
            return refuse(HTTPStatus.SERVICE_UNAVAILABLE, text)
        return _build_page(self._pages.render_pay_page(status, accept, int(time.time())))

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


def _wants_info(accept: str) -> bool:
    """Return whether the info document is wanted. A browser, which names neither type or both kinds, gets the page."""
    info, page = weigh(accept, _INFO_TYPE), weigh(accept, _PAGE_TYPE)
    # NIP-11: whoever names it gets it, unless something else is wanted more.
    return info.quality > page.quality or (info.quality == page.quality > 0 and info.is_named)


def _build_page(page: Page) -> Answer:
    return build_answer(page.status, page.type, page.body, page.headers)
