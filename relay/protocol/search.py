"""A ring search: the `search` field of a filter (NIP-50), as terms of our own that must all match. Knows no SQL."""

import re
from typing import NamedTuple
from urllib.parse import unquote

from relay.limits import Limits
from relay.protocol.hex import HEX32, HEX_POINT
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form, RingTerms, Scheme, is_flag

# NIP-50: "two words separated by colon". A URL is not one of these: it is meant as text to search for.
EXTENSION = re.compile(r"([a-z]+):(?!//)(.+)", re.DOTALL)
_PERCENT_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})+", re.DOTALL)
_PATTERNS = {
    "ring": re.compile(HEX32),
    "ringid": re.compile(HEX32),
    "keyimage": re.compile(HEX_POINT),
    "scope": re.compile(r".+", re.DOTALL),
    "scheme": re.compile("|".join(Scheme)),
    "minring": re.compile(r"[1-9][0-9]{0,4}"),
    "binding": re.compile(r"event|message"),
    "form": re.compile("|".join(Form)),
}
SEARCH_KEYS = tuple(_PATTERNS)
# A note has one value or few of each of these. The most selective comes first.
_SELECTIVE = ("ring", "keyimage", "ringid", "scope")


class Term(NamedTuple):
    """One `key:value`. The value of `scope` is percent-decoded, all others are as written."""

    key: str
    value: str


# All terms must match: a search for two values of a property that has one value finds nothing. The empty search finds all.
Search = frozenset[Term]


def parse_search(text: str, limits: Limits) -> Search:
    """Parse a `search`. Extensions that this relay does not know are ignored, as NIP-50 asks.

    Raises Rejected: "unsupported" for a plain word, "invalid" for a value that no ring note can have or too many terms.
    """
    words = text.split()
    if len(words) > limits.max_search_terms:
        raise Rejected(Prefix.INVALID, f"too many terms in a search: at most {limits.max_search_terms}")
    return frozenset(term for term in map(_read_word, words) if term is not None)


def find_values(search: Search, key: str) -> list[str]:
    """Return the values that a search gives for a key, in order."""
    return sorted(term.value for term in search if term.key == key)


def find_selective(search: Search) -> Term | None:
    """Return the most selective term, if any. A note must match all terms, so an index lookup by this one is enough."""
    if not search:
        return None
    for key in _SELECTIVE:
        if values := find_values(search, key):
            return Term(key, values[0])
    return None


def matches_search(search: Search, terms: RingTerms | None, members: frozenset[bytes]) -> bool:
    """Return whether a note with these ring terms matches a search. `members` is the ring as a set."""
    if terms is None:
        return not search
    return all(_matches_term(term, terms, members) for term in search)


def _matches_term(term: Term, terms: RingTerms, members: frozenset[bytes]) -> bool:
    match term.key:
        case "ring":
            return bytes.fromhex(term.value) in members
        case "ringid":
            return terms.ring_id == term.value
        case "keyimage":
            return terms.key_image == term.value
        case "scope":
            return terms.scope == term.value
        case "scheme":
            return terms.scheme == term.value
        case "minring":
            return len(terms.ring) >= int(term.value)
        case "binding":
            return terms.binding == term.value
        case _:
            return terms.form == term.value


def _read_word(word: str) -> Term | None:
    extension = EXTENSION.fullmatch(word)
    if extension is None:
        raise Rejected(
            Prefix.UNSUPPORTED,
            "full-text search is not available; search by ring:, ringid:, keyimage:, scope:, scheme:, minring:, binding: "
            "or form:",
        )
    key, value = extension[1], extension[2]
    if key not in _PATTERNS:
        return None
    if key == "scope":
        value = _decode_scope(value)
    if not _PATTERNS[key].fullmatch(value):
        raise Rejected(
            Prefix.INVALID,
            f"a search has a value for {key}: that no note can have; keys, ids and key images are lower-case hex, and in a "
            "scope white space is written %20 and % is %25",
        )
    return Term(key, value)


def _decode_scope(value: str) -> str:
    """Return the percent-decoded scope, "" for one that no note can have."""
    if not _PERCENT_ENCODED.fullmatch(value):
        return ""
    try:
        scope = unquote(value, errors="strict")
    except UnicodeDecodeError:
        return ""
    return scope if is_flag(scope) else ""
