"""Whether filters ask for an event, by the rules of this program's relay, and for how many. Knows no connection."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.client.terminal.bad_input import BadInput
from relay.limits import Limits
from relay.protocol.event import Event
from relay.protocol.filter import Filter, find_facts, matches_filter, parse_filter
from relay.protocol.refusal import Rejected
from relay.protocol.search import EXTENSION
from relay.verify.claim import RingProof

# A relay has its own limits for the filters it gets. Here they are only read.
_READING = Limits(max_filter_values=1_000_000, max_filter_letters=52, max_search_terms=1_000)
_KNOWN = re.compile(r"ids|authors|kinds|since|until|search|#[a-zA-Z]")


@dataclass(frozen=True, slots=True)
class AskedFilter:
    """One filter: as it is sent, and as events are matched with it."""

    sent: Mapping[str, Any]
    filter: Filter


def parse_asked_filter(raw: Mapping[str, Any]) -> AskedFilter:
    """Return a filter, decoded. Fields and words unknown here are left to the relay. Raises BadInput."""
    known = {name: value for name, value in raw.items() if _KNOWN.fullmatch(name)}
    if isinstance(known.get("search"), str):
        # Other relays search for words, too; a ringrelay knows `key:value` only.
        known["search"] = " ".join(word for word in known["search"].split() if EXTENSION.fullmatch(word))
    try:
        return AskedFilter(raw, parse_filter(known, _READING))
    except Rejected as rejected:
        raise BadInput(f"the filter is wrong: {rejected.reason}") from None


class Asked:
    """The filters, and how many stored notes each may still bring.

    Relays send more than a filter's limit where notes share a second (NIP-67).
    """

    def __init__(self, filters: Sequence[AskedFilter]) -> None:
        self.filters = filters
        limits = [one.sent.get("limit") for one in filters]
        self._room = [limit if isinstance(limit, int) else None for limit in limits]

    def find_matching(self, event: Event, proof: RingProof | None) -> list[int]:
        """Return which of the filters ask for a verified event."""
        facts = find_facts(event, proof)
        return [number for number, one in enumerate(self.filters) if matches_filter(one.filter, facts)]

    def take_room(self, matching: Sequence[int]) -> bool:
        """Count a note, and return whether one of the filters that match had room for it."""
        rooms = [self._room[number] for number in matching]
        for number, room in zip(matching, rooms, strict=True):
            if room is not None:
                self._room[number] = room - 1
        return any(room is None or room > 0 for room in rooms)

    @property
    def is_limited(self) -> bool:
        """Return whether a filter has a limit."""
        return any(room is not None for room in self._room)

    def lift_limits(self) -> None:
        """Count no more notes: what comes now is not stored."""
        self._room = [None] * len(self._room)
