"""The pages that show notes: which one a path names, in HTML or as a feed. Knows no statement and no template's values."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.feed_page import ATOM_NAME, show_feed, show_feed_atom
from relay.pages.headers import build_page
from relay.pages.key_page import show_key, show_key_atom
from relay.pages.note_page import show_note
from relay.pages.renderer import Renderer
from relay.pages.ring_page import show_ring, show_ring_atom
from relay.pages.shelf import Shelf
from relay.policy.tiers import ROOT, Tier
from relay.protocol.refusal import Rejected

# A page of what a name in the path stands for: "/note/<name>".
ShowNamed = Callable[[Shelf, str, Request, Renderer], Awaitable[Answer]]
Show = Callable[[Request, Renderer], Awaitable[Answer]]


class Reading:
    """The pages that show notes, by the names in their paths."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def list_pages(self) -> dict[str, Show]:
        """Return the pages by the first name in their paths, but for those of tiers."""
        return {"ring": self._show_ring, "key": self._show_key}

    def find_tier(self, path: str) -> Tier | None:
        """Return the tier whose feed is at a path, as a page or as an Atom feed."""
        page = path.removesuffix(f"/{ATOM_NAME}") if path.endswith(f"/{ATOM_NAME}") else path
        return self._shelf.tiers.find_tier(page or ROOT)

    async def show_feed(self, request: Request, renderer: Renderer) -> Answer:
        """Return the feed of the tier that a path names."""
        tier = self.find_tier(request.path)
        if tier is None:
            # Its operator has just taken it away.
            return _show_not_found(renderer)
        show = show_feed_atom if request.path.endswith(f"/{ATOM_NAME}") else show_feed
        return await _answer(show(self._shelf, tier, request, renderer), renderer)

    async def show_note(self, request: Request, renderer: Renderer) -> Answer:
        """Return the page of the note that a path names."""
        return await self._show_named(show_note, None, request, renderer)

    async def _show_ring(self, request: Request, renderer: Renderer) -> Answer:
        return await self._show_named(show_ring, show_ring_atom, request, renderer)

    async def _show_key(self, request: Request, renderer: Renderer) -> Answer:
        return await self._show_named(show_key, show_key_atom, request, renderer)

    async def _show_named(
        self, show_page: ShowNamed, show_atom: ShowNamed | None, request: Request, renderer: Renderer
    ) -> Answer:
        match request.path.split("/")[2:]:
            case [name]:
                show = show_page
            case [name, last] if last == ATOM_NAME and show_atom is not None:
                show = show_atom
            case _:
                return _show_not_found(renderer)
        return await _answer(show(self._shelf, name, request, renderer), renderer)


async def _answer(shown: Awaitable[Answer], renderer: Renderer) -> Answer:
    try:
        return await shown
    except Rejected:
        # The database is away, or what was asked for takes too long.
        return build_page(renderer.render("unavailable.html"), HTTPStatus.SERVICE_UNAVAILABLE)


def _show_not_found(renderer: Renderer) -> Answer:
    return build_page(renderer.render("not_found.html"), HTTPStatus.NOT_FOUND)
