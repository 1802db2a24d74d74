"""The words of a stored note, found again by its content key: those that were proved, and nothing that stands around them."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.protocol.event import Event, decode_event
from relay.protocol.refusal import Rejected
from relay.verify import proof
from relay.verify.claim import RingProof
from relay.verify.signed_words import Signed, SignedWords, UnknownWords, find_signed_words
from tests.support.events import make_event

_VECTORS = Path(__file__).parent.parent / "vectors"
_PASTED = json.loads((_VECTORS / "pasted_texts.json").read_text())["texts"]
TEXTS = [entry for entry in _PASTED if entry["expected"]["valid"]]
NOTES = [one for one in json.loads((_VECTORS / "ring_notes.json").read_text())["vectors"] if one["expected"]["valid"]]


def prove(event: Event) -> RingProof:
    claim = proof.detect_claim(event)
    assert claim is not None
    return proof.verify_claim(claim)


def to_signed(proved: RingProof, *, has_key: bool = True) -> Signed:
    key_image = None if proved.key_image is None else bytes.fromhex(proved.key_image)
    return Signed(proved.form, bytes.fromhex(proved.ring_id), key_image, proved.content_key if has_key else None)


@pytest.mark.parametrize("vector", NOTES, ids=[one["name"] for one in NOTES])
def test_the_words_of_each_valid_vector_are_those_that_were_proved(vector: dict[str, Any]) -> None:
    event = decode_event(json.dumps(vector["event"]))
    proved = prove(event)
    words = event.content if proved.content_key is None else proved.signed_text
    assert find_signed_words(event, to_signed(proved)) == SignedWords(words, True)


@pytest.mark.parametrize("entry", TEXTS, ids=[entry["name"] for entry in TEXTS])
def test_the_words_of_each_pasted_text_are_found_by_their_key_and_without_it_only_what_was_signed(
    entry: dict[str, Any],
) -> None:
    event = make_event(content=entry["text"])
    proved = prove(event)
    signed = entry["expected"]["signed_text"]
    assert find_signed_words(event, to_signed(proved)) == SignedWords(signed, True)
    try:
        found = find_signed_words(event, to_signed(proved, has_key=False))
    except UnknownWords:
        # A quotation: no reading is within all the others.
        assert ">" in entry["text"]
        return
    assert found.text.replace("\r\n", "\n") in signed.replace("\r\n", "\n")
    assert not found.is_exact or found.text == signed


def test_another_key_finds_no_words() -> None:
    event = make_event(content=TEXTS[0]["text"])
    signed = to_signed(prove(event))._replace(content_key=bytes(32))
    with pytest.raises(UnknownWords):
        find_signed_words(event, signed)


def test_no_key_of_a_ring_is_read_for_its_words() -> None:
    event = make_event(content=TEXTS[0]["text"])
    proved = prove(event)
    npub = next(word for word in event.content.split() if word.startswith("npub1"))
    # A mistake in a key is found by whoever reads it, and to read one takes as long as a link of a verification.
    mistaken = npub[:-1] + ("q" if npub[-1] != "q" else "p")
    unread = make_event(content=event.content.replace(npub, mistaken))
    with pytest.raises(Rejected, match="not a public key"):
        proof.detect_claim(unread)
    assert find_signed_words(unread, to_signed(proved)).text == proved.signed_text
