"""The page on which signed notes are posted, by a form or by its script. Knows no socket and no rule about notes."""

from http import HTTPStatus
from typing import Any

from relay.config import Config
from relay.delivery.visitor import Visitor
from relay.handlers.context import Services
from relay.handlers.form import Posted, save_posted
from relay.http.answer import Answer
from relay.http.form import read_posted_form
from relay.http.request import Request
from relay.pages.durations import describe_duration
from relay.pages.headers import build_page, build_redirect
from relay.pages.prices_page import list_tiers
from relay.pages.renderer import Renderer
from relay.policy.pasted_keys import holds_secret_key
from relay.policy.tiers import ROOT, Tiers
from relay.pricing.offer import PaymentRequired
from relay.protocol.event import DELETION_REQUEST, KindClass, classify
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.row import SaveResult

_STATUSES = {
    Prefix.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Prefix.ERROR: HTTPStatus.SERVICE_UNAVAILABLE,
}
_PUBLISHED = (SaveResult.STORED, SaveResult.DUPLICATE)


class PostPage:
    """The page, and what it answers to its form."""

    def __init__(self, config: Config, tiers: Tiers, services: Services) -> None:
        self._config = config
        self._tiers = tiers
        self._services = services

    async def show(self, request: Request, renderer: Renderer) -> Answer:
        """Return the form. The query can name the path to post on, as pages of a path do."""
        return self._render(renderer, HTTPStatus.OK, path=request.query.get("path", ROOT))

    async def post(self, request: Request, visitor: Visitor, renderer: Renderer) -> Answer:
        """Post what a form holds, and return what became of it. Raises Refused for what is no form."""
        fields = read_posted_form(request.body)
        text, path = fields.get("note", ""), fields.get("path", ROOT)
        if holds_secret_key(text):
            # Before anything else is done with it, and it is not sent back.
            problem = renderer.translations.gettext("This is not a note, and it was not posted")
            return self._render(renderer, HTTPStatus.UNPROCESSABLE_ENTITY, path=path, problem=problem, is_key=True)
        try:
            posted = await save_posted(text, path, visitor, self._services)
        except Rejected as rejected:
            return self._render_refused(renderer, text, path, rejected.prefix, str(rejected))
        return self._render_posted(posted, text, path, renderer)

    def _render_posted(self, posted: Posted, text: str, path: str, renderer: Renderer) -> Answer:
        event, result = posted.event, posted.result
        if isinstance(result, PaymentRequired):
            # Below this very address, whatever name of the relay it has, such as its onion service.
            return build_redirect(f"/pay/{result.token.hex()}")
        if not result.accepted:
            return self._render_refused(renderer, text, path, posted.text.partition(":")[0], posted.text)
        if result in _PUBLISHED and classify(event.kind) is not KindClass.EPHEMERAL and event.kind != DELETION_REQUEST:
            return build_redirect(f"/note/{event.id}")
        html = renderer.render(
            "posted.html",
            is_held=result is SaveResult.HELD,
            is_batch_bounded=self._config.privacy.min_batch > 0,
            delay=self._describe_delay(renderer),
            text=posted.text,
            note_id=event.id,
        )
        return build_page(html, HTTPStatus.ACCEPTED, is_private=True)

    def _render_refused(self, renderer: Renderer, text: str, path: str, prefix: str, reason: str) -> Answer:
        problem = renderer.translations.gettext("The relay does not take this note")
        status = _STATUSES.get(Prefix(prefix), HTTPStatus.UNPROCESSABLE_ENTITY)
        return self._render(renderer, status, path=path, text=text, problem=problem, reason=reason)

    def _render(self, renderer: Renderer, status: HTTPStatus, **values: Any) -> Answer:
        tiers = list_tiers(self._config, self._tiers)
        shown = {"text": "", "problem": "", "reason": "", "is_key": False, **values}
        if self._tiers.find_tier(shown["path"]) is None:
            shown["path"] = ROOT
        html = renderer.render(
            "post.html",
            tiers=tiers,
            is_sold=any(tier.price_sat for tier in tiers),
            delay=self._describe_delay(renderer),
            max_bytes=self._config.limits.max_message_bytes,
            **shown,
        )
        return build_page(html, status, is_private=True)

    def _describe_delay(self, renderer: Renderer) -> str:
        wait_s = self._config.privacy.longest_wait_s
        return describe_duration(wait_s, renderer.translations) if wait_s else ""
