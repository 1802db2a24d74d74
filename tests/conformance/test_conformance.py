"""Two verifiers of ring notes, the relay's and one in JavaScript: on all vectors, on mutations, on drawn notes. Knows no socket."""

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from relay.client.signing.verify_event import verify_note
from relay.limits import RingPolicy
from relay.policy import rules
from relay.protocol.event import Event, decode_event, encode_event
from relay.protocol.refusal import Rejected
from relay.verify import proof
from tests.conformance import make_pasted_texts
from tests.conformance.draws import draw_note
from tests.conformance.fillings import draw_filled
from tests.conformance.make_vectors import PATH, build
from tests.conformance.mutations import mutate
from tests.conformance.notes import CREATED_AT, make_event
from tests.support import npm
from tests.support.time_factor import scaled

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "ring-notes.md"
TIMEOUT_S = scaled(120.0)
MUTATIONS = 700
DRAWS = 800
# What they must reach to mean something: notes that stay valid, and both answers in each form.
# Of 800 drawn ones 150 are valid, with a standard deviation of 12.
LEAST_VALID = 90
LEAST_OF_EACH = 1
LARGEST_MUTATED_RING = 5
SHARE_PASTED = 0.25
FIELDS = ("form", "scheme", "dialect", "binding", "ring_id", "key_image", "scope", "signed_text")

Json = dict[str, Any]
VECTORS: list[Json] = json.loads(PATH.read_text())["vectors"]
NAMES = [vector["name"] for vector in VECTORS]


def to_event(vector: Json) -> Event:
    return decode_event(json.dumps(vector["event"]))


# Valid notes of small rings, each with its name and its form.
SMALL = [
    (vector["name"], vector["expected"]["form"], to_event(vector))
    for vector in VECTORS
    if vector["expected"].get("ring_size", LARGEST_MUTATED_RING + 1) <= LARGEST_MUTATED_RING
]
PASTED = [
    (entry["name"], "text", make_event(entry["text"]))
    for entry in json.loads(make_pasted_texts.PATH.read_text())["texts"]
    if entry["expected"]["valid"]
]


def verify_here(event: Event) -> Json:
    """Return what the relay's verifier finds, in the words of the vectors."""
    try:
        found = verify_note(event)
    except Rejected as rejected:
        return {"valid": False, "reason": str(rejected)}
    return {"valid": True, "ring_size": len(found.ring), **{name: getattr(found, name) for name in FIELDS}}


def verify_there(node: str, events: Sequence[Event]) -> list[Json]:
    """Return what verify.mjs finds in each."""
    done = subprocess.run(
        [node, FOLDER / "verify.mjs"],
        input=b"\n".join(map(encode_event, events)),
        check=True,
        capture_output=True,
        timeout=TIMEOUT_S,
        env={name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_reason(result: Json) -> Json:
    return {name: value for name, value in result.items() if name != "reason"}


@pytest.fixture(scope="module")
def node() -> str:
    """Install the second verifier's packages, and give the path of Node; skip where either cannot be had."""
    return npm.install(FOLDER, "the second verifier is not tested")


def test_the_examples_on_the_page_are_vectors() -> None:
    lines = [json.loads(line) for line in PAGE.read_text().splitlines() if line.startswith("{")]
    shown = list(zip(lines[::2], lines[1::2], strict=True))
    assert len(shown) >= 4
    known = [(vector["event"], vector["expected"]) for vector in VECTORS]
    assert [example for example in shown if example not in known] == []


def test_the_vectors_are_what_their_script_makes() -> None:
    assert PATH.read_text() == build()


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_the_relay_finds_in_a_vector_what_it_says(vector: Json) -> None:
    assert verify_here(to_event(vector)) == vector["expected"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["expected"]["valid"]], ids=lambda vector: vector["name"])
def test_a_relay_with_default_rules_says_of_a_valid_note_what_its_vector_says(vector: Json) -> None:
    event = to_event(vector)
    claim = proof.detect_claim(event)
    assert claim is not None
    refused = None
    try:
        policy = RingPolicy(max_size=256)
        rules.check_age(event, CREATED_AT, policy)
        rules.check_ring(event, claim, policy)
    except Rejected as rejected:
        refused = str(rejected)
    assert refused == vector.get("refused_by_default")


def test_a_second_verifier_finds_in_all_vectors_what_they_say(node: str) -> None:
    found = verify_there(node, [to_event(vector) for vector in VECTORS])
    assert dict(zip(NAMES, found, strict=True)) == {v["name"]: without_reason(v["expected"]) for v in VECTORS}


def test_both_verifiers_agree_on_random_mutations(node: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    drawn = [rng.choice(PASTED if rng.random() < SHARE_PASTED else SMALL) for _ in range(MUTATIONS)]
    mutants = [mutate(rng, event) for _, _, event in drawn]
    about = [f"seed {seed}, {name}: {names}" for (name, _, _), (names, _) in zip(drawn, mutants, strict=True)]
    here = _compare(node, [event for _, event in mutants], about)
    _check_notes_mean_something([form for _, form, _ in drawn], here)


def test_both_verifiers_agree_on_notes_drawn_from_the_grammar(node: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    drawn = [rng.choice((draw_note, draw_filled))(rng) for _ in range(DRAWS)]
    here = _compare(node, [event for _, event in drawn], [f"seed {seed}"] * DRAWS)
    _check_notes_mean_something([form for form, _ in drawn], here)


def _compare(node: str, events: Sequence[Event], about: Sequence[str]) -> list[Json]:
    """Hold both verifiers against each other, and return what the relay's finds."""
    here = [verify_here(event) for event in events]
    there = verify_there(node, events)
    for event, ours, theirs, name in zip(events, here, there, about, strict=True):
        assert theirs == without_reason(ours), f"{name}\nhere: {ours}\n{encode_event(event).decode()}"
    return here


def _check_notes_mean_something(forms: Sequence[str], results: Sequence[Json]) -> None:
    reached = Counter(zip(forms, (result["valid"] for result in results), strict=True))
    assert sum(result["valid"] for result in results) >= LEAST_VALID, reached
    assert all(reached[form, valid] >= LEAST_OF_EACH for form in set(forms) for valid in (True, False)), reached
