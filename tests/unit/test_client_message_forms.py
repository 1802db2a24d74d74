"""Message-only forms: what is written for other relays' readers, and that the ring signed the message in it."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey

from relay.client.signing import keys
from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.client.signing.verify_event import verify_note
from relay.protocol import nip19
from relay.protocol.event import Event, count_leading_zero_bits, find_tag
from relay.protocol.refusal import Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.verify import ring_equations as equations
from relay.verify import schnorr
from relay.verify.encoding import decode_ring_a
from relay.verify.ring_equations import Dialect

SECRETS = [number.to_bytes(32, "big") for number in range(2001, 2006)]
MEMBERS = sorted(keys.to_public_key(secret) for secret in SECRETS)
WORDS = 'said by "one" of us\n\nin größe #X'
MESSAGE_FORMS = [Form.NIP97, Form.NOSTRINGER, Form.TEXT]


def make(form: Form, **changed: Any) -> Event:
    draft = Draft(
        form=form,
        ring=list(reversed(MEMBERS)),
        secret=SECRETS[2],
        content=WORDS,
        tags=(("t", "x"),),
        created_at=1_700_000_000,
    )
    return make_message_note(replace(draft, **changed), PrivateKey())


def read(form: Form, note: Event) -> tuple[str, list[bytes], str]:
    """Return message, members and signature as the form's description places them."""
    if form is Form.NIP97:
        members = next(tag[1:] for tag in note.tags if tag[0] == "ring-members")
        signature = find_tag(note, "ring-signature")
        assert signature is not None
        return note.content, [bytes.fromhex(member) for member in members], signature
    if form is Form.NOSTRINGER:
        parts = json.loads(note.content)
        assert list(parts) == ["message", "ring_members", "ring_signature"]
        return parts["message"], [bytes.fromhex(member) for member in parts["ring_members"]], parts["ring_signature"]
    found = re.fullmatch(r"(.*)\n\nRing:\n((?:npub1[a-z0-9]+\n)+)(ringA\S+)", note.content, re.DOTALL)
    assert found is not None
    return found[1], [keys.parse_public_key(npub) for npub in found[2].split()], found[3]


@pytest.mark.parametrize("form", MESSAGE_FORMS)
@pytest.mark.parametrize(("scheme", "scope"), [(Scheme.SAG, None), (Scheme.BLSAG, "poll")])
def test_the_ring_signed_the_words(form: Form, scheme: Scheme, scope: str | None) -> None:
    note = make(form, scheme=scheme, scope=scope)
    message, members, text = read(form, note)
    signature = decode_ring_a(text, len(MEMBERS))
    assert (message, members) == (WORDS, MEMBERS)
    assert (signature.scheme, signature.flag) == (scheme, scope)
    lifted = [equations.lift_x(member) for member in members]
    assert equations.verify_ring_signature(WORDS.encode(), lifted, signature, tuple(Dialect)) is Dialect.CANONICAL
    schnorr.verify_signature(note)
    assert note.kind == 1


@pytest.mark.parametrize("form", MESSAGE_FORMS)
@pytest.mark.parametrize(("scheme", "scope"), [(Scheme.SAG, None), (Scheme.BLSAG, "poll")])
def test_a_reader_of_the_form_finds_what_was_signed(form: Form, scheme: Scheme, scope: str | None) -> None:
    proof = verify_note(make(form, scheme=scheme, scope=scope))
    assert (proof.form, proof.scheme, proof.scope, proof.binding) == (form, scheme, scope, "message")
    assert (proof.signed_text, list(proof.ring)) == (WORDS, MEMBERS)


@pytest.mark.parametrize("form", MESSAGE_FORMS)
def test_two_sign_in_the_canonical_dialect(form: Form) -> None:
    proof = verify_note(make(form, ring=[keys.to_public_key(secret) for secret in SECRETS[1:3]]))
    assert (len(proof.ring), proof.dialect) == (2, Dialect.CANONICAL)


@pytest.mark.parametrize("form", MESSAGE_FORMS)
def test_proof_of_work_is_mined_under_these_forms_too(form: Form) -> None:
    assert count_leading_zero_bits(make(form, pow_bits=8).id) >= 8


@pytest.mark.parametrize("form", MESSAGE_FORMS)
@pytest.mark.parametrize(
    "changed",
    [
        {"ring": [keys.to_public_key(SECRETS[2])]},
        {"content": ""},
        {"content": "nostr-ring-note:v1:" + "0" * 64},
        {"tags": (("expiration", "4000000000"),)},
        {"tags": (("R", "00"),)},
        {"tags": (("subject", "y"),)},
        {"tags": (("t", "y"),)},
    ],
)
def test_what_no_reader_would_take_is_not_signed(form: Form, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="in this form"):
        make(form, **changed)


@pytest.mark.parametrize("content", [" x", "x\n", "\nx"])
def test_a_text_that_readers_would_strip_is_not_signed_in_the_text_form(content: str) -> None:
    with pytest.raises(ValueError, match="white space"):
        make(Form.TEXT, content=content)


@pytest.mark.parametrize(
    "content", ["ask " + nip19.encode_npub(MEMBERS[0]), "ringA" + "x" * 200, f"{MEMBERS[0].hex()}\n{MEMBERS[1].hex()}"]
)
def test_a_text_that_is_mistaken_for_its_ring_is_found_out_by_reading_it_back(content: str) -> None:
    try:
        proof = verify_note(make(Form.TEXT, content=content, tags=()))
    except Rejected:
        return
    assert proof.signed_text == content
