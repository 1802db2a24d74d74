"""The public port's HTTP answers: info documents (NIP-11), else the pages. Knows no socket."""

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from relay.config import Config
from relay.delivery.visitor import Visitor
from relay.gateway.info import build_info
from relay.http.accept import weigh
from relay.http.answer import Answer, Refused, answer_options, build_answer, refuse
from relay.http.head import Head
from relay.http.request import Request
from relay.pages.site import Site
from relay.policy.tiers import Tier, Tiers

_INFO_TYPE, _PAGE_TYPE = "application/nostr+json", "text/html"


class Web:
    """The answers to HTTP requests that are not a WebSocket handshake."""

    def __init__(self, config: Config, tiers: Tiers, find_url: Callable[[], str], site: Site) -> None:
        self._config = config
        self._tiers = tiers
        self._find_url = find_url
        self._site = site

    def leads_to_websocket(self, head: Head) -> bool:
        """Return whether a request is a handshake, and does not ask for the info document. Raises Refused on other paths."""
        if head.is_handshake and self._tiers.find_tier(head.path) is None:
            raise Refused(refuse(HTTPStatus.NOT_FOUND, "not found; the relay is at /"))
        return head.is_handshake and not _wants_info(head.accept)

    def takes_forms(self, path: str) -> bool:
        """Return whether a path takes requests by POST."""
        return self._site.takes_forms(path)

    def find_kept(self, head: Head) -> Answer | None:
        """Return the answer to a request, from its head alone, where that takes no work; None where it may."""
        has_body = head.headers.keys() & {"content-length", "transfer-encoding", "expect"}
        if head.method not in ("GET", "HEAD") or head.is_handshake or has_body or not head.target.startswith("/"):
            return None
        if self._tiers.find_tier(head.path) is not None and _wants_info(head.accept):
            return None
        language, host = head.join("accept-language"), head.join("host")
        return self._site.find_kept(Request(head.method, head.target, head.accept, language, host=host))

    async def respond(self, request: Request, visitor: Visitor) -> Answer:
        """Return the answer to a request by GET, HEAD or OPTIONS, or by POST where the path takes it. May raise Refused."""
        tier = self._tiers.find_tier(request.path)
        if request.method == "OPTIONS":
            # RFC 9110, 9.3.7: "*" is the whole server.
            if request.target != "*" and not self._site.has_path(request.path):
                return refuse(HTTPStatus.NOT_FOUND, "not found; the relay is at /")
            return answer_options(takes_forms=self._site.takes_forms(request.path))
        if tier is not None and _wants_info(request.accept):
            return build_answer(HTTPStatus.OK, _INFO_TYPE, self._encode_info(tier))
        return await self._site.respond(request, visitor)

    def _encode_info(self, tier: Tier) -> bytes:
        page_url = self._find_url().replace("ws", "http", 1) + tier.path
        return msgspec.json.encode(build_info(self._config, tier, self._tiers.list_all(), page_url))


def _wants_info(accept: str) -> bool:
    """Return whether the info document is wanted. A browser, which names neither type or both kinds, gets the page."""
    info, page = weigh(accept, _INFO_TYPE), weigh(accept, _PAGE_TYPE)
    # NIP-11: whoever names it gets it, unless something else is wanted more.
    return info.quality > page.quality or (info.quality == page.quality > 0 and info.is_named)
