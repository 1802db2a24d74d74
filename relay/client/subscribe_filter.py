"""Whether what a relay sends is what a filter asks for, by NIP-01 and by what the ring proved. Knows no connection."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from relay.client.keys import BadInput
from relay.event import Event
from relay.filter import Filter, find_facts, matches, parse_filter
from relay.limits import Limits
from relay.verdict import Rejected
from relay.verify.claim import RingProof

# What is sent is for the relay to bound; here the lists are only read.
_READING = Limits(max_filter_values=1_000_000, max_filter_letters=52)
_KNOWN = re.compile(r"ids|authors|kinds|since|until|#[a-zA-Z]")

# How a note's proof answers a term of a search; terms of other names are for the relay alone.
_TERMS: dict[str, Callable[[RingProof, str], bool]] = {
    "ring": lambda proof, value: value in {key.hex() for key in proof.ring},
    "ringid": lambda proof, value: proof.ring_id == value,
    "keyimage": lambda proof, value: proof.key_image == value,
    "scope": lambda proof, value: proof.scope == unquote(value),
    "scheme": lambda proof, value: proof.scheme == value,
    "minring": lambda proof, value: value.isdecimal() and len(proof.ring) >= int(value[:9]),
    "binding": lambda proof, value: proof.binding == value,
    "form": lambda proof, value: proof.form == value,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hold one filter: as it is sent, and as what comes is held against it."""

    sent: Mapping[str, Any]
    filter: Filter
    terms: tuple[tuple[str, str], ...]


def read_wanted(raw: Mapping[str, Any]) -> Wanted:
    """Read a filter. Raises BadInput for one that is wrong by NIP-01; fields it does not know are the relay's alone."""
    search = raw.get("search", "")
    if not isinstance(search, str):
        raise BadInput("--filter: search must be a text")
    words = [word.partition(":") for word in search.split()]
    try:
        known = parse_filter({name: value for name, value in raw.items() if _KNOWN.fullmatch(name)}, _READING)
    except Rejected as rejected:
        raise BadInput(f"the filter is wrong: {rejected.reason}") from None
    return Wanted(raw, known, tuple((name, value) for name, _, value in words if name in _TERMS))


def is_wanted(wanted: Sequence[Wanted], event: Event, proof: RingProof | None) -> bool:
    """Answer whether one of the filters asks for a verified event."""
    facts = find_facts(event, proof)
    return any(
        matches(one.filter, facts) and all(proof is not None and _holds(proof, term) for term in one.terms)
        for one in wanted
    )


def _holds(proof: RingProof, term: tuple[str, str]) -> bool:
    name, value = term
    return _TERMS[name](proof, value)
