"""Polls (NIP-88): their options, and the tally of responses by ring."""

from relay.pages.poll import Poll, RingTally, Tally, read_poll, tally_responses
from relay.storage.page_reader import MAX_TALLIED, Response
from tests.support.events import make_event

ONE, TWO = bytes(32), bytes([1] * 32)


def make_poll(*tags: tuple[str, ...]) -> Poll:
    poll = read_poll(make_event(kind=1068, tags=(("option", "y", "Yes"), ("option", "n", "No"), *tags)))
    assert poll is not None
    return poll


def count(ring: RingTally) -> dict[str, int]:
    return {option.label: option.members for option in ring.options}


def test_a_poll_has_options_of_which_the_first_with_an_id_counts() -> None:
    poll = make_poll(("option", "y", "other"), ("option",), ("option", "bare"), ("option", "x", "a\n\u202eb"))
    assert poll.options == {"y": "Yes", "n": "No", "bare": "bare", "x": "a b"}
    assert not poll.is_multiple
    assert poll.end is None
    assert read_poll(make_event(kind=1, tags=(("option", "y", "Yes"),))) is None


def test_an_end_is_a_number_or_none() -> None:
    assert make_poll(("endsAt", "1000")).ends_at == 1_000
    for value in ("", "-1", "soon", "1e3", "9" * 30, "١"):
        assert make_poll(("endsAt", value)).ends_at is None


def test_of_one_choice_the_first_counts_and_of_several_each_once() -> None:
    responses = [
        Response(ONE, 1, ("y", "n", "y")),
        Response(ONE, 1, ("n",)),
        Response(ONE, 1, ("?", "y")),
        Response(ONE, 1, ()),
    ]
    (single,) = (tally_responses(make_poll(), responses) or _none()).rings
    assert (single.members, count(single), single.others) == (4, {"Yes": 1, "No": 1}, 2)
    (multiple,) = (tally_responses(make_poll(("polltype", "multiplechoice")), responses) or _none()).rings
    assert (multiple.members, count(multiple), multiple.others) == (4, {"Yes": 2, "No": 2}, 1)


def test_each_ring_has_a_tally_the_largest_first() -> None:
    responses = [Response(ONE, 1, ("y",)), Response(TWO, 1, ("n",)), Response(TWO, 1, ("n",))]
    tally = tally_responses(make_poll(), responses) or _none()
    assert [(ring.ring_id, ring.members) for ring in tally.rings] == [(TWO.hex(), 2), (ONE.hex(), 1)]


def test_of_many_rings_the_largest_are_listed_and_the_others_are_counted() -> None:
    # The page of a poll that 2,000 rings of two keys answered had 27 MB, and took 3 s of the thread that serves everybody.
    options = tuple(("option", str(number), "an option") for number in range(98))
    large = bytes([255] * 32)
    responses = [Response(number.to_bytes(32, "big"), 1, ("y",)) for number in range(1_998)]
    tally = tally_responses(make_poll(*options), [*responses, *[Response(large, 1, ("y",))] * 2]) or _none()
    assert (tally.rings[0].ring_id, tally.rings[0].members) == (large.hex(), 2)
    assert sum(len(ring.options) for ring in tally.rings) <= 1_000
    assert len(tally.rings) + tally.unlisted == 1_999
    few = tally_responses(make_poll(), responses[:300]) or _none()
    assert (len(few.rings), few.unlisted) == (300, 0)


def test_what_is_dated_after_the_end_is_late() -> None:
    responses = [Response(ONE, 1_000, ("y",)), Response(ONE, 1_001, ("y",))]
    tally = tally_responses(make_poll(("endsAt", "1000")), responses) or _none()
    assert (tally.late, [ring.members for ring in tally.rings]) == (1, [1])


def test_more_responses_than_are_read_have_no_tally() -> None:
    assert tally_responses(make_poll(), [Response(ONE, 1, ("y",))] * (MAX_TALLIED + 1)) is None
    assert tally_responses(make_poll(), [Response(ONE, 1, ("y",))] * MAX_TALLIED) is not None


def _none() -> Tally:
    raise AssertionError("there is no tally")
