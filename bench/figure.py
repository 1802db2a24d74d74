"""A figure: what was measured of one relay in some rounds, and its median, lowest and highest. Knows no relay and no load."""

import statistics
from collections.abc import Iterable, Sequence

import msgspec

# What a round gives: names with units, as in `per_s`, `relay_us` or `p99_ms`.
Measures = dict[str, float]


class Spread(msgspec.Struct, frozen=True):
    """The median of some rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float


class Figure(msgspec.Struct, frozen=True):
    """What was measured, on what (as `20,000 notes` or `prototype`), and its spreads by the names of the measures."""

    name: str
    subject: str
    rounds: int
    measures: dict[str, Spread]


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of a measure."""
    return Spread(statistics.median(values), min(values), max(values))


def to_figure(name: str, subject: str, rounds: Sequence[Measures]) -> Figure:
    """Return the figure of some rounds; a measure can be missing in some of them."""
    names = dict.fromkeys(key for measures in rounds for key in measures)
    return Figure(
        name,
        subject,
        len(rounds),
        {key: spread([measures[key] for measures in rounds if key in measures]) for key in names},
    )


def find_percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which such a share of all is (the nearest rank), 0.5 for the median."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
