"""Any bytes give a message or a refusal, and what is encoded is read back as it was."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.handlers.verbs import parse_message
from relay.limits import Limits
from relay.protocol.event import Event
from relay.protocol.filter import Filter
from relay.protocol.messages import (
    Auth,
    ClientMessage,
    Close,
    Count,
    Malformed,
    Negentropy,
    NegentropyEnd,
    Publish,
    Req,
)
from relay.protocol.refusal import Rejected
from tests.support.client_messages import encode_client_message
from tests.support.strategies import events, filters

LIMITS = Limits()
subscription_ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
verbs = st.sampled_from(["EVENT", "REQ", "CLOSE", "COUNT", "AUTH", "NEG-OPEN", "NEG-CLOSE", "", "event"])


def is_message_or_refusal(frame: str | bytes) -> bool:
    try:
        _, message = parse_message(frame, LIMITS)
    except Rejected as rejected:
        return isinstance(rejected, Malformed)
    return isinstance(message, ClientMessage)


def find_refusal(frame: str) -> Malformed | None:
    try:
        parse_message(frame, LIMITS)
    except Malformed as malformed:
        return malformed
    return None


@given(st.binary() | st.text(st.characters()))
@example(b'["EVENT",{"id":"\\ud800"}]')
@example('["EVENT",' + "[" * 100_000)
@example('["REQ","\\ud800",{}]')
@example('["REQ","s",{"#t":["\\ud800"]}]')
@example('["REQ","s",NaN]')
@settings(max_examples=1000)
def test_any_frame_gives_a_message_or_a_refusal(frame: str | bytes) -> None:
    assert is_message_or_refusal(frame)


@given(st.builds(lambda verb, rest: [verb, *rest], verbs, st.lists(json_values, max_size=4)))
@settings(max_examples=1000)
def test_any_json_array_gives_a_message_or_a_refusal(message: list[object]) -> None:
    assert is_message_or_refusal(json.dumps(message))
    assert is_message_or_refusal(json.dumps(message, ensure_ascii=False))


@given(events, st.sampled_from(["id", "pubkey", "created_at", "kind", "tags", "content", "sig"]), json_values)
@settings(max_examples=500)
def test_an_event_with_any_member_replaced_gives_a_message_or_a_refusal(
    event: Event, member: str, value: object
) -> None:
    damaged = {name: getattr(event, name) for name in event.__struct_fields__} | {member: value}
    assert is_message_or_refusal(json.dumps(["EVENT", damaged]))


@given(
    events.map(Publish)
    | events.map(Auth)
    | subscription_ids.map(Close)
    | st.text(st.characters(exclude_categories=["Cs"])).map(Negentropy)
    | st.just(NegentropyEnd())
    | st.builds(Req, subscription_ids, st.lists(filters, min_size=1, max_size=10).map(tuple))
    | st.builds(Count, subscription_ids, st.lists(filters, min_size=1, max_size=10).map(tuple))
)
@settings(max_examples=500)
def test_what_is_encoded_is_read_back_as_it_was(message: ClientMessage) -> None:
    try:
        assert parse_message(encode_client_message(message), LIMITS)[1] == message
    except Malformed:
        # Values of #e and #p that are no ids cannot be asked for.
        assert has_bad_reference(message)


def has_bad_reference(message: ClientMessage) -> bool:
    asked: tuple[Filter, ...] = message.filters if isinstance(message, Req | Count) else ()
    values = [value for filter_ in asked for letter, chosen in filter_.tags if letter in "ep" for value in chosen]
    return any(len(value) != 64 for value in values)


@given(
    st.sampled_from(["REQ", "COUNT", "NEG-OPEN", "NEG-MSG", "CLOSE"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.text(max_size=40),
)
@settings(max_examples=500)
def test_a_query_that_is_refused_is_refused_by_its_id_whatever_follows_it(verb: str, name: str, rest: str) -> None:
    for frame in (f"[{json.dumps(verb)},{json.dumps(name)},{rest}", f'["{verb}",{json.dumps(name)},{rest}]'):
        refused = find_refusal(frame)
        assert refused is None or (refused.verb, refused.subject) == (verb, name)


@pytest.mark.parametrize("verb", ["REQ", "COUNT"])
@pytest.mark.parametrize("filter_", [b'{"since":1e999}', b'{"limit":' + b"9" * 5_000 + b"}", b'{"#t":["\xff"]}', b"[]"])
def test_a_filter_that_cannot_be_read_closes_the_subscription_that_it_was_sent_for(verb: str, filter_: bytes) -> None:
    with pytest.raises(Malformed, match="a filter must be a JSON object") as caught:
        parse_message(b'["%b","s",%b]' % (verb.encode(), filter_), LIMITS)
    assert (caught.value.subject, caught.value.verb) == ("s", verb)


@pytest.mark.parametrize("depth", [10, 1_000, 200_000])
def test_nesting_of_any_depth_is_refused_and_costs_nothing_else(depth: int) -> None:
    assert is_message_or_refusal('["REQ","s",' + '{"a":' * depth)
    assert is_message_or_refusal("[" * depth + "]" * depth)


@pytest.mark.parametrize("frame", ["[]", '["NEG-FOO"]', "[[]]", '[{"EVENT":1}]', "[null]"])
def test_a_frame_without_a_known_verb_is_told_those_that_are(frame: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_message(frame, LIMITS)
    assert str(caught.value) == "invalid: unknown message; this relay knows EVENT, REQ, COUNT and CLOSE"
