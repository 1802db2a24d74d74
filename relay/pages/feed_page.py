"""The feed of a tier: its notes, newest first, a form that narrows them, and what posting costs there. Knows no socket."""

from http import HTTPStatus

from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.atom import Feed, build_atom
from relay.pages.headers import build_page
from relay.pages.prices_page import TierLine, list_tiers
from relay.pages.reader_fields import Chosen, read_fields
from relay.pages.renderer import Renderer
from relay.pages.shelf import Shelf
from relay.policy.tiers import Tier
from relay.protocol.filter import Filter

# Notes, threads (NIP-7D), polls, comments (NIP-22), articles. Answers are counted at their targets.
FEED_KINDS = frozenset({1, 11, 1068, 1111, 30_023})
ATOM_NAME = "feed.atom"


async def show_feed(shelf: Shelf, tier: Tier, request: Request, renderer: Renderer) -> Answer:
    """Return the feed of a tier as a page. What is wrong in a field is said above the form, and nothing typed is lost."""
    chosen = read_fields(request.query, renderer.translations)
    # Where nothing can match what was meant, nothing is read.
    has_wrong_field = bool(chosen.faults) and (chosen.after is not None or not request.query.get("before"))
    page = None if has_wrong_field else await shelf.read_page(_to_filter(tier, chosen), chosen.after)
    html = renderer.render(
        "feed.html",
        path=tier.path,
        chosen=chosen,
        is_chosen=bool(chosen.query),
        page=page,
        prices=_list_prices(shelf, tier),
        other_paths=[other.path for other in shelf.tiers.list_all() if other.path != tier.path],
        feed_url=_find_feed_path(tier, chosen),
    )
    status = HTTPStatus.BAD_REQUEST if chosen.faults else HTTPStatus.OK
    return build_page(html, status, keep_until=None if page is None else page.keep_until)


async def show_feed_atom(shelf: Shelf, tier: Tier, request: Request, renderer: Renderer) -> Answer:
    """Return the feed of a tier for feed readers, narrowed by the same fields."""
    chosen = read_fields(request.query, renderer.translations)
    if chosen.faults:
        return await show_feed(shelf, tier, request, renderer)
    page = await shelf.read_page(_to_filter(tier, chosen), chosen.after)
    suffix = f"?{chosen.query}" if chosen.query else ""
    feed = Feed(renderer.name, tier.path + suffix, _find_feed_path(tier, chosen), page.notes, page.keep_until)
    return build_atom(feed, shelf, renderer)


def _to_filter(tier: Tier, chosen: Chosen) -> Filter:
    """Return what a feed shows: what is written to be read, or, of a ring, a key or a price, all that there is."""
    if not chosen.terms and not tier.min_price_msat:
        return Filter(kinds=FEED_KINDS)
    return Filter(search=chosen.terms, min_price_msat=tier.min_price_msat)


def _find_feed_path(tier: Tier, chosen: Chosen) -> str:
    return f"{tier.path.rstrip('/')}/{ATOM_NAME}" + (f"?{chosen.query}" if chosen.query else "")


def _list_prices(shelf: Shelf, tier: Tier) -> TierLine:
    return next(line for line in list_tiers(shelf.config, shelf.tiers) if line.path == tier.path)
