"""A filter (NIP-01): parsed strictly from JSON, and matched with an event. Knows no SQL and no connection."""

from dataclasses import dataclass
from typing import Any

import msgspec

from relay.limits import Limits
from relay.protocol.event import MAX_TIMESTAMP, Event, is_tag_letter
from relay.protocol.hex import is_hex32
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import RingTerms
from relay.protocol.search import Search, matches_search, parse_search

# NIP-01: "#e" and "#p" values are exact 64-character lower-case hex.
_HEX_TAG_LETTERS = frozenset("ep")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One filter. None means that a field is absent. An empty set matches nothing (NIP-01), except an empty search."""

    ids: frozenset[str] | None = None
    authors: frozenset[str] | None = None
    kinds: frozenset[int] | None = None
    tags: tuple[tuple[str, frozenset[str]], ...] = ()
    search: Search = frozenset()
    since: int | None = None
    until: int | None = None
    limit: int | None = None
    # Set from the path of the connection, not by the client: the lowest price paid that the path reads, in msat.
    min_price_msat: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters compare of a note: `tags` are first values by letter, `members` its ring.

    A note whose price paid was upgraded is new only to filters whose minimum is above `previous_price_msat`.
    """

    event: Event
    tags: dict[str, set[str]]
    ring_terms: RingTerms | None
    members: frozenset[bytes]
    price_paid_msat: int = 0
    previous_price_msat: int = -1


def parse_filter(raw: Any, limits: Limits) -> Filter:
    """Return a filter from decoded JSON.

    Raises Rejected: "invalid" for a bad value, "unsupported" for a field that this relay does not know.
    """
    if not isinstance(raw, dict):
        raise Rejected(Prefix.INVALID, "a filter must be a JSON object")
    # Count before building anything, so that a hostile filter costs no more than its own parsing. Each list apart: a feed
    # of many authors also names kinds. What all of them may hold together is bounded where the filters are opened.
    if any(len(value) > limits.max_filter_values for value in raw.values() if isinstance(value, list)):
        raise Rejected(Prefix.INVALID, f"too many values in one list of a filter: at most {limits.max_filter_values}")
    fields: dict[str, Any] = {}
    tags: list[tuple[str, frozenset[str]]] = []
    for name, value in raw.items():
        match name:
            case "ids" | "authors":
                fields[name] = _read_hex_list(name, value)
            case "kinds":
                fields[name] = _read_kinds(value)
            case "since" | "until":
                fields[name] = _read_integer(name, value, MAX_TIMESTAMP)
            case "limit":
                # Clamped, not refused: a client that asks for too much should get what the relay can give.
                fields[name] = min(_read_integer(name, value, None), limits.max_limit)
            case "search":
                fields[name] = _read_search(value, limits)
            case _ if len(name) == 2 and name[0] == "#" and is_tag_letter(name[1]):
                tags.append((name[1], _read_tag_values(name[1], value)))
            case _:
                raise Rejected(
                    Prefix.UNSUPPORTED,
                    "the filter has a field that this relay does not know; use the fields of NIP-01, and search",
                )
    # Each further letter is one more condition on every candidate row, and one more shape of query.
    if len(tags) > limits.max_filter_letters:
        raise Rejected(Prefix.INVALID, f"too many tag letters in a filter: at most {limits.max_filter_letters}")
    return Filter(**fields, tags=tuple(sorted(tags, key=lambda tag: tag[0])))


def count_values(filter_: Filter) -> int:
    """Count the values in a filter's lists and its search."""
    lists = (filter_.ids, filter_.authors, filter_.kinds, *(values for _, values in filter_.tags))
    return sum(len(values) for values in lists if values is not None) + len(filter_.search)


def with_min_price(filters: tuple[Filter, ...], min_price_msat: int) -> tuple[Filter, ...]:
    """Return filters that match only notes for which at least this price (msat) was paid."""
    return (
        tuple(msgspec.structs.replace(filter_, min_price_msat=min_price_msat) for filter_ in filters)
        if any(filter_.min_price_msat != min_price_msat for filter_ in filters)
        else filters
    )


def find_facts(
    event: Event, ring_terms: RingTerms | None, price_paid_msat: int = 0, previous_price_msat: int = -1
) -> Facts:
    """Return what filters compare of a note. It is computed once for all filters."""
    tags: dict[str, set[str]] = {}
    for letter, value in event.indexed_tags:
        tags.setdefault(letter, set()).add(value)
    return Facts(
        event,
        tags,
        ring_terms,
        frozenset() if ring_terms is None else frozenset(ring_terms.ring),
        price_paid_msat,
        previous_price_msat,
    )


def matches_filter(filter_: Filter, facts: Facts) -> bool:
    """Return whether a note matches every field of a filter; `limit` is ignored (NIP-01)."""
    event, tags = facts.event, facts.tags
    return (
        facts.previous_price_msat < filter_.min_price_msat <= facts.price_paid_msat
        and (filter_.since is None or event.created_at >= filter_.since)
        and (filter_.until is None or event.created_at <= filter_.until)
        and (filter_.kinds is None or event.kind in filter_.kinds)
        and (filter_.authors is None or event.pubkey in filter_.authors)
        and (filter_.ids is None or event.id in filter_.ids)
        and all(letter in tags and not values.isdisjoint(tags[letter]) for letter, values in filter_.tags)
        and (not filter_.search or matches_search(filter_.search, facts.ring_terms, facts.members))
    )


def _read_search(value: Any, limits: Limits) -> Search:
    if not isinstance(value, str):
        raise Rejected(Prefix.INVALID, "search must be a string: send text")
    return parse_search(value, limits)


def _read_hex_list(name: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and is_hex32(item) for item in value):
        raise Rejected(Prefix.INVALID, f"{name} must be a list of 64-character lower-case hex strings")
    return frozenset(value)


def _read_kinds(value: Any) -> frozenset[int]:
    if not isinstance(value, list) or not all(_is_integer(item) and 0 <= item <= 65535 for item in value):
        raise Rejected(Prefix.INVALID, "kinds must be a list of integers from 0 to 65535")
    return frozenset(value)


def _read_tag_values(letter: str, value: Any) -> frozenset[str]:
    if letter in _HEX_TAG_LETTERS:
        return _read_hex_list("#" + letter, value)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Rejected(Prefix.INVALID, f"#{letter} must be a list of strings")
    return frozenset(value)


def _read_integer(name: str, value: Any, maximum: int | None) -> int:
    if not _is_integer(value) or value < 0 or (maximum is not None and value > maximum):
        raise Rejected(Prefix.INVALID, f"{name} must be a whole number, 0 or more")
    return int(value)


def _is_integer(value: Any) -> bool:
    # JSON `true` decodes to bool, which is a subclass of int.
    return isinstance(value, int) and not isinstance(value, bool)
