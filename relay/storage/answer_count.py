"""Whether a COUNT (NIP-45) asks for the answers of one target, and what it is told. Knows no SQL."""

from collections.abc import Sequence

from relay.protocol.filter import Filter
from relay.verify.answers import ANSWER_KINDS


def find_target(filters: Sequence[Filter]) -> str | None:
    """Return the target's id if a COUNT asks for its answers: one filter, of one kind of answer and one `#e`."""
    if len(filters) != 1 or filters[0].kinds is None or len(filters[0].kinds) != 1:
        return None
    targets = dict(filters[0].tags).get("e", frozenset())
    return min(targets) if len(targets) == 1 and filters[0].kinds <= ANSWER_KINDS else None
