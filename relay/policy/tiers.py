"""Tiers: what a note costs on which URL path. One table in the configuration is the only source for all who ask. No I/O."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from relay.limits import Section

ROOT = "/"
MSAT_PER_SAT = 1_000
# Below the path of pay pages nothing else may be.
_RESERVED = "pay"
_MAX_TIERS = 20
# 1 BTC: a price above it is a slip of the keyboard, and msat of it fit all integers on the way.
_MAX_PRICE_SAT = 100_000_000


def _check_path(path: str) -> str:
    if not re.fullmatch(r"/([A-Za-z0-9._~-]{1,64})?", path) or path in ("/.", "/.."):
        raise ValueError('must be "/" or one name behind it, such as "/10k": letters, digits and . _ ~ -')
    if path == f"/{_RESERVED}":
        raise ValueError("must be another: pay pages are there")
    return path


class Tier(Section):
    """Say what a note costs on one path: proof of work where the price is 0, else sats, whatever its ring and its size.

    `max_ring` (members) and `max_kib` (of the note's JSON) narrow the relay's own limits; None leaves them as they are.
    """

    path: Annotated[str, AfterValidator(_check_path)]
    price_sat: Annotated[int, Field(ge=0, le=_MAX_PRICE_SAT)] = 0
    pow_bits: Annotated[int, Field(ge=0, le=64)] = 0
    max_ring: Annotated[int, Field(ge=2)] | None = None
    max_kib: Annotated[int, Field(ge=1)] | None = None

    @property
    def price_msat(self) -> int:
        """Return the price in millisatoshi."""
        return self.price_sat * MSAT_PER_SAT

    @property
    def min_price_msat(self) -> int:
        """Return the lowest rank of notes that are read here (msat); 0 reads everything, as the root does at any price."""
        return 0 if self.path == ROOT else self.price_msat


# The open door: what a note takes to mine keeps nobody waiting, and floods are dear.
DEFAULT_TIERS = (Tier(path=ROOT, pow_bits=16),)


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Refuse tiers that do not fit together. Raises ValueError with what to do."""
    if len(tiers) > _MAX_TIERS:
        raise ValueError(f"must be at most {_MAX_TIERS}")
    paths = [tier.path for tier in tiers]
    if len(set(paths)) < len(paths):
        raise ValueError("must have a path of its own each; one path is given twice")
    if ROOT not in paths:
        raise ValueError('must have one whose path is "/": clients look there first')
    root = next(tier for tier in tiers if tier.path == ROOT)
    if any(tier.price_sat < root.price_sat for tier in tiers):
        raise ValueError('must not be cheaper than the one at "/", which reads everything')
    for tier in tiers:
        if tier.price_sat and tier.pow_bits:
            raise ValueError(f"{tier.path}: pow_bits is for free tiers; what an invoice takes is invoices.pow_bits")


class Tiers:
    """The tiers that are in force; `replace` puts others there, and whoever asks next gets those."""

    def __init__(self, tiers: Iterable[Tier]) -> None:
        self._by_path: dict[str, Tier] = {}
        self.replace(tiers)

    def replace(self, tiers: Iterable[Tier]) -> None:
        """Put other tiers, which were checked, in the place of these."""
        self._by_path = {tier.path: tier for tier in tiers}

    def find_tier(self, path: str) -> Tier | None:
        """Return the tier of a path, None where there is none (any more)."""
        return self._by_path.get(path)

    def list_all(self) -> list[Tier]:
        """Return the tiers, cheapest first."""
        return sorted(self._by_path.values(), key=lambda tier: (tier.price_sat, tier.path))
