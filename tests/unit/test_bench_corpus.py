"""The notes that make bench sends: always the same ones, and right."""

import random
from pathlib import Path

from bench.authors import BASE_TIME, Crowd
from bench.corpus import Part, compute_fingerprint, load_corpus
from bench.parts import name_part
from bench.plan import Plan, list_parts
from relay.protocol.event import compute_id, decode_event
from relay.verify import proof, schnorr

PARTS = [Part("plain", 40), Part("ring10_one", 3, 10, True), Part("ring10_own", 3, 10, False)]
FINGERPRINT = "1e3579ffd946b5bdd8f243fc9a29cb1b747e554ded10ca93707cf9491a8912dc"


def test_the_same_seed_makes_the_same_notes_on_every_machine(tmp_path: Path) -> None:
    assert load_corpus(PARTS, 1, tmp_path).fingerprint == FINGERPRINT


def test_a_corpus_that_is_kept_is_the_one_that_was_made(tmp_path: Path) -> None:
    made = load_corpus(PARTS, 1, tmp_path)
    files = sorted(tmp_path.iterdir())
    changed_at = [file.stat().st_mtime_ns for file in files]
    assert load_corpus(PARTS, 1, tmp_path) == made
    assert [file.stat().st_mtime_ns for file in files] == changed_at


def test_another_seed_makes_other_notes(tmp_path: Path) -> None:
    one, other = (load_corpus(PARTS, seed, tmp_path) for seed in (1, 2))
    assert one.fingerprint != other.fingerprint
    assert not set(one.notes["plain"]) & set(other.notes["plain"])


def test_one_changed_byte_changes_the_fingerprint() -> None:
    assert compute_fingerprint({"plain": [b"a"]}) != compute_fingerprint({"plain": [b"b"]})


def test_all_notes_are_valid_and_of_their_time(tmp_path: Path) -> None:
    corpus = load_corpus(PARTS, 1, tmp_path)
    events = [decode_event(line) for lines in corpus.notes.values() for line in lines]
    assert len({event.id for event in events}) == len(events) == 46
    for event in events:
        assert event.id == compute_id(event.pubkey, event.created_at, event.kind, event.tags, event.content)
        assert event.created_at >= BASE_TIME
        schnorr.verify_signature(event)


def test_plain_notes_reply_name_topics_and_come_from_many(tmp_path: Path) -> None:
    events = [decode_event(line) for line in load_corpus(PARTS[:1], 1, tmp_path).notes["plain"]]
    names = {tag[0] for event in events for tag in event.tags}
    assert names == {"e", "p", "t"}
    assert len({event.pubkey for event in events}) > 10
    assert all(proof.detect_claim(event) is None for event in events)


def test_ring_notes_verify_over_one_ring_or_over_one_each(tmp_path: Path) -> None:
    corpus = load_corpus(PARTS[1:], 1, tmp_path)
    rings: dict[str, set[str]] = {}
    for name, lines in corpus.notes.items():
        claims = [proof.detect_claim(decode_event(line)) for line in lines]
        proofs = [proof.verify_claim(claim) for claim in claims if claim is not None]
        assert [len(one.ring) for one in proofs] == [10, 10, 10]
        rings[name] = {one.ring_id for one in proofs}
    assert len(rings["ring10_one"]) == 1
    assert len(rings["ring10_own"]) == 3


def test_few_of_a_crowd_post_often() -> None:
    chosen = Crowd(300, random.Random(1)).choose(10_000)
    counts = sorted((chosen.count(place) for place in range(300)), reverse=True)
    assert counts[0] > 5 * counts[150] > 0
    assert counts[0] < 1_000


def test_a_corpus_is_enough_for_the_longest_group_of_figures() -> None:
    plan = Plan(rounds=3)
    parts = {part.name: part for part in list_parts([plan.list_store_rates(), plan.list_ring_rates()], plan.rounds)}
    assert parts["plain"].count == 3 * (8_000 + 300 + 100)
    part = parts[name_part(1_000, "own")]
    assert (part.count, part.ring_size, part.is_shared) == (48, 1_000, False)
