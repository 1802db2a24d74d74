"""The pages of a relay: which one a request asks for. Knows no socket."""

import re
import time
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import cached_property, partial
from http import HTTPStatus

from relay.config import Config
from relay.delivery.visitor import Visitor
from relay.handlers.context import Services
from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.about_page import AboutPages
from relay.pages.cache import PageCache
from relay.pages.headers import add_site_headers, build_page, build_robots
from relay.pages.language import LANGUAGES
from relay.pages.note_files import NoteFiles
from relay.pages.pay_page import PayPages
from relay.pages.post_page import PostPage
from relay.pages.prices_page import list_tiers, render_prices
from relay.pages.reading import Reading
from relay.pages.renderer import Renderer, Renderers
from relay.pages.renderings import Busy, Renderings, TooManyReads
from relay.pages.request_key import make_key, to_request
from relay.pages.shelf import Shelf
from relay.pages.static_files import load_all
from relay.pages.verify_page import render_verify
from relay.policy.tiers import Tiers
from relay.postgres.errors import DATABASE_FAILURES
from relay.protocol.event import DELETION_REQUEST
from relay.storage.note import Note
from relay.storage.page_reader import PageReader
from relay.storage.payments.pay_status import PayStatus
from relay.storage.reader import Reader

# Their pages are for one reader, or cost nothing: neither kept nor counted.
_UNCOUNTED = frozenset({"pay", "robots.txt", "static"})
# There is nothing below these.
_WITHOUT_PARTS = frozenset({"about", "post", "prices", "robots.txt", "sign", "takedown", "verify"})
# When a reader may try again: a network's reads come back one by one.
_RETRY_AFTER_S = 10
_PAY_TOKEN = re.compile(r"[0-9a-f]{32}")
Show = Callable[[Request, Renderer], Awaitable[Answer]]
Post = Callable[[Request, Visitor, Renderer], Awaitable[Answer]]


