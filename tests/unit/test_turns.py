"""Turns: senders one after another, each in its own order, and nobody's many rows before another's few."""

from dataclasses import dataclass

from relay.turns import Turns


@dataclass(frozen=True)
class Waiting:
    sender: str
    cost: int
    number: int = 0


def fill(*waiting: Waiting) -> Turns[Waiting]:
    turns: Turns[Waiting] = Turns(256)
    for one in waiting:
        turns.push(one)
    return turns


def test_senders_take_turns_and_keep_their_own_order() -> None:
    a = [Waiting("a", 1, number) for number in range(3)]
    b = [Waiting("b", 1)]
    turns = fill(*a, *b)
    assert len(turns) == 4
    assert turns.pop_batch(3, 100) == [a[0], b[0], a[1]]
    assert turns.pop_batch(3, 100) == [a[2]]
    assert (len(turns), turns.pop_batch(3, 100)) == (0, [])


def test_the_first_always_goes_and_who_was_passed_over_is_next() -> None:
    large = [Waiting(sender, 1_500) for sender in "abc"]
    turns = fill(Waiting("z", 9_000), *large)
    assert turns.pop_batch(10, 2_000) == [Waiting("z", 9_000)]
    assert turns.pop_batch(10, 2_000) == [large[0]]
    turns.push(Waiting("d", 1_500))
    assert turns.pop_batch(10, 2_000) == [large[1]]


def test_what_has_few_rows_waits_for_one_large_batch_at_most_and_takes_turns_with_what_has_many() -> None:
    large = [Waiting(str(number), 2_000) for number in range(20)]
    small = [Waiting("small", 3), Waiting("another", 3), Waiting("small", 3, 1)]
    turns = fill(*large, *small)
    assert turns.pop_batch(500, 2_000) == [small[0], small[1], small[2]]
    turns.push(small[0])
    assert turns.pop_batch(500, 2_000) == [large[0]]
    assert turns.pop_batch(500, 2_000) == [small[0]]
    assert turns.pop_batch(500, 2_000) == [large[1]]
    # Nothing small waits.
    assert turns.pop_batch(500, 2_000) == [large[2]]
    # There is an end to what goes together.
    many = [Waiting(str(number), 200) for number in range(20)]
    assert len(fill(*many).pop_batch(500, 2_000)) == 10


def test_what_is_put_back_is_its_senders_next() -> None:
    a = [Waiting("a", 1, number) for number in range(3)]
    turns = fill(*a)
    assert turns.pop_batch(1, 100) == [a[0]]
    turns.put_back(a[0])
    assert turns.pop_batch(9, 100) == a
