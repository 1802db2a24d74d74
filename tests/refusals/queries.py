"""Refusals of queries, and of frames that are no message."""

import json
from collections.abc import Callable
from functools import partial

from tests.refusals.case import Case, Elsewhere, Message, Variant, Way

_SPECIAL = "tests/refusals/test_circumstances.py"
_VERBS = ("REQ", "COUNT")


def _ask(name: str, **filters: object) -> dict[str, Way]:
    """Return a REQ and a COUNT with a filter each; `word` stands for the variant's own word."""

    def fill(value: object, variant: Variant) -> object:
        if isinstance(value, list):
            return [fill(item, variant) for item in value]
        return variant.word if value == "word" else value

    def make(verb: str) -> Way:
        return lambda v: [verb, v.word, {field: fill(value, v) for field, value in filters.items()}]

    return {f"{verb} {name}": make(verb) for verb in _VERBS}


def _both(name: str, send: Callable[[str, Variant], Message | tuple[Message, ...]]) -> dict[str, Way]:
    """Return what is sent of a REQ, and of a COUNT."""
    return {f"{verb} {name}": partial(send, verb) for verb in _VERBS}


QUERIES = [
    Case(
        'invalid: a message must be a JSON array of Unicode text, such as ["REQ", "id", {}]',
        "A frame is not a JSON array, is not Unicode, or is nested too deep.",
        "Send a JSON array. Half a surrogate pair, as a text cut in the middle of an emoji leaves it, is not Unicode.",
        {
            "no JSON": lambda v: v.word,
            "no array": lambda v: json.dumps({v.word: 1}),
            "too deep": lambda v: "[" * (3_000 + v.number),
            "half a surrogate pair": lambda v: f'["REQ","{v.word}",{{"#t":["\\ud83d"]}}]',
        },
    ),
    Case(
        "invalid: unknown message; this relay knows {verbs}",
        "The array does not begin with a verb that this relay knows.",
        "Use one of these.",
        {"an unknown verb": lambda v: [v.word], "an empty array": lambda _: []},
    ),
    Case(
        "invalid: binary frames are not understood; send text frames",
        "A WebSocket message is binary.",
        "Send it as text.",
        {"binary": lambda v: v.word.encode()},
    ),
    Case(
        "invalid: the subscription id must be a string of 1 to {limits.max_subscription_id_chars} characters",
        "The id of a REQ, COUNT or CLOSE is missing, empty, too long or not text. If it is text, the answer has it in full.",
        "Use another id.",
        {
            **_both("of a long id", lambda verb, v: [verb, v.word * 20, {}]),
            "a CLOSE of a long id": lambda v: ["CLOSE", v.word * 20],
            "a subscription id that is no text": lambda v: ["REQ", {"word": v.word}, {}],
            "no subscription id": lambda v: ["CLOSE", [v.word]],
        },
    ),
    Case(
        "blocked: this relay offers no sync (NIP-77); ask for events with REQ",
        "A client sent NEG-OPEN or NEG-MSG. The answer is a NEG-ERR.",
        "Read with REQ and page by `until`, or sync with another relay.",
        {
            "NEG-OPEN": lambda v: ["NEG-OPEN", v.word, {"authors": [v.pubkey]}, "61"],
            "NEG-MSG": lambda v: ["NEG-MSG", v.word, "61"],
        },
    ),
    Case(
        "invalid: the subscription id must be a string",
        "The id of a NEG-OPEN or NEG-MSG is missing or not text.",
        "Use REQ: this relay offers no sync (NIP-77).",
        {"a sync without an id": lambda v: ["NEG-OPEN", [v.word]]},
    ),
    Case(
        "invalid: send from 1 to {limits.max_filters} filters",
        "A REQ or COUNT has no filter, or too many.",
        "Merge filters, or open another subscription.",
        {
            **_both("without a filter", lambda verb, v: [verb, v.word]),
            **_both("of many filters", lambda verb, v: [verb, v.word, *[{}] * (11 + v.number)]),
        },
    ),
    Case(
        "invalid: a filter must be a JSON object",
        "An element after the subscription id is not an object.",
        "Send an object: `{}` asks for everything.",
        _both("of a word", lambda verb, v: [verb, v.word, v.word]),
    ),
    Case(
        "unsupported: the filter has a field that this relay does not know; use the fields of NIP-01, and search",
        "A filter has another field than ids, authors, kinds, since, until, limit, search and `#` with one letter.",
        "Leave it out: the relay does not guess what it would mean.",
        {
            **_both("by an unknown field", lambda verb, v: [verb, v.word, {v.word: [v.word]}]),
            **_both("by a long tag", lambda verb, v: [verb, v.word, {"#" + v.word: [v.word]}]),
        },
    ),
    Case(
        "unsupported: full-text search is not available; search by ring:, ringid:, keyimage:, scope:, scheme:, minring:, "
        "binding: or form:",
        "A filter's `search` holds a word that is no `key:value`.",
        "Leave the word out. What can be searched for are properties of ring notes.",
        _ask("by a word", search="word"),
    ),
    Case(
        "invalid: a search has a value for {key}: that no note can have; keys, ids and key images are lower-case hex, and in "
        "a scope white space is written %20 and % is %25",
        "A term of a `search` has a value of the wrong shape, or one that is not on the list.",
        "Correct the value: no npub, no upper case; schemes, forms and bindings are in `docs/ring-notes.md`.",
        {
            **_ask("by a bad ring", search="ring:word"),
            **_ask("by a bad scope", search="scope:100%"),
            **_ask("by a bad form", search="form:A"),
        },
    ),
    Case(
        "invalid: too many terms in a search: at most {limits.max_search_terms}",
        "A `search` has too many terms, those included that are ignored.",
        "Ask for fewer at once.",
        _ask("by many terms", search="scheme:sag " * 11),
    ),
    Case(
        "invalid: search must be a string: send text",
        "A filter's `search` is something else.",
        "Send one text with all terms.",
        _ask("by a bad search", search=["word"]),
    ),
    Case(
        "invalid: {name} must be a list of 64-character lower-case hex strings",
        "`ids`, `authors`, `#e` or `#p` hold something else.",
        "Send full keys and ids: no npub, no prefix.",
        {
            **_ask("by bad ids", ids=["word"]),
            **_ask("by bad authors", authors=["word"]),
            **_ask("by a bad #e", **{"#e": ["word"]}),
        },
    ),
    Case(
        "invalid: kinds must be a list of integers from 0 to 65535",
        "`kinds` holds something else.",
        "Correct the list.",
        {**_ask("by bad kinds", kinds=["word"]), **_ask("by a large kind", kinds=[65_536])},
    ),
    Case(
        "invalid: #{letter} must be a list of strings",
        "A tag filter holds something else.",
        "Correct the list: numbers are written as strings.",
        _ask("by a bad #t", **{"#t": [1]}),
    ),
    Case(
        "invalid: {name} must be a whole number, 0 or more",
        "`since`, `until` or `limit` is something else.",
        "Send Unix seconds, or a number of events.",
        {
            **_ask("by a bad since", since="word"),
            **_ask("by a bad until", until=-1),
            **_ask("by a bad limit", limit="word"),
        },
    ),
    Case(
        "invalid: too many values in one list of a filter: at most {limits.max_filter_values}",
        "One list of a filter holds too many values.",
        "Ask for fewer, or in several filters.",
        _ask("by many values", kinds=[*range(2_001)]),
    ),
    Case(
        "invalid: too many tag letters in a filter: at most {limits.max_filter_letters}",
        "One filter asks for too many different tags.",
        "Ask for fewer at once.",
        _ask("by many letters", **{f"#{letter}": ["word"] for letter in "abcdfg"}),
    ),
    Case(
        "rate-limited: send at most {limits.reqs_per_s} REQs a second; wait and try again",
        "One connection sends REQs and COUNTs faster than the operator allows, beyond a burst.",
        "Wait, then ask again.",
        _both("too often", lambda verb, v: (["REQ", "first", {"limit": 0}], [verb, v.word, {"limit": 0}])),
        settings={"limits": {"reqs_per_s": 1e-3, "burst_factor": 1_000}},
    ),
    Case(
        "rate-limited: at most {limits.max_subscriptions} subscriptions per connection; CLOSE one and try again",
        "A connection already has the allowed number of open subscriptions.",
        "CLOSE one, or use its id again, which replaces it.",
        {"subscriptions": lambda v: (["REQ", "first", {"limit": 0}], ["REQ", v.word, {"limit": 0}])},
        settings={"limits": {"max_subscriptions": 1}},
    ),
    Case(
        "rate-limited: at most {limits.max_open_values} values in all open filters of a connection; "
        "CLOSE a subscription or ask for fewer",
        "All lists in the filters of one connection's open subscriptions hold too many values together, or those of one COUNT.",
        "CLOSE a subscription, or ask for fewer.",
        {
            "values of a COUNT": lambda v: ["COUNT", v.word, {"kinds": [1, 2]}, {"#t": [v.word]}],
            "open values": lambda v: (
                ["REQ", "first", {"kinds": [1], "limit": 0}],
                ["REQ", v.word, {"#t": [v.word, "x"]}],
            ),
        },
        settings={"limits": {"max_open_values": 2}},
    ),
    Case(
        "unsupported: answers (kinds 7 and 1018) to an #e are counted by ring member: ask with one filter, for one of these "
        "kinds alone and one #e",
        "A COUNT names an answer kind and an `#e`, and more than that: other kinds, another `#e`, or another filter. It would "
        "count notes, of which one member can post any number.",
        "Send a COUNT for each answer kind and each `#e`. Other kinds are counted in a COUNT of their own.",
        {
            "answers among other kinds": lambda v: ["COUNT", v.word, {"kinds": [1, 7], "#e": [v.pubkey]}],
            "answers to two notes": lambda v: ["COUNT", v.word, {"kinds": [1018], "#e": [v.pubkey, "ab" * 32]}],
            "answers in two filters": lambda v: ["COUNT", v.word, {"kinds": [7], "#e": [v.pubkey]}, {"kinds": [1]}],
        },
    ),
    Case(
        "rate-limited: at most {limits.max_subscriptions} COUNTs at the same time; wait and try again",
        "A connection has as many COUNTs under way as subscriptions are allowed.",
        "Wait for their answers.",
        Elsewhere(f"{_SPECIAL}::test_counts_beyond_those_under_way_are_refused"),
    ),
    Case(
        "error: the query took too long; narrow the filter (fewer values, a since, a smaller limit)",
        "The database did not answer within `limits.query_timeout_s`.",
        "Narrow the filter. If the database was only busy, a later try may succeed.",
        Elsewhere(f"{_SPECIAL}::test_a_query_that_takes_too_long_is_refused"),
    ),
    Case(
        "error: the database is not available; try again later",
        "The relay has lost its database. It says so to EVENTs, too.",
        "Send the same again later.",
        Elsewhere(f"{_SPECIAL}::test_what_needs_the_database_is_refused_while_it_is_away"),
    ),
    Case(
        "error: the relay failed to handle this; try again later",
        "An unexpected fault in the relay. The operator's log has the place.",
        "Try again later. If it persists, tell the operator.",
        Elsewhere(f"{_SPECIAL}::test_what_fails_in_an_unforeseen_way_is_answered"),
    ),
]
