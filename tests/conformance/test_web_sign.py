"""The file that signs and the command line: what one signs, the other's verifier takes; from equal draws both make equal notes."""

import random
from collections.abc import Iterator

import pytest
from coincurve import PrivateKey

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.client.signing.verify_event import verify_note
from relay.limits import Limits, RingPolicy
from relay.policy import rules
from relay.protocol.event import Event, count_leading_zero_bits, decode_event, encode_event
from relay.protocol.ring_terms import Form, Scheme
from relay.verify import proof
from tests.conformance.web_drafts import CREATED_AT, draw_draft, draw_scalar, to_web
from tests.support.web_sign import WebSign, start_web_sign

# Together 300 notes.
SIGNED_THERE, SIGNED_ALIKE, SIGNED_HERE = 100, 100, 100
HOUR_S = 3600
TWO_DAYS_S = 48 * HOUR_S


@pytest.fixture(scope="module")
def web() -> Iterator[WebSign]:
    with start_web_sign() as started:
        yield started


@pytest.fixture
def rng() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def sign_here(draft: Draft, author: PrivateKey) -> Event:
    return (make_bound_note if draft.form is Form.BOUND else make_message_note)(draft, author)


def check_proved(event: Event, draft: Draft) -> None:
    """Check that a note proves what its draft says, and that a relay with default limits takes it."""
    found = verify_note(event)
    assert (found.form, found.scheme, found.scope) == (draft.form, draft.scheme, draft.scope)
    assert found.ring == tuple(sorted(draft.ring))
    assert draft.form is Form.BOUND or found.signed_text == draft.content
    assert draft.form is not Form.BOUND or event.content == draft.content
    assert (event.kind, event.created_at) == (draft.kind, draft.created_at)
    assert count_leading_zero_bits(event.id) >= draft.pow_bits
    rules.check_event(event, CREATED_AT, Limits())
    claim = proof.detect_claim(event)
    assert claim is not None
    rules.check_claim(event, claim, RingPolicy(min_size_linkable=2))


def test_what_the_file_signs_the_relay_verifies(web: WebSign, rng: random.Random) -> None:
    drafts = [draw_draft(rng) for _ in range(SIGNED_THERE - 2)] + [draw_draft(rng, size=40), draw_draft(rng, size=200)]
    notes = web.ask("sign", drafts=[to_web(draft) for draft in drafts])
    for json, draft in zip(notes, drafts, strict=True):
        event = decode_event(json)
        check_proved(event, draft)
        # The very bytes that the command line would print.
        assert encode_event(event).decode() == json
    reached = {(draft.form, draft.scheme) for draft in drafts}
    assert reached == {(form, scheme) for form in Form for scheme in Scheme}


def test_from_the_same_draws_both_make_the_same_note(
    web: WebSign, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [draw_draft(rng) for _ in range(SIGNED_ALIKE)]
    for draft in drafts:
        author, aux = draw_scalar(rng), rng.randbytes(32)
        # The nonce of the signer's link, and a response for each member.
        drawn = [draw_scalar(rng) for _ in range(1 + len(draft.ring))]
        draws = [each.hex() for each in (author, *drawn, aux)]
        rest = iter(drawn)
        monkeypatch.setattr("secrets.randbelow", lambda _, rest=rest: int.from_bytes(next(rest), "big") - 1)
        here = sign_here(draft, PrivateKey(author))
        (there,) = map(decode_event, web.ask("sign", drafts=[{**to_web(draft), "draws": draws}]))
        assert (there.id, there.tags, there.content) == (here.id, here.tags, here.content)
        assert there.sig == PrivateKey(author).sign_schnorr(bytes.fromhex(here.id), aux).hex()
        assert next(rest, None) is None
    assert {draft.scheme for draft in drafts} == set(Scheme)


def test_what_the_command_line_signs_the_file_verifies(web: WebSign, rng: random.Random) -> None:
    drafts = [draw_draft(rng) for _ in range(SIGNED_HERE)]
    notes = [sign_here(draft, PrivateKey()) for draft in drafts]
    events = [{name: getattr(note, name) for name in Event.__struct_fields__} for note in notes]
    for verdict, note in zip(web.ask("verify", events=events), notes, strict=True):
        found = verify_note(note)
        assert verdict["valid"], verdict
        ids = verdict["ringId"], verdict["keyImage"], verdict["scope"], verdict["signedText"]
        assert ids == (found.ring_id, found.key_image, found.scope, found.signed_text)


def test_two_notes_of_one_member_share_no_key_and_no_number(web: WebSign, rng: random.Random) -> None:
    draft = to_web(draw_draft(rng, size=5)) | {"form": "bound", "scheme": "sag", "scope": None, "bits": 0, "tags": []}
    seen: set[bytes] = set()
    notes = [decode_event(note) for note in web.ask("sign", drafts=[draft | {"kind": 1}] * 20)]
    for note in notes:
        claim = proof.detect_claim(note)
        assert claim is not None
        signature = claim.signature
        numbers = [bytes.fromhex(note.pubkey), bytes.fromhex(note.sig)[:32], signature.c0, *signature.responses]
        assert seen.isdisjoint(numbers)
        assert len(set(numbers)) == len(numbers)
        seen |= set(numbers)


def test_the_time_is_moved_back_up_to_two_days_and_rounded_to_the_hour(web: WebSign, rng: random.Random) -> None:
    draft = to_web(draw_draft(rng, size=2)) | {"bits": 0, "now": CREATED_AT}
    times = [decode_event(note).created_at for note in web.ask("sign", drafts=[draft] * 100)]
    assert all(time % HOUR_S == 0 for time in times)
    assert all(CREATED_AT - TWO_DAYS_S - HOUR_S < time <= CREATED_AT for time in times)
    # Of 49 hours 100 draws miss more than half with a chance of less than one in a million.
    assert len(set(times)) > 24


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("scheme", list(Scheme))
def test_the_work_that_a_ring_costs_is_known(web: WebSign, rng: random.Random, form: Form, scheme: Scheme) -> None:
    for size in (2, 128):
        draft = draw_draft(rng, size=size)
        scope = "a scope" if scheme is Scheme.BLSAG else None
        note = sign_here(_change(draft, form, scheme, scope), PrivateKey())
        bits = web.ask("bits", size=size, form=form, scheme=scheme)
        assert bits == rules.find_cost_bits(proof.detect_claim(note), RingPolicy())


def _change(draft: Draft, form: Form, scheme: Scheme, scope: str | None) -> Draft:
    return Draft(
        ring=draft.ring,
        secret=draft.secret,
        content="words",
        created_at=CREATED_AT,
        form=form,
        scheme=scheme,
        scope=scope,
    )
