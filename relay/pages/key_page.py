"""The page of a key: the notes whose ring has it. It says nothing of who signed them. Knows no socket."""

from http import HTTPStatus

from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.atom import Feed, build_atom
from relay.pages.headers import build_page
from relay.pages.members import make_member
from relay.pages.reader_fields import read_cursor, read_key
from relay.pages.renderer import Renderer
from relay.pages.shelf import Shelf
from relay.protocol.filter import Filter
from relay.protocol.nip19 import encode_npub
from relay.protocol.search import Term


async def show_key(shelf: Shelf, name: str, request: Request, renderer: Renderer) -> Answer:
    """Return the page of a key that is written as npub, nprofile or hex: 404 for what is no key."""
    key = read_key(name)
    if key is None:
        return build_page(renderer.render("no_key.html"), HTTPStatus.NOT_FOUND)
    profiles = await shelf.store.find_profiles([key], shelf.now())
    path = f"/key/{encode_npub(key)}"
    page = await shelf.read_page(_to_filter(key), read_cursor(request.query.get("before", "")))
    html = renderer.render(
        "key.html",
        member=make_member(key, profiles.get(key)),
        npub=encode_npub(key),
        page=page,
        path=path,
        feed_url=f"{path}/feed.atom",
    )
    return build_page(html, keep_until=page.keep_until)


async def show_key_atom(shelf: Shelf, name: str, request: Request, renderer: Renderer) -> Answer:
    """Return the notes whose ring has a key, for feed readers."""
    key = read_key(name)
    if key is None:
        return await show_key(shelf, name, request, renderer)
    page = await shelf.read_page(_to_filter(key), None)
    npub = encode_npub(key)
    title = renderer.translations.gettext("%(name)s: notes whose ring has %(key)s")
    values = {"name": renderer.name, "key": make_member(key, None).short}
    feed = Feed(title % values, f"/key/{npub}", f"/key/{npub}/feed.atom", page.notes, page.keep_until)
    return build_atom(feed, shelf, renderer)


def _to_filter(key: bytes) -> Filter:
    return Filter(search=frozenset({Term("ring", key.hex())}))
