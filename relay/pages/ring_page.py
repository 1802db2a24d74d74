"""The page of a ring: facts of it, and its notes. Knows no socket."""

from http import HTTPStatus

from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.atom import Feed, build_atom
from relay.pages.headers import build_page
from relay.pages.reader_fields import read_cursor
from relay.pages.renderer import Renderer
from relay.pages.ring_facts import find_ring_facts
from relay.pages.shelf import Shelf
from relay.protocol.filter import Filter
from relay.protocol.hex import is_hex32
from relay.protocol.search import Term


async def show_ring(shelf: Shelf, name: str, request: Request, renderer: Renderer) -> Answer:
    """Return the page of a ring by its id: 404 where it has signed nothing here."""
    oldest = await shelf.store.find_oldest_of_ring(bytes.fromhex(name), shelf.now()) if is_hex32(name) else None
    if oldest is None:
        return build_page(renderer.render("no_ring.html"), HTTPStatus.NOT_FOUND)
    page = await shelf.read_page(_to_filter(name), read_cursor(request.query.get("before", "")))
    html = renderer.render(
        "ring.html",
        # Whichever of its notes: the ring is the same.
        ring=(await shelf.view(oldest)).ring,
        facts=await find_ring_facts(shelf, oldest),
        page=page,
        path=f"/ring/{name}",
        feed_url=f"/ring/{name}/feed.atom",
    )
    return build_page(html, keep_until=page.keep_until)


async def show_ring_atom(shelf: Shelf, name: str, request: Request, renderer: Renderer) -> Answer:
    """Return a ring's notes for feed readers."""
    if not is_hex32(name):
        return await show_ring(shelf, name, request, renderer)
    page = await shelf.read_page(_to_filter(name), None)
    title = renderer.translations.gettext("%(name)s: notes of the ring %(ring)s")
    title %= {"name": renderer.name, "ring": name[:8]}
    feed = Feed(title, f"/ring/{name}", f"/ring/{name}/feed.atom", page.notes, page.keep_until)
    return build_atom(feed, shelf, renderer)


def _to_filter(ring_id: str) -> Filter:
    return Filter(search=frozenset({Term("ringid", ring_id)}))
