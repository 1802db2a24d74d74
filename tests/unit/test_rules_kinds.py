"""Kinds that are refused whoever signs them, and reposts by what they embed."""

import json
from collections.abc import Callable

import pytest

from relay.limits import Limits
from relay.policy import rules
from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from tests.support.client import to_json
from tests.support.events import make_event, make_ring_note

PROTECTED = make_event(tags=(("-",),))


def embed(event: Event, **members: object) -> str:
    return json.dumps({**to_json(event), **members})


@pytest.mark.parametrize("make", [make_event, make_ring_note])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (22242, "send it as AUTH"),
        *((kind, "read it here") for kind in (4, 13, 14, 15, 1059, 21059, 24133)),
        (62, "would delete nothing"),
    ],
)
def test_a_kind_that_must_not_be_passed_on_is_refused_ring_signed_or_plain(
    make: Callable[..., Event], kind: int, reason: str
) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        rules.check_kind(make(kind=kind))
    assert caught.value.prefix is Prefix.BLOCKED


@pytest.mark.parametrize("kind", [0, 1, 3, 5, 7, 10002, 10050, 20001, 30023])
def test_other_kinds_are_left_to_the_other_rules(kind: int) -> None:
    rules.check_kind(make_event(kind=kind, content=embed(PROTECTED)))


@pytest.mark.parametrize("kind", [6, 16])
@pytest.mark.parametrize(
    "content",
    [
        embed(PROTECTED),
        f" \n{embed(PROTECTED)}\t",
        embed(make_event(tags=(("p", "x"), ("-", "x")))),
        # Other spellings of the same JSON.
        '{"tags":[["\\u002d"]]}',
        '{"tags":[],"tags":[["-"]]}',
        '{"tags":[1,["-"]],"content":7}',
        # Read by parsers that nest deeper, and by no event's author.
        '{"tags":[["-"]],"content":' + "[" * 40_000 + "]" * 40_000 + "}",
    ],
)
def test_a_repost_that_embeds_a_protected_event_is_refused(kind: int, content: str) -> None:
    with pytest.raises(Rejected, match="embeds a protected event") as caught:
        rules.check_kind(make_event(kind=kind, content=content))
    assert caught.value.prefix is Prefix.BLOCKED


@pytest.mark.parametrize("kind", [6, 16])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "look at this",
        "{",
        "[]",
        "{}",
        '{"tags":"-"}',
        '{"tags":[[]]}',
        '{"tags":["-"]}',
        embed(make_event(tags=(("e", "-"), ("t", "-")), content='[["-"]]')),
        json.dumps([["-"]]),
    ],
)
def test_a_repost_that_embeds_none_is_accepted(kind: int, content: str) -> None:
    rules.check_kind(make_event(kind=kind, content=content))


def test_the_rules_of_an_event_begin_with_its_kind_whatever_else_is_wrong_with_it() -> None:
    with pytest.raises(Rejected, match="send it as AUTH"):
        rules.check_event(make_event(kind=22242, created_at=2**40), now=0, limits=Limits())


@pytest.mark.parametrize("kind", [4, 62, 22242])
def test_an_operator_cannot_list_such_a_kind_as_accepted(kind: int) -> None:
    with pytest.raises(ValueError, match="plain_kinds must not contain"):
        rules.check_plain_kinds(frozenset({0, kind}))
    rules.check_plain_kinds(frozenset({0, 6}))
