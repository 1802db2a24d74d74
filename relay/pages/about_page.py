"""The pages about the relay: its rules, what it keeps and for how long, the file that signs, what is removed.

They say what the configuration says. Knows no socket and no database.
"""

from collections.abc import Callable
from typing import Any

from relay.config import Config
from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.durations import describe_duration
from relay.pages.headers import build_page
from relay.pages.renderer import Renderer
from relay.pages.report_offer import is_contact_link
from relay.pages.sign_file import find_sign_file
from relay.pages.static_files import find_static_url
from relay.protocol.nip19 import encode_npub


class AboutPages:
    """The pages about one relay. `find_url` gives where clients connect, ws or wss."""

    def __init__(self, config: Config, find_url: Callable[[], str]) -> None:
        self._config = config
        self._find_url = find_url

    async def show_about(self, _: Request, renderer: Renderer) -> Answer:
        """Return what the relay accepts, what it keeps, what it cannot know, and who runs it."""
        config, wait_s = self._config, self._config.privacy.longest_wait_s
        html = renderer.render(
            "about.html",
            **self._describe_operator(),
            **_describe_sign_file(),
            accept=config.accept,
            ring=config.ring,
            limits=config.limits,
            is_sold=any(tier.price_sat for tier in config.tiers),
            delay=describe_duration(wait_s, renderer.translations) if wait_s else "",
            forget_payments=describe_duration(config.invoices.forget_after_s, renderer.translations),
            rewrite_at_hour=config.privacy.rewrite_at_hour,
            is_indexed=config.pages.index,
            url=self._find_url(),
        )
        return build_page(html)

    async def show_sign(self, _: Request, renderer: Renderer) -> Answer:
        """Return how a note is signed with the file that this relay offers, and where it is."""
        return build_page(renderer.render("sign.html", **_describe_sign_file()))

    async def show_takedown(self, _: Request, renderer: Renderer) -> Answer:
        """Return what is removed here, by whom, and whom to ask."""
        return build_page(renderer.render("takedown.html", **self._describe_operator()))

    def _describe_operator(self) -> dict[str, Any]:
        info = self._config.info
        return {
            "description": info.description,
            "contact": info.contact,
            "contact_is_link": is_contact_link(info.contact),
            "npub": encode_npub(bytes.fromhex(info.pubkey)) if info.pubkey else "",
            "onion_url": self._config.server.onion_url,
        }


def _describe_sign_file() -> dict[str, Any]:
    file = find_sign_file()
    return {"sign_file": file, "sign_url": "" if file is None else find_static_url(file.name)}