class Site:
    """The pages by the first name in their paths. `find_status` looks up a pay page's 16-byte token.

    `reader` has connections of its own, so that no client waits for who reads pages.
    """

    def __init__(
        self,
        config: Config,
        tiers: Tiers,
        find_url: Callable[[], str],
        find_status: Callable[[bytes], Awaitable[PayStatus | None]],
        reader: Reader,
        services: Services,
    ) -> None:
        self._config = config
        self._tiers = tiers
        self._find_url = find_url
        self._find_status = find_status
        self._note_files = NoteFiles(partial(_read_event, reader))
        self._renderers = Renderers(config.info.name)
        # Anybody can ask for anything, so it is rendered once.
        self._not_found = {
            renderer.language: build_page(renderer.render("not_found.html"), HTTPStatus.NOT_FOUND)
            for renderer in map(self._renderers.find, LANGUAGES)
        }
        self._reading = Reading(Shelf(PageReader(reader), config, tiers, find_url, lambda: int(time.time())))
        now_s = get_running_loop().time
        self.cache = PageCache(config.pages, now_s, time.time)
        self._renderings = Renderings(now_s)
        post_page = PostPage(config, tiers, services)
        self._forms: dict[str, Post] = {"/post": post_page.post}
        about = AboutPages(config, find_url)
        self._pages: dict[str, Show] = {
            **self._reading.list_pages(),
            "about": about.show_about,
            "note": self._show_note,
            "pay": self._show_pay_page,
            "post": post_page.show,
            "prices": self._show_prices,
            "robots.txt": self._show_robots,
            "sign": about.show_sign,
            "static": self._show_file,
            "takedown": about.show_takedown,
            "verify": self._show_verify,
        }

    @cached_property
    def _pay_pages(self) -> PayPages:
        # Made at the first request, because the port is not known earlier.
        return PayPages(self._find_url(), self._config.privacy.longest_wait_s)

    def has_path(self, path: str) -> bool:
        """Return whether a path is one of a page."""
        return self._find_page(path) is not None

    def takes_forms(self, path: str) -> bool:
        """Return whether a path takes requests by POST."""
        return path in self._forms

    async def respond(self, request: Request, visitor: Visitor) -> Answer:
        """Return the page that a request by GET or HEAD asks for, what a form gets, or that there is no such page.

        Raises Refused for what is no form.
        """
        renderer = self._renderers.find(request.accept_language)
        if request.method == "POST":
            answer = await self._forms[request.path](request, visitor, renderer)
        else:
            answer = await self._find_answer(request, visitor, renderer)
        return add_site_headers(answer, self._config, request)

    def find_kept(self, request: Request) -> Answer | None:
        """Return the answer to a request by GET or HEAD where that takes no rendering."""
        if _find_name(request.path) == "static":
            file = load_all().get(request.path.removeprefix("/static/"))
            return None if file is None else file.answer
        kept = self.cache.find(make_key(request, self._renderers.find(request.accept_language).language))
        return None if kept is None else add_site_headers(kept, self._config, request)

    def see_published(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Yield notes that are being published, and drop what pages showed before each: at once where notes are deleted."""
        for note in notes:
            if note.event.kind == DELETION_REQUEST:
                self.cache.drop_all()
            else:
                self.cache.drop_soon()
            yield note

    async def _find_answer(self, request: Request, visitor: Visitor, renderer: Renderer) -> Answer:
        show = self._find_page(request.path)
        if show is None:
            return self._not_found[renderer.language]
        if _find_name(request.path) in _UNCOUNTED:
            return await show(request, renderer)
        key = make_key(request, renderer.language)

        async def render() -> Answer:
            async with self._renderings.take_turn(visitor):
                return await show(to_request(key), renderer)

        try:
            return await self.cache.get(key, render)
        except TooManyReads:
            return _refuse_read(HTTPStatus.TOO_MANY_REQUESTS, renderer, is_reader=True)
        except Busy:
            return _refuse_read(HTTPStatus.SERVICE_UNAVAILABLE, renderer, is_reader=False)

    def _find_page(self, path: str) -> Show | None:
        if _find_name(path) in _WITHOUT_PARTS and path.count("/") > 1:
            return None
        if self._reading.find_tier(path) is not None:
            return self._reading.show_feed
        return self._pages.get(_find_name(path))

    async def _show_prices(self, _: Request, renderer: Renderer) -> Answer:
        tiers = list_tiers(self._config, self._tiers)
        return render_prices(tiers, self._find_url(), self._config.privacy.longest_wait_s, renderer)

    async def _show_pay_page(self, request: Request, renderer: Renderer) -> Answer:
        token = _PAY_TOKEN.fullmatch(request.path.removeprefix("/pay/"))
        try:
            status = None if token is None else await self._find_status(bytes.fromhex(token[0]))
        except DATABASE_FAILURES:
            return self._pay_pages.render_unavailable(request.accept, renderer)
        return self._pay_pages.render_pay_page(status, request.accept, int(time.time()), renderer)

    async def _show_note(self, request: Request, renderer: Renderer) -> Answer:
        file = await self._note_files.respond(request, renderer)
        return await self._reading.show_note(request, renderer) if file is None else file

    async def _show_verify(self, _: Request, renderer: Renderer) -> Answer:
        return render_verify(renderer)

    async def _show_robots(self, _: Request, __: Renderer) -> Answer:
        return build_robots(self._config.pages.index)

    async def _show_file(self, request: Request, renderer: Renderer) -> Answer:
        file = load_all().get(request.path.removeprefix("/static/"))
        return self._not_found[renderer.language] if file is None else file.answer


async def _read_event(reader: Reader, note_id: bytes) -> bytes | None:
    return await reader.read_event(note_id, int(time.time()))


def _find_name(path: str) -> str:
    """Return the first name in a path."""
    return path.split("/")[1]


def _refuse_read(status: HTTPStatus, renderer: Renderer, *, is_reader: bool) -> Answer:
    html = renderer.render("busy.html", seconds=_RETRY_AFTER_S, is_reader=is_reader)
    return build_page(html, status, headers={"Retry-After": str(_RETRY_AFTER_S)})
