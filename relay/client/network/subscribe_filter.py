"""Whether an event is one that a filter asks for, by the rules of this program's relay. Knows no connection."""

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


def is_asked_for(asked: Sequence[AskedFilter], event: Event, proof: RingProof | None) -> bool:
    """Return whether one of the filters asks for a verified event."""
    facts = find_facts(event, proof)
    return any(matches_filter(one.filter, facts) for one in asked)
