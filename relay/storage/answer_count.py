"""Whether a COUNT (NIP-45) asks for the answers of one target, and whether it may. Knows no SQL."""

from collections.abc import Sequence

from relay.protocol.filter import Filter
from relay.protocol.refusal import Prefix, Rejected
from relay.verify.answers import ANSWER_KINDS


def check_answers_alone(filters: Sequence[Filter]) -> None:
    """Refuse a COUNT that would count answers as mere notes. Raises Rejected.

    One member can post any number of notes of these kinds, and has one answer. A filter that names no kind asks for no answers,
    and its notes are counted.
    """
    if find_target(filters) is None and any(map(_asks_for_answers, filters)):
        raise Rejected(
            Prefix.UNSUPPORTED,
            "answers (kinds 7 and 1018) to an #e are counted by ring member: "
            "ask with one filter, for one of these kinds alone and one #e",
        )


def find_target(filters: Sequence[Filter]) -> str | None:
    """Return the target's id if a COUNT asks for its answers: one filter, of one kind of answer and one `#e`."""
    if len(filters) != 1 or filters[0].kinds is None or len(filters[0].kinds) != 1:
        return None
    targets = _list_targets(filters[0])
    return min(targets) if len(targets) == 1 and filters[0].kinds <= ANSWER_KINDS else None


def _asks_for_answers(filter_: Filter) -> bool:
    return filter_.kinds is not None and not ANSWER_KINDS.isdisjoint(filter_.kinds) and bool(_list_targets(filter_))


def _list_targets(filter_: Filter) -> frozenset[str]:
    return dict(filter_.tags).get("e", frozenset())
