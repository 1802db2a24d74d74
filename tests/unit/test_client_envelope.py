"""The outer event of a note: mined again, its ring signature stays what it was."""

import statistics
import time

import pytest
from coincurve import PrivateKey

from relay.client.commands.publish_signed import MAX_UNASKED_S
from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.envelope import USUAL_POW_BITS, estimate_work_s, sign_event_again
from relay.client.signing.verify_event import verify_note
from relay.policy.tiers import DEFAULT_TIERS
from relay.protocol.event import Event, count_leading_zero_bits
from tests.support.events import KEYS, make_ring_note, pubkey_of
from tests.support.time_factor import scaled

SIXTEEN_BITS_S = scaled(5.0)


def test_a_note_mined_again_is_the_same_to_its_ring() -> None:
    author = KEYS[40]
    note = make_ring_note(author=author, pow_bits=2)
    again = sign_event_again(note, author, 10)
    assert count_leading_zero_bits(again.id) >= 10
    assert [tag for tag in again.tags if tag[0] != "nonce"] == [tag for tag in note.tags if tag[0] != "nonce"]
    assert sum(tag[0] == "nonce" for tag in again.tags) == 1
    assert again.pubkey == pubkey_of(author)
    assert verify_note(again).signed_id == verify_note(note).signed_id


def test_the_work_done_unasked_is_less_for_a_long_note() -> None:
    short, long = "x", "x" * 90_000
    assert estimate_work_s(short, 26) < MAX_UNASKED_S < estimate_work_s(long, 26)


@pytest.mark.serial
def test_sixteen_bits_for_a_ring_of_a_hundred_take_seconds_and_leave_what_the_ring_signed() -> None:
    ring = [PrivateKey() for _ in range(100)]
    seconds: list[float] = []
    # One note may have luck; half of nine have not.
    for number in range(9):
        author = PrivateKey()
        note = make_note_of(ring, author, f"Said for the {number}th time by one of us. " * 20)
        begun = time.process_time()
        mined = sign_event_again(note, author, 16)
        seconds.append(time.process_time() - begun)
        assert count_leading_zero_bits(mined.id) >= 16
        assert [tag[0] for tag in mined.tags].index("nonce") == len(mined.tags) - 1
        assert mined.tags[:-1] == note.tags
        assert verify_note(mined).signed_id == verify_note(note).signed_id
    assert statistics.median(seconds) < SIXTEEN_BITS_S


def make_note_of(ring: list[PrivateKey], author: PrivateKey, content: str) -> Event:
    members = [bytes.fromhex(pubkey_of(key)) for key in ring]
    draft = Draft(ring=members, secret=ring[0].secret, content=content, created_at=int(time.time()))
    return make_bound_note(draft, author)


def test_what_is_mined_unasked_is_what_a_ringrelay_asks_for() -> None:
    assert DEFAULT_TIERS[0].pow_bits == USUAL_POW_BITS
