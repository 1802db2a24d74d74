"""What is asked for at about the same time is asked for lookup, never more than a bound, and never side by side."""

import asyncio
from collections.abc import Sequence

import pytest

from relay.storage.batched_lookup import BatchedLookup


class Oracle:
    """Answer with the square of each key, when told to; odd keys are unknown."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.may_answer = asyncio.Event()
        self.running = 0

    async def ask(self, keys: Sequence[int]) -> dict[int, int]:
        assert not self.running
        self.running += 1
        self.asked.append(set(keys))
        await self.may_answer.wait()
        self.running -= 1
        if -1 in keys:
            raise ValueError
        return {key: key * key for key in keys if key % 2 == 0}


async def _find(lookup: BatchedLookup[int, int], key: int) -> int | None:
    return (await lookup.look_up(key)).get(key)


async def test_what_comes_while_a_question_runs_is_asked_for_with_the_next_one() -> None:
    oracle = Oracle()
    lookup = BatchedLookup(oracle.ask, 100)
    first = asyncio.ensure_future(_find(lookup, 2))
    await asyncio.sleep(0.01)
    others = [asyncio.ensure_future(_find(lookup, key)) for key in (3, 4, 4, 6)]
    await asyncio.sleep(0.01)
    oracle.may_answer.set()
    assert await asyncio.gather(first, *others) == [4, None, 16, 16, 36]
    assert oracle.asked == [{2}, {3, 4, 6}]


async def test_no_question_has_more_keys_than_the_bound() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    lookup = BatchedLookup(oracle.ask, 4)
    found = await asyncio.gather(*(_find(lookup, key) for key in range(0, 20, 2)))
    assert found == [key * key for key in range(0, 20, 2)]
    assert [len(keys) for keys in oracle.asked] == [4, 4, 2]


async def test_a_failure_is_told_to_those_who_asked_and_to_nobody_else() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    lookup = BatchedLookup(oracle.ask, 2)
    results = await asyncio.gather(*(_find(lookup, key) for key in (2, -1, 4)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int]
    assert await _find(lookup, 6) == 36


async def test_who_goes_away_takes_no_answer_from_others() -> None:
    oracle = Oracle()
    lookup = BatchedLookup(oracle.ask, 100)
    gone, stays = (asyncio.ensure_future(_find(lookup, key)) for key in (2, 4))
    await asyncio.sleep(0.01)
    gone.cancel()
    oracle.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await stays == 16
