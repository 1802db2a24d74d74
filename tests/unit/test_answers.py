"""What an answer is, and which rings a target lets answer: read from notes alone."""

from contextlib import nullcontext
from typing import Any

import msgspec
import pytest

from relay.limits import Limits
from relay.protocol.filter import parse_filter
from relay.protocol.refusal import Rejected
from relay.protocol.ring_terms import Form
from relay.storage.answer_count import check_answers_alone, find_target
from relay.verify import proof
from relay.verify.answers import find_answer, read_named_rings
from relay.verify.ring_equations import to_ring_id
from tests.support.events import make_event, make_ring, make_ring_note

TARGET = "ab" * 32


def make_answer(kind: int = 7) -> Any:
    return make_ring_note("+", kind=kind, tags=(("e", TARGET, "wss://relay.example"),), scope=f"{kind}:{TARGET}")


@pytest.mark.parametrize("kind", [7, 1018])
def test_an_answer_is_read_with_its_target_member_and_ring(kind: int) -> None:
    note = make_answer(kind)
    claim = proof.detect_claim(note)
    assert claim is not None
    answer = find_answer(note, claim)
    assert answer is not None
    assert (answer.kind, answer.target.hex(), answer.ring_id.hex()) == (kind, TARGET, to_ring_id(make_ring()))
    assert answer.key_image.hex() == claim.key_image


def test_a_plain_reaction_and_another_kind_are_no_answers() -> None:
    assert find_answer(make_event(kind=7, tags=(("e", TARGET),)), None) is None
    note = make_ring_note(kind=1, tags=(("e", TARGET),), scope=f"1:{TARGET}")
    assert find_answer(note, proof.detect_claim(note)) is None


def test_only_the_bound_form_answers_as_elsewhere_tags_are_not_signed_by_the_ring() -> None:
    note = make_answer()
    claim = proof.detect_claim(note)
    assert claim is not None
    assert find_answer(note, msgspec.structs.replace(claim, form=Form.TEXT)) is None


def test_the_same_member_has_the_same_key_in_rings_of_any_size_and_other_members_have_others() -> None:
    def key_of(**options: Any) -> Any:
        note = make_ring_note("+", kind=7, tags=(("e", TARGET),), scope=f"7:{TARGET}", **options)
        answer = find_answer(note, proof.detect_claim(note))
        assert answer is not None
        return answer.key

    assert key_of(ring_size=5) == key_of(ring_size=9)
    assert key_of(signer=1) != key_of(signer=2)


def test_what_is_no_ring_id_names_no_ring() -> None:
    ring_id = to_ring_id(make_ring())
    assert read_named_rings(["wss://relay.example", ring_id.upper(), ring_id[:-1], ""]) == frozenset()
    assert read_named_rings(["x", ring_id]) == {bytes.fromhex(ring_id)}


@pytest.mark.parametrize(
    ("filters", "target", "is_refused"),
    [
        ([{"kinds": [7], "#e": [TARGET]}], TARGET, False),
        ([{"kinds": [1018], "#e": [TARGET], "search": "minring:3", "since": 1}], TARGET, False),
        ([{"kinds": [7, 1018], "#e": [TARGET]}], None, True),
        ([{"kinds": [1, 6, 7, 9735], "#e": [TARGET]}], None, True),
        ([{"kinds": [7], "#e": [TARGET, "cd" * 32]}], None, True),
        ([{"kinds": [7], "#e": [TARGET]}, {"kinds": [1]}], None, True),
        ([{"kinds": [1]}, {"kinds": [7], "#e": [TARGET]}], None, True),
        ([{"kinds": [7], "#e": [TARGET]}, {"kinds": [7], "#e": [TARGET]}], None, True),
        ([{"kinds": [7]}], None, False),
        ([{"kinds": [1, 7]}, {"#e": [TARGET]}], None, False),
        ([{"kinds": [7], "#e": []}], None, False),
        ([{"kinds": [], "#e": [TARGET]}], None, False),
        ([{"#e": [TARGET]}], None, False),
        ([{"#e": [TARGET]}, {"#E": [TARGET]}], None, False),
        ([{"kinds": [1, 6], "#e": [TARGET]}], None, False),
        ([{"kinds": [7], "#a": [f"30023:{TARGET}:x"]}], None, False),
    ],
)
def test_a_count_is_of_answers_where_it_asks_for_one_kind_of_answer_to_one_target_and_refused_where_it_asks_for_more(
    filters: list[dict[str, Any]], target: str | None, is_refused: bool
) -> None:
    parsed = [parse_filter(filter_, Limits()) for filter_ in filters]
    assert find_target(parsed) == target
    with pytest.raises(Rejected, match=r"^unsupported: answers") if is_refused else nullcontext():
        check_answers_alone(parsed)
