"""What a run measures: which figures, in how many rounds, with how much of a load. All loads are bounded here."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.corpus import Part
from bench.figures import Rate, acknowledge, connect, deliver, list_queries, post
from bench.held import list_held_rates
from bench.parts import SHAPES, name_part, read_shape

SEED = 14
# The sizes of rings, and how many notes over such a ring are posted in a round.
_RINGS = {10: 800, 100: 120, 1_000: 16}


@dataclass(frozen=True)
class Plan:
    """The sizes of a run. `only` keeps the figures with such names; all, where it is empty."""

    rounds: int = 5
    stores: tuple[int, ...] = (20_000, 1_000_000)
    only: tuple[str, ...] = ()
    # By which all loads are divided.
    shrink: int = 1

    def wants(self, name: str) -> bool:
        """Return whether a figure is to be measured."""
        return not self.only or any(name.startswith(wanted) for wanted in self.only)

    def _select(self, rates: Iterable[Rate]) -> list[Rate]:
        return [rate for rate in rates if self.wants(rate.name)]

    def list_store_rates(self) -> list[Rate]:
        """Return what is measured on stores of each size."""
        return self._select(
            [
                post("ingest", "plain", 8_000 // self.shrink),
                acknowledge(300 // self.shrink),
                *list_queries(600 // self.shrink),
            ]
        )

    def list_query_rates(self) -> list[Rate]:
        """Return what is measured again where no query is answered from memory."""
        return self._select(list_queries(600 // self.shrink))

    def list_ring_rates(self) -> list[Rate]:
        """Return what is measured of ring notes, published at once."""
        return self._select(
            post(f"ring{size}_{shape}", name_part(size, shape), max(4, count // self.shrink), size)
            for size, count in _RINGS.items()
            for shape in SHAPES
        )

    def list_connection_rates(self) -> list[Rate]:
        """Return what is measured of connections, on a relay that has had none."""
        return self._select([connect(2_000 // self.shrink)])

    def list_held_rates(self) -> list[Rate]:
        """Return what is measured of ring notes that wait for a batch."""
        return self._select(list_held_rates(800 // self.shrink))

    def list_live_rates(self) -> list[Rate]:
        """Return what is measured of subscribers and connections."""
        return self._select(
            [
                deliver("fanout500", 500, 200 // self.shrink),
                deliver("fanout5000", 5_000 // self.shrink, 40),
                deliver("paced", 100, 100 // self.shrink, 50.0),
            ]
        )


def list_parts(groups: Sequence[Sequence[Rate]], rounds: int, more: Sequence[Part] = ()) -> list[Part]:
    """Return the parts of a corpus that is enough for each group of figures, and for what else is posted."""
    counts: Counter[str] = Counter()
    for rates in groups:
        needed: Counter[str] = Counter()
        for rate in rates:
            needed.update({part: count * rounds for part, count in rate.needs.items()})
        counts |= needed
    for part in more:
        counts[part.name] = max(counts[part.name], part.count)
    return [Part(name, count, *read_shape(name)) for name, count in sorted(counts.items())]
