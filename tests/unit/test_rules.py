"""What is accepted here, rule by rule, where no server is needed to see it."""

import msgspec
import pytest

from relay.limits import RingPolicy
from relay.policy import rules
from relay.policy.tiers import Tier
from relay.protocol.event import Event, encode_event
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import proof
from relay.verify.claim import Claim
from relay.verify.ring_equations import RELEASE_FLAG
from tests.support.events import KEYS, make_event, make_ring_note, make_words_note, sign_again


def claim_of(event: Event) -> Claim:
    claim = proof.detect_claim(event)
    assert claim is not None
    return claim


def make_lucky(*nonce: str) -> Event:
    """Make an event whose id has 12 leading zero bits, whatever its nonce tag says of them."""
    return msgspec.structs.replace(make_event(tags=(("nonce", *nonce),)), id="000f" + "f" * 60)


@pytest.mark.parametrize("target", ["7", "0", "", "-9", "eight", "0007"])
def test_work_that_was_meant_for_fewer_bits_is_refused_however_lucky_the_id(target: str) -> None:
    with pytest.raises(Rejected, match="must commit to at least 8 bits") as caught:
        rules.check_proof_of_work(make_lucky("1", target), 8)
    assert caught.value.prefix is Prefix.POW


@pytest.mark.parametrize("nonce", [("1", "8"), ("1", "64"), ("1",), ()])
def test_work_that_was_meant_for_enough_bits_or_for_no_number_is_accepted(nonce: tuple[str, ...]) -> None:
    rules.check_proof_of_work(make_lucky(*nonce), 8)


def test_an_id_has_as_many_bits_as_are_asked_for_or_is_refused() -> None:
    rules.check_proof_of_work(make_lucky("1"), 12)
    with pytest.raises(Rejected, match="13 bits of proof of work are needed"):
        rules.check_proof_of_work(make_lucky("1"), 13)


def test_words_that_a_ring_signed_are_young_enough_or_refused_before_their_work_is_looked_at() -> None:
    now, limit = 1_800_000_000, RingPolicy().max_age_message_forms_s
    words = make_words_note()
    old = sign_again(words, KEYS[60], words.tags, now - limit - 1)
    with pytest.raises(Rejected, match="created_at is more than 604800 seconds in the past") as caught:
        rules.check_age(old, now, RingPolicy())
    assert caught.value.prefix is Prefix.INVALID
    rules.check_age(sign_again(words, KEYS[60], words.tags, now - limit), now, RingPolicy())
    rules.check_age(old, now, RingPolicy(max_age_message_forms_s=0))
    # A ring signed the time of a bound note, and nobody's ring is named by a plain one.
    for event in (make_ring_note(created_at=1), make_event(created_at=1)):
        rules.check_age(event, now, RingPolicy())


@pytest.mark.parametrize(("is_allowed", "has_scope"), [(False, False), (False, True), (True, False)])
def test_a_linkable_signature_needs_a_scope_unless_the_operator_says_otherwise(
    is_allowed: bool, has_scope: bool
) -> None:
    event = make_ring_note(scope="a poll") if has_scope else make_words_note(flag=RELEASE_FLAG)
    policy = RingPolicy(allow_unscoped_linkable=is_allowed)
    if is_allowed or has_scope:
        rules.check_ring(event, claim_of(event), policy)
    else:
        with pytest.raises(Rejected, match="a linkable signature without a scope"):
            rules.check_ring(event, claim_of(event), policy)


@pytest.mark.parametrize(("scope", "smallest"), [(None, 2), ("a poll", 5)])
def test_by_default_two_are_a_ring_and_five_a_linkable_one(scope: str | None, smallest: int) -> None:
    accepted = make_ring_note(ring_size=smallest, signer=0, scope=scope)
    rules.check_ring(accepted, claim_of(accepted), RingPolicy())
    for size in range(2, smallest):
        refused = make_ring_note(ring_size=size, signer=0, scope=scope)
        with pytest.raises(Rejected, match="linkable rings need at least 5 members here") as caught:
            rules.check_ring(refused, claim_of(refused), RingPolicy())
        assert caught.value.prefix is Prefix.BLOCKED


def test_the_smallest_ring_is_the_smallest_of_all_forms_and_schemes() -> None:
    policy = RingPolicy(min_size=7)
    for event in (make_ring_note(ring_size=6), make_ring_note(ring_size=6, scope="s"), make_words_note(ring_size=6)):
        with pytest.raises(Rejected, match=r"^blocked: rings need at least 7 members here"):
            rules.check_ring(event, claim_of(event), policy)
    for event in (make_ring_note(ring_size=7), make_ring_note(ring_size=7, scope="s"), make_words_note(ring_size=7)):
        rules.check_ring(event, claim_of(event), policy)


def test_linkable_words_need_as_many_members_as_a_linkable_note() -> None:
    for size, is_refused in ((4, True), (5, False)):
        event = make_words_note(ring_size=size, flag="a poll")
        if is_refused:
            with pytest.raises(Rejected, match="linkable rings need at least 5"):
                rules.check_ring(event, claim_of(event), RingPolicy())
        else:
            rules.check_ring(event, claim_of(event), RingPolicy())
    # Of what no operator need accept, the graver fault is said.
    unscoped = make_words_note(ring_size=4, flag=RELEASE_FLAG)
    with pytest.raises(Rejected, match="without a scope"):
        rules.check_ring(unscoped, claim_of(unscoped), RingPolicy())


def test_a_path_takes_rings_up_to_its_own_size() -> None:
    tier = Tier(path="/small", max_ring=4)
    rules.check_tier_ring(4, tier)
    with pytest.raises(Rejected, match="rings have at most 4 members on this path") as caught:
        rules.check_tier_ring(5, tier)
    assert caught.value.prefix is Prefix.BLOCKED


def test_a_path_takes_notes_up_to_its_own_size_to_the_byte() -> None:
    tier = Tier(path="/short", max_kib=1)
    room = 1024 - len(encode_event(make_event(content="")))
    event = make_event(content="x" * room)
    assert len(encode_event(event)) == 1024
    rules.check_tier(event, tier)
    with pytest.raises(Rejected, match="notes have at most 1 KiB on this path"):
        rules.check_tier(make_event(content="x" * (room + 1)), tier)
