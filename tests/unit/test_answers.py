"""What an answer is, and which rings a target lets answer: read from notes alone."""

from typing import Any

import msgspec
import pytest

from relay.limits import Limits
from relay.protocol.filter import parse_filter
from relay.protocol.ring_terms import Form
from relay.storage.answer_count import find_target
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
    ("filters", "target"),
    [
        ([{"kinds": [7], "#e": [TARGET]}], TARGET),
        ([{"kinds": [1018], "#e": [TARGET], "search": "minring:3", "since": 1}], TARGET),
        ([{"kinds": [7, 1018], "#e": [TARGET]}], None),
        ([{"kinds": [7], "#e": [TARGET, "cd" * 32]}], None),
        ([{"kinds": [7]}], None),
        ([{"#e": [TARGET]}], None),
        ([{"kinds": [1], "#e": [TARGET]}], None),
        ([{"kinds": [7], "#e": [TARGET]}, {"kinds": [1]}], None),
    ],
)
def test_a_count_is_of_answers_where_it_asks_for_one_kind_of_answer_to_one_target(
    filters: list[dict[str, Any]], target: str | None
) -> None:
    assert find_target([parse_filter(filter_, Limits()) for filter_ in filters]) == target
