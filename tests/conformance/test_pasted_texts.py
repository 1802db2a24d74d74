"""The table of pasted texts, read by both verifiers: each finds in every text what its entry says. Knows no socket."""

import json
import re
from typing import Any

import msgspec
import pytest
from bech32 import bech32_encode, convertbits

from relay.limits import AcceptPolicy
from relay.policy import rules
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from relay.verify import proof
from relay.verify.text_labels import list_label_names
from tests.conformance.make_pasted_texts import PATH, build
from tests.conformance.notes import make_event
from tests.conformance.pasting import NPUBS, SIGNER, WORDS, post
from tests.conformance.signing import secret_of
from tests.conformance.test_conformance import FOLDER, verify_here, verify_there
from tests.support import npm

Json = dict[str, Any]
TEXTS: list[Json] = json.loads(PATH.read_text())["texts"]
NAMES = [entry["name"] for entry in TEXTS]
LEAST_TEXTS = 120
LEAST_OF_EACH = 50
FIELDS = ("signed_text", "dialect", "scheme", "ring_size", "ring_id")
PART = " ... "
NO_NOTE = "no ring signature"


def to_event(entry: Json) -> Event:
    return make_event(entry["text"])


def keep_expected(found: Json) -> Json:
    """Return what an entry says of a text: without the reason, which differs from one verifier to another."""
    return {"valid": True, **{name: found[name] for name in FIELDS}} if found["valid"] else {"valid": False}


def holds_in_order(parts: list[str], text: str) -> bool:
    return re.search(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None


@pytest.fixture(scope="module")
def node() -> str:
    return npm.install(FOLDER, "the second verifier is not tested")


def test_the_file_is_what_its_script_makes() -> None:
    assert PATH.read_text() == build()


def test_the_table_is_large_and_says_of_each_text_once_what_it_is_and_why() -> None:
    assert len(TEXTS) >= LEAST_TEXTS
    assert len(set(NAMES)) == len(NAMES)
    assert len({entry["text"] for entry in TEXTS}) == len(TEXTS)
    assert min(sum(entry["expected"]["valid"] is valid for entry in TEXTS) for valid in (True, False)) >= LEAST_OF_EACH
    assert [entry["name"] for entry in TEXTS if not (entry["spelling"] and entry["why"])] == []


def test_every_label_of_the_page_stands_in_a_text_that_is_valid() -> None:
    texts = [entry["text"].lower() for entry in TEXTS if entry["expected"]["valid"]]
    for names in list_label_names().values():
        for name in names:
            label = re.compile(rf"^[ #*_]*{re.escape(name)}(?:[*_]+|[ \u00a0]?[:\uff1a]|$)", re.MULTILINE)
            assert any(map(label.search, texts)), name


@pytest.mark.parametrize("entry", TEXTS, ids=NAMES)
def test_the_relay_finds_in_a_pasted_text_what_its_entry_says(entry: Json) -> None:
    found, expected = verify_here(to_event(entry)), entry["expected"]
    if expected["valid"]:
        assert (found.get("form"), {name: found.get(name) for name in expected}) == ("text", expected), found
    else:
        assert not found["valid"]
        assert holds_in_order(expected["reason"].split(PART), found["reason"]), found["reason"]


@pytest.mark.parametrize("entry", [e for e in TEXTS if not e["expected"]["valid"]], ids=lambda entry: entry["name"])
def test_a_refusal_sends_nobody_to_sign_again_who_need_not(entry: Json) -> None:
    reason = verify_here(to_event(entry))["reason"]
    assert all(words not in reason for words in ("sign again", "sign exactly")), reason


@pytest.mark.parametrize("words", ["", "Private Key: ", "nsec: "])
@pytest.mark.parametrize("as_nsec", [True, False], ids=["nsec", "hex"])
def test_no_refusal_repeats_a_secret_that_was_pasted_among_the_keys(words: str, as_nsec: bool) -> None:
    secret = secret_of(SIGNER).hex()
    values = convertbits(bytes.fromhex(secret), 8, 5)
    assert values is not None
    written = bech32_encode("nsec", values) if as_nsec else secret
    for text in (
        post(ring=f"Ring:\n{NPUBS[0]}\n{words}{written}\n{NPUBS[2]}"),
        post() + f"\n{words}{written}",
        post(f"{words}{written}\n{WORDS}"),
        post(ring=f"Ring:\n{NPUBS[0]} x {words}{written} y {NPUBS[2]}"),
    ):
        reason = verify_here(make_event(text))["reason"]
        assert written[:16] not in reason, reason
        assert written[-16:] not in reason, reason


ADDED = "he lies to you"
ADDITIONS = (
    lambda line: f"{ADDED}\n{line}",
    lambda line: f"> {ADDED}\n{line}",
    lambda line: f"{line.rstrip()} {ADDED}",
    lambda line: f"{ADDED} {line}",
    lambda line: f"#liar\n{line}",
)


@pytest.mark.parametrize("entry", [e for e in TEXTS if e["expected"]["valid"]], ids=lambda entry: entry["name"])
def test_nothing_can_be_added_to_a_valid_text_by_whoever_posts_it(entry: Json) -> None:
    event = to_event(entry)
    lines = entry["text"].split("\n")
    for place, line in enumerate(lines):
        # Each in turn: all of them at each place take a quarter of a minute.
        changed = ADDITIONS[(place + len(lines)) % len(ADDITIONS)](line)
        content = "\n".join([*lines[:place], changed, *lines[place + 1 :]])
        assert not is_valid(msgspec.structs.replace(event, content=content)), content


def is_valid(event: Event) -> bool:
    """Return whether the ring's signature of a text holds, whatever the event's own."""
    try:
        claim = proof.detect_claim(event)
        return claim is not None and proof.verify_claim(claim) is not None
    except Rejected:
        return False


@pytest.mark.parametrize(
    "entry", [e for e in TEXTS if NO_NOTE in e["expected"].get("reason", "")], ids=lambda entry: entry["name"]
)
def test_a_relay_says_what_it_takes_for_a_signature_where_there_is_too_little_of_one(entry: Json) -> None:
    event = to_event(entry)
    assert proof.detect_claim(event) is None
    with pytest.raises(Rejected, match="what looks like a ring signature in the note is not whole"):
        rules.check_plain(event, AcceptPolicy(plain=False))


def test_a_second_verifier_finds_in_all_pasted_texts_what_their_entries_say(node: str) -> None:
    found = [keep_expected(one) for one in verify_there(node, [to_event(entry) for entry in TEXTS])]
    expected = [keep_expected(entry["expected"]) for entry in TEXTS]
    wrong = [entry["name"] for entry, ours, theirs in zip(TEXTS, expected, found, strict=True) if ours != theirs]
    assert wrong == []
