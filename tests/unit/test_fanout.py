"""Fan-out keeps order, lets others have their turn, and delivers nothing to a subscription that was closed meanwhile."""

import asyncio
import itertools
from collections.abc import Sequence

from relay.delivery.fanout import Fanout
from relay.delivery.live_note import LiveNote
from relay.delivery.subscriptions import Subscription, Subscriptions
from relay.protocol.filter import Filter
from tests.support.events import make_event, to_note
from tests.support.waiting import until


class Listener:
    """Remember what was delivered, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def deliver(self, subscription: Subscription, notes: Sequence[LiveNote]) -> None:
        self.heard += [(subscription.id, live_note.note.event.content) for live_note in notes]


async def test_thousands_of_deliveries_take_several_turns_of_the_loop_and_keep_their_order() -> None:
    listener = Listener()
    index = Subscriptions()
    for number in range(500):
        index.add(Subscription(str(number), (Filter(),), listener))
    publishing = asyncio.ensure_future(
        Fanout(index, 1000).publish([to_note(make_event(content=str(number))) for number in range(20)])
    )
    turns = 0
    while not publishing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 10
    for name in map(str, range(500)):
        assert [content for heard_by, content in listener.heard if heard_by == name] == [str(n) for n in range(20)]


async def test_one_note_to_five_thousand_is_written_to_some_of_them_a_turn() -> None:
    listener = Listener()
    index = Subscriptions()
    for number in range(5_000):
        index.add(Subscription(str(number), (Filter(),), listener))
    publishing = asyncio.ensure_future(Fanout(index).publish([to_note(make_event())]))
    heard = [0]
    while not publishing.done():
        await asyncio.sleep(0)
        heard.append(len(listener.heard))
    # Each is also a write to a socket, of about 10 us.
    assert max(after - before for before, after in itertools.pairwise(heard)) <= 125
    assert heard[-1] == 5_000


async def test_a_subscription_that_is_closed_in_between_hears_no_more() -> None:
    listener = Listener()
    index = Subscriptions()
    subscriptions = [Subscription(str(number), (Filter(),), listener) for number in range(3000)]
    for subscription in subscriptions:
        index.add(subscription)
    publishing = asyncio.ensure_future(Fanout(index, 1000).publish([to_note(make_event())]))
    await asyncio.sleep(0)
    for subscription in subscriptions:
        index.remove(subscription)
    await publishing
    assert 0 < len(listener.heard) < 3000


async def test_who_stores_notes_waits_for_their_readers_only_where_too_much_waits() -> None:
    index = Subscriptions()
    listener = Listener()
    index.add(Subscription("one", (Filter(),), listener))
    fanout = Fanout(index)
    large = [to_note(make_event(content=f"{number} " + "x" * 1_000_000)) for number in range(20)]
    accepted = []
    # Nobody publishes yet.
    for note in large:
        accepted.append(asyncio.ensure_future(fanout.accept([note])))
        await asyncio.sleep(0)
    assert [one.done() for one in accepted] == [True] * 16 + [False] * 4
    publishing = asyncio.ensure_future(fanout.keep_publishing())
    await asyncio.wait_for(asyncio.gather(*accepted), 5)
    await until(lambda: len(listener.heard) == 20)
    publishing.cancel()
    assert [content for _, content in listener.heard] == [note.event.content for note in large]


async def test_to_match_a_batch_with_thousands_of_filters_leaves_turns_to_others() -> None:
    index = Subscriptions()
    listener = Listener()
    now = 1_700_000_000
    for number in range(4_000):
        index.add(Subscription(str(number), (Filter(kinds=frozenset((1,)), since=now + number),), listener))
    notes = [to_note(make_event(content=str(number), created_at=now - 1)) for number in range(100)]
    publishing = asyncio.ensure_future(Fanout(index).publish([*notes, to_note(make_event(created_at=now))]))
    turns = 0
    while not publishing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 5
    assert [name for name, _ in listener.heard] == ["0"]


async def test_small_notes_that_wait_for_subscribers_are_counted_with_what_they_take_in_memory() -> None:
    index = Subscriptions()
    index.add(Subscription("one", (Filter(),), Listener()))
    fanout = Fanout(index)
    note = to_note(make_event())
    count = 0
    # Nobody publishes.
    while True:
        accepting = asyncio.ensure_future(fanout.accept([note]))
        await asyncio.sleep(0)
        if not accepting.done():
            break
        count += 1
    accepting.cancel()
    # By their JSON alone it were 50,000, which take 100 MB, and minutes to deliver to thousands.
    assert 1_000 < count < 8_192
