"""What an HTTP client accepts: types and languages with their weights (RFC 9110, 12.5). Knows no request and no answer."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
# Browsers send a few.
_MAX_LANGUAGES = 20


class Weight(NamedTuple):
    """How much a media type is wanted. Of two, the larger is wanted more."""

    quality: float
    # 3: the type is named, 2: all of its kind are, such as text/*, 1: any type is, 0: nothing is said of it.
    precision: int
    # The later in the header, the smaller.
    place: int

    @property
    def is_named(self) -> bool:
        """Return whether the header names the type itself."""
        return self.precision == 3


def weigh(accept: str, type_: str) -> Weight:
    """Return how much a type is wanted. The most precise part of the header counts; without a header all are equal."""
    parts = [part for part in accept.split(",") if part.strip()]
    if not parts:
        return Weight(1.0, 0, 0)
    precisions = {type_: 3, f"{type_.partition('/')[0]}/*": 2, "*/*": 1}
    weights = [Weight(0.0, 0, -len(parts))]
    for place, part in enumerate(parts):
        range_, *parameters = (field.strip() for field in part.split(";"))
        if precision := precisions.get(range_.lower(), 0):
            found = [float(match[1]) for match in map(_WEIGHT.fullmatch, parameters) if match]
            weights.append(Weight(found[0] if found else 1.0, precision, -place))
    return max(weights, key=lambda weight: (weight.precision, weight.place))


def find_language(accept_language: str, languages: Sequence[str]) -> str:
    """Return which of the languages an Accept-Language header wants most (RFC 9110, 12.5.4), the first if it wants none.

    A range names all that begin with it (RFC 4647, 3.3.1), and "es-MX" will do with "es". "*" is every language not named.
    """
    wanted: dict[str, float] = {}
    for part in accept_language.split(",")[:_MAX_LANGUAGES]:
        range_, *parameters = (field.strip() for field in part.split(";"))
        weights = [float(match[1]) for match in map(_WEIGHT.fullmatch, parameters) if match]
        name = range_.lower().split("-")[0]
        wanted[name] = max(weights[0] if weights else 1.0, wanted.get(name, 0.0))
    # Of those that are wanted as much, the first in the header.
    found = [
        (quality, language)
        for name, quality in wanted.items()
        for language in languages
        if quality > 0 and (language == name or (name == "*" and language not in wanted))
    ]
    return max(found, key=lambda pair: pair[0], default=(0.0, languages[0]))[1]
