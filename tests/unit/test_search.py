"""What a search finds, term by term."""

import pytest

from relay.limits import Limits
from relay.protocol.event import find_tag
from relay.protocol.ring_terms import MAX_FLAG_BYTES, is_flag
from relay.protocol.search import matches_search, parse_search
from relay.verify import proof
from relay.verify.ring_equations import to_ring_id
from tests.support.events import KEYS, make_ring, make_ring_note, pubkey_of

NOTE = make_ring_note(scope="a poll", ring_size=5, signer=2)
OTHER_IMAGE = "02" + pubkey_of(KEYS[7])


@pytest.mark.parametrize(
    ("term", "near"),
    [
        (f"ring:{pubkey_of(KEYS[4])}", f"ring:{pubkey_of(KEYS[5])}"),
        (f"ringid:{to_ring_id(make_ring(5))}", f"ringid:{to_ring_id(make_ring(4))}"),
        (f"keyimage:{find_tag(NOTE, 'J')}", f"keyimage:{OTHER_IMAGE}"),
        ("scope:a%20poll", "scope:a%20poll%20"),
        ("scheme:blsag", "scheme:sag"),
        ("minring:5", "minring:6"),
        ("binding:event", "binding:message"),
        ("form:bound", "form:text"),
    ],
)
def test_a_term_finds_the_notes_that_it_is_true_of_and_no_others(term: str, near: str) -> None:
    limits, claim = Limits(), proof.detect_claim(NOTE)
    assert claim is not None
    members = frozenset(claim.ring)
    assert matches_search(parse_search(term, limits), claim, members)
    assert not matches_search(parse_search(near, limits), claim, members)
    assert not matches_search(parse_search(f"{term} {near}", limits), claim, members)
    # A plain note has no terms, so that only an empty search finds it.
    assert not matches_search(parse_search(term, limits), None, frozenset())
    assert matches_search(parse_search("", limits), None, frozenset())


@pytest.mark.parametrize(
    ("flag", "is_one"),
    [
        ("x", True),
        ("\u00e4" * (MAX_FLAG_BYTES // 2), True),
        ("", False),
        ("\u00e4" * (MAX_FLAG_BYTES // 2) + "x", False),
        # Half a surrogate pair has no bytes that could be signed.
        ("\ud83d", False),
    ],
)
def test_a_flag_has_1_to_128_bytes_of_utf_8(flag: str, is_one: bool) -> None:
    assert is_flag(flag) is is_one
