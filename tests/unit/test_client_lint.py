"""What is weak about a ring: its size, keys that nobody has seen, a signer's key that stands out."""

import pytest

from relay.client.signing.lint import SMALL_RING, USUAL_MIN_LINKABLE, lint_ring
from relay.client.signing.ring_file import NEVER, Entry
from relay.limits import RingPolicy
from relay.protocol.ring_terms import Scheme

OWN = bytes([1]) * 32


def make_ring(own: str | None, *others: str | None) -> list[Entry]:
    """Return a ring of SMALL_RING or more: the signer, the others, and ten of whom nothing is known."""
    known = [Entry(OWN, seen=own), *(Entry(bytes([2 + place]) * 32, seen=seen) for place, seen in enumerate(others))]
    return known + [Entry(bytes([100 + place]) * 32) for place in range(SMALL_RING)]


def test_a_ring_of_ten_of_whom_nothing_is_known_is_let_pass() -> None:
    assert lint_ring(make_ring(None)[:SMALL_RING], OWN) == []


def test_a_ring_of_fewer_than_ten_is_small() -> None:
    (warning,) = lint_ring(make_ring(None)[: SMALL_RING - 1], OWN)
    assert "a ring of 9 hides you among 8 other members only" in warning


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (2, "among one other member only: that one knows that it was you, and so does anyone who can rule them out"),
        (3, "among 2 other members only: together they know that it was you, and so does anyone who can rule them out"),
        (5, "among 4 other members only: together they know"),
    ],
)
def test_a_small_ring_is_worth_what_the_others_keep_to_themselves(size: int, said: str) -> None:
    (warning,) = lint_ring(make_ring(None)[:size], OWN)
    assert said in warning
    assert "10 or more are better" in warning


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (2, "the other member can prove that a linkable note is not theirs, and then it is yours; relays refuse"),
        (
            4,
            "each of the 3 others can prove that a linkable note is not theirs, and once all have, it is yours; relays refuse",
        ),
        (
            5,
            "each of the 4 others can prove that a linkable note is not theirs, and once all have, it is yours: sign with",
        ),
        (9, "each of the 8 others"),
    ],
)
def test_others_can_clear_themselves_of_a_linkable_note(size: int, said: str) -> None:
    _, warning = lint_ring(make_ring(None)[:size], OWN, Scheme.BLSAG)
    assert said in warning
    assert "--scheme sag" in warning
    assert ("relays refuse a linkable ring of fewer than 5 by default" in warning) is (size < USUAL_MIN_LINKABLE)


def test_a_linkable_ring_of_ten_is_let_pass() -> None:
    assert lint_ring(make_ring(None)[:SMALL_RING], OWN, Scheme.BLSAG) == []


def test_the_fewest_members_that_are_named_are_a_relays_default() -> None:
    assert RingPolicy().min_size_linkable == USUAL_MIN_LINKABLE


def test_a_ring_of_one_is_no_ring() -> None:
    (warning,) = lint_ring(make_ring(None)[:1])
    assert "a ring of one hides nobody" in warning


@pytest.mark.parametrize(("others", "said"), [((NEVER,), "1 of the ring's"), ((NEVER, NEVER), "2 of the ring's")])
def test_keys_that_were_never_seen_are_counted_without_the_signers(others: tuple[str, ...], said: str) -> None:
    (warning,) = lint_ring(make_ring(NEVER, *others, "2021-Q1"), OWN)
    assert warning.startswith(said)
    assert "hides nobody" in warning


@pytest.mark.parametrize(
    ("own", "others", "said"),
    [
        (NEVER, ("2021-Q1", "2022-Q3"), "only key that was never seen of those that a relay was asked about"),
        ("2024-Q1", ("2023-Q4", "2021-Q1"), "newest"),
        ("2024-Q1", (NEVER,), "only key that was ever seen of those that"),
    ],
)
def test_a_signers_key_that_stands_out_is_warned_about(own: str, others: tuple[str, ...], said: str) -> None:
    assert any(said in warning for warning in lint_ring(make_ring(own, *others), OWN))


@pytest.mark.parametrize(
    ("own", "others"),
    [("2024-Q1", ("2024-Q1",)), ("2021-Q1", ("2024-Q1", "2020-Q4")), (None, ("2021-Q1",)), ("2024-Q1", (None,))],
)
def test_a_signers_key_that_does_not_stand_out_is_let_pass(own: str | None, others: tuple[str | None, ...]) -> None:
    assert lint_ring(make_ring(own, *others), OWN) == []


def test_without_the_signers_key_nothing_is_said_of_it() -> None:
    assert lint_ring(make_ring("2024-Q1", "2021-Q1")) == []
