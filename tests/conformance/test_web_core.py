"""The verifier of the relay's pages against the relay's own and the second one: on all vectors, pasted texts and mutations."""

import random
from typing import Any

import msgspec
import pytest

from relay.limits import RingPolicy
from relay.policy import rules
from relay.protocol.event import count_leading_zero_bits, encode_event
from relay.verify import proof
from tests.conformance import test_conformance
from tests.conformance.draws import draw_note
from tests.conformance.fillings import draw_filled
from tests.conformance.mutations import mutate
from tests.conformance.notes import make_event
from tests.conformance.test_conformance import (
    PASTED,
    SMALL,
    VECTORS,
    to_event,
    verify_here,
    verify_there,
    without_reason,
)
from tests.conformance.test_pasted_texts import TEXTS, keep_expected
from tests.conformance.web_core import NOT_TESTED, WEB, ask, to_words, verify_events
from tests.support import npm

MUTATIONS = 1000
DRAWS = 150
LEAST_VALID = 150

Json = dict[str, Any]


@pytest.fixture(scope="module")
def node() -> str:
    """Install the packages of the pages' scripts, and give the path of Node; skip where either cannot be had."""
    return npm.install(WEB, NOT_TESTED)


@pytest.fixture(scope="module")
def second(node: str) -> str:
    """Install the second verifier's packages, and give the path of Node."""
    return npm.install(test_conformance.FOLDER, "the second verifier is not tested")


def name_wrong(names: list[str], found: list[Json], expected: list[Json]) -> list[str]:
    return [name for name, ours, theirs in zip(names, found, expected, strict=True) if ours != theirs]


def test_it_finds_in_all_vectors_what_they_say(node: str) -> None:
    found = verify_events(node, list(map(to_event, VECTORS)))
    expected = [without_reason(vector["expected"]) for vector in VECTORS]
    assert name_wrong([vector["name"] for vector in VECTORS], found, expected) == []


def test_it_finds_in_all_pasted_texts_what_their_entries_say(node: str) -> None:
    found = [
        keep_expected(to_words(one))
        for one in ask(node, "web_core.mjs", (["text", entry["text"]] for entry in TEXTS), "--wasm")
    ]
    expected = [keep_expected(entry["expected"]) for entry in TEXTS]
    assert name_wrong([entry["name"] for entry in TEXTS], found, expected) == []


def test_it_finds_in_notes_with_pasted_texts_what_their_entries_say(node: str) -> None:
    found = verify_events(node, [make_event(entry["text"]) for entry in TEXTS], "--wasm")
    expected = [keep_expected(entry["expected"]) for entry in TEXTS]
    assert name_wrong([entry["name"] for entry in TEXTS], list(map(keep_expected, found)), expected) == []


def test_three_verifiers_agree_on_mutations_and_on_notes_drawn_from_the_grammar(second: str, node: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    events = [mutate(rng, rng.choice(rng.choice((PASTED, SMALL)))[2])[1] for _ in range(MUTATIONS)]
    events += [rng.choice((draw_note, draw_filled))(rng)[1] for _ in range(DRAWS)]
    here = [without_reason(verify_here(event)) for event in events]
    there = verify_events(node, events, "--wasm")
    others = verify_there(second, events)
    for event, relay, pages, other in zip(events, here, there, others, strict=True):
        assert pages == relay == other, f"seed {seed}\n{encode_event(event).decode()}"
    assert sum(result["valid"] for result in here) >= LEAST_VALID


def test_a_note_is_refused_after_each_change_of_it_that_its_author_did_not_sign(node: str) -> None:
    event = to_event(VECTORS[0])
    changes: list[Json] = [
        {"content": event.content + " "},
        {"created_at": event.created_at + 1},
        {"kind": 7},
        {"tags": (*event.tags, ("t", "x"))},
        {"pubkey": event.tags[0][1]},
        {"id": "0" * 64},
        {"sig": event.sig[:-1] + ("0" if event.sig[-1] != "0" else "1")},
    ]
    found = verify_events(node, [event, *(msgspec.structs.replace(event, **change) for change in changes)])
    assert [one["valid"] for one in found] == [True, *(False for _ in changes)]


def test_it_tells_of_each_member_as_it_goes(node: str) -> None:
    notes = [to_event(vector) for vector in VECTORS if vector["expected"]["valid"]][:40]
    lines = [["object", msgspec.to_builtins(note)] for note in notes]
    for note, found in zip(notes, ask(node, "web_core.mjs", lines, "--wasm"), strict=True):
        claim = proof.detect_claim(note)
        assert claim is not None
        progress = found["progress"]
        assert progress["isEven"]
        assert progress["all"] == len(claim.ring) * len(claim.candidates) * len(claim.dialects)
        assert progress["told"] % len(claim.ring) == 0
        assert len(claim.ring) <= progress["told"] <= progress["all"]


@pytest.mark.parametrize(("free", "hashes"), [(0, 1), (6, 2000), (12, 4096), (0, 0)])
def test_it_counts_links_and_work_as_the_relay_does(node: str, free: int, hashes: int) -> None:
    terms = {"pow_free_links": free, "pow_hashes_per_link": hashes}
    notes = [to_event(vector) for vector in VECTORS if vector["expected"]["valid"]]
    notes += [msgspec.structs.replace(notes[0], id=f"{2**bits - 1:064x}") for bits in (*range(0, 256, 5), 255, 256)]
    lines = [["work", msgspec.to_builtins(note), terms] for note in notes]
    for note, found in zip(notes, ask(node, "web_core.mjs", lines), strict=True):
        claim = proof.detect_claim(note)
        assert claim is not None
        asked = rules.find_cost_bits(claim, RingPolicy.model_validate(terms))
        expected = {"links": claim.links, "asked": asked, "done": count_leading_zero_bits(note.id)}
        assert {name: found[name] for name in expected} == expected
