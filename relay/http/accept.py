"""What an HTTP client accepts: its Accept header with the weights (RFC 9110, 12.5.1). Knows no request and no answer."""

import re
from typing import NamedTuple

_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


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
