"""The outer event of a note: mined anew, its ring signature stays what it was."""

from relay.client.envelope import seal_again
from relay.client.genuine import check_note
from relay.client.publish_signed import MAX_UNASKED_S, estimate_work_s
from relay.event import count_leading_zero_bits
from tests.support.events import KEYS, make_ring_note, pubkey_of


def test_a_note_mined_again_is_the_same_to_its_ring() -> None:
    author = KEYS[40]
    note = make_ring_note(author=author, pow_bits=2)
    again = seal_again(note, author, 10)
    assert count_leading_zero_bits(again.id) >= 10
    assert [tag for tag in again.tags if tag[0] != "nonce"] == [tag for tag in note.tags if tag[0] != "nonce"]
    assert sum(tag[0] == "nonce" for tag in again.tags) == 1
    assert again.pubkey == pubkey_of(author)
    assert check_note(again).pre_id == check_note(note).pre_id


def test_the_work_done_unasked_is_less_for_a_long_note() -> None:
    short, long = make_ring_note("x"), make_ring_note("x" * 90_000)
    assert estimate_work_s(short, 26) < MAX_UNASKED_S < estimate_work_s(long, 26)
