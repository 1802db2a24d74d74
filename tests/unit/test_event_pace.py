"""Events are taken in a few a turn of the loop, in the order in which connections came, and others are served in between."""

import asyncio

from relay.delivery.event_pace import EventPace

_A_TURN = 6


async def take(pace: EventPace, taken: list[int], number: int) -> None:
    await pace.take_turn()
    taken.append(number)


async def test_of_many_events_six_are_taken_in_each_turn_of_the_loop_in_their_order() -> None:
    pace, taken = EventPace(), list[int]()
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(take(pace, taken, number))
        counts = []
        while len(taken) < 20:
            await asyncio.sleep(0)
            counts.append(len(taken))
    assert taken == list(range(20))
    assert max(after - before for before, after in zip([0, *counts], counts, strict=False)) == _A_TURN


async def test_a_connection_with_more_events_waits_behind_the_others() -> None:
    pace, taken = EventPace(), list[int]()

    async def post_many(number: int) -> None:
        for _ in range(10):
            await take(pace, taken, number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(post_many(number))
        await asyncio.sleep(0)
        # Two of them had a turn's six.
        group.create_task(take(pace, taken, 99))
    assert taken.index(99) <= 2 * _A_TURN
    assert len(taken) == 31


async def test_an_event_that_comes_alone_waits_for_no_turn() -> None:
    pace = EventPace()
    for _ in range(3):
        taking = pace.take_turn()
        try:
            taking.send(None)
        except StopIteration:
            pass
        else:
            raise AssertionError("it waited")
        await asyncio.sleep(0)


async def test_a_connection_that_has_ended_takes_nobodys_turn() -> None:
    pace, taken = EventPace(), list[int]()
    tasks = [asyncio.create_task(take(pace, taken, number)) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[_A_TURN:-1]:
        task.cancel()
    await tasks[-1]
    assert taken == [*range(_A_TURN), 19]
    # And what comes later finds the turns free.
    await asyncio.wait_for(take(pace, taken, 20), 1.0)
