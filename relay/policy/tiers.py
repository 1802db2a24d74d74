"""Tiers: what a note costs on which URL path. A table in the configuration is the only source. No I/O."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from relay.limits import Section

ROOT = "/"
MSAT_PER_SAT = 1_000
# The first names in the paths of pages. No tier may have one.
PAGE_NAMES = frozenset(
    (
        "about",
        "feed.atom",
        "key",
        "note",
        "pay",
        "post",
        "prices",
        "ring",
        "robots.txt",
        "sign",
        "static",
        "takedown",
        "verify",
    )
)
_MAX_TIERS = 20
# 1 BTC: anything higher is a typing error. Its msat fit into every integer type in use.
_MAX_PRICE_SAT = 100_000_000


def _check_path(path: str) -> str:
    if not re.fullmatch(r"/([A-Za-z0-9._~-]{1,64})?", path) or path in ("/.", "/.."):
        raise ValueError('must be "/" or one name behind it, such as "/10k": letters, digits and . _ ~ -')
    if path.removeprefix("/") in PAGE_NAMES:
        raise ValueError("must be another: a page of the relay is there")
    return path


class Tier(Section):
    """The price of a note on one path: sats, or proof of work if the price is 0. Ring and size do not change it.

    `max_ring` (members) and `max_kib` (of the note's JSON) narrow the relay's own limits. None keeps those. The path shows
    notes of `shows_from_sat` and above; None, as an operator may leave it, is the lowest price that the path ever had.
    """

    path: Annotated[str, AfterValidator(_check_path)]
    price_sat: Annotated[int, Field(ge=0, le=_MAX_PRICE_SAT)] = 0
    pow_bits: Annotated[int, Field(ge=0, le=64)] = 0
    max_ring: Annotated[int, Field(ge=2)] | None = None
    max_kib: Annotated[int, Field(ge=1)] | None = None
    shows_from_sat: Annotated[int, Field(ge=0, le=_MAX_PRICE_SAT)] | None = None

    @property
    def price_msat(self) -> int:
        """Return the price in millisatoshi."""
        return self.price_sat * MSAT_PER_SAT

    @property
    def min_price_msat(self) -> int:
        """Return the lowest price paid of notes that this path reads, in msat. It is 0, for all notes, at the root path."""
        if self.path == ROOT:
            return 0
        return (self.price_sat if self.shows_from_sat is None else self.shows_from_sat) * MSAT_PER_SAT


# A free tier: the proof of work takes an author no noticeable time, and makes floods expensive.
DEFAULT_TIERS = (Tier(path=ROOT, pow_bits=16),)


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Refuse a set of tiers that is inconsistent. Raises ValueError with what to do."""
    if len(tiers) > _MAX_TIERS:
        raise ValueError(f"must be at most {_MAX_TIERS}")
    paths = [tier.path for tier in tiers]
    if len(set(paths)) < len(paths):
        raise ValueError("must each have a path of their own; one path is given twice")
    if ROOT not in paths:
        raise ValueError('must have one whose path is "/": clients look there first')
    root = next(tier for tier in tiers if tier.path == ROOT)
    if any(tier.price_sat < root.price_sat for tier in tiers):
        raise ValueError('must not be cheaper than the one at "/", which reads everything')
    for tier in tiers:
        if tier.price_sat and tier.pow_bits:
            raise ValueError(f"{tier.path}: pow_bits is for free tiers; what an invoice takes is invoices.pow_bits")
        if tier.shows_from_sat is not None and tier.path == ROOT:
            raise ValueError('/: shows_from_sat is for other paths; "/" shows all notes')
        if tier.shows_from_sat is not None and tier.shows_from_sat > tier.price_sat:
            raise ValueError(
                f"{tier.path}: shows_from_sat must not be above price_sat: what is sold there would not be shown"
            )


class Tiers:
    """The tiers in force. `replace_all` changes them for all later calls."""

    def __init__(self, tiers: Iterable[Tier]) -> None:
        self._by_path: dict[str, Tier] = {}
        self.replace_all(tiers)

    def replace_all(self, tiers: Iterable[Tier]) -> None:
        """Replace the tiers. `check_tiers` must have accepted the new ones."""
        self._by_path = {tier.path: tier for tier in tiers}

    def find_tier(self, path: str) -> Tier | None:
        """Return the tier of a path, None if there is none (any more)."""
        return self._by_path.get(path)

    def list_all(self) -> list[Tier]:
        """Return all tiers, cheapest first."""
        return sorted(self._by_path.values(), key=lambda tier: (tier.price_sat, tier.path))
