"""The page of prices: how posting works, and what it costs on each path. Knows no socket and no database."""

from dataclasses import dataclass

from relay.config import Config
from relay.http.answer import Answer
from relay.pages.durations import describe_duration
from relay.pages.headers import build_page
from relay.pages.renderer import Renderer
from relay.policy.tiers import Tiers


@dataclass(frozen=True, slots=True)
class TierLine:
    """The price of a tier and what it covers. If the price is 0 sat, a note needs proof of work (NIP-13) alone."""

    path: str
    price_sat: int
    pow_bits: int
    max_ring: int
    max_kib: int


def list_tiers(config: Config, tiers: Tiers) -> list[TierLine]:
    """Return the tiers as they are now, with the relay's own limits where they narrow none."""
    ring, limits = config.ring, config.limits
    return [
        TierLine(
            tier.path,
            tier.price_sat,
            tier.pow_bits,
            min(tier.max_ring or ring.max_size, ring.max_size),
            min(tier.max_kib or limits.max_message_bytes, limits.max_message_bytes // 1024),
        )
        for tier in tiers.list_all()
    ]


def render_prices(tiers: list[TierLine], relay_url: str, longest_wait_s: float, renderer: Renderer) -> Answer:
    """Return the page. `relay_url` is where clients connect, `longest_wait_s` how long a note waits for others."""
    base = relay_url.rstrip("/")
    return build_page(
        renderer.render(
            "prices.html",
            rows=[(base + tier.path, tier) for tier in tiers],
            is_sold=any(tier.price_sat for tier in tiers),
            delay=describe_duration(longest_wait_s, renderer.translations) if longest_wait_s else "",
        )
    )
