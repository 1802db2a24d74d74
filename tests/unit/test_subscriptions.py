"""The index of live subscriptions: those with one filter are one entry, and come and go without each other."""

from collections.abc import Sequence

from relay.delivery.live_note import LiveNote
from relay.delivery.subscriptions import Subscription, Subscriptions
from relay.protocol.filter import Filter
from tests.support.events import make_event, to_note

E_TAGS = Filter(tags=(("e", frozenset(("1", "2"))),))


class Nobody:
    def deliver(self, subscription: Subscription, notes: Sequence[LiveNote]) -> None:
        raise AssertionError


def add(index: Subscriptions, *filters: Filter) -> Subscription:
    subscription = Subscription("s", filters, Nobody())
    index.add(subscription)
    return subscription


def test_of_subscriptions_with_one_filter_each_is_found_until_it_is_removed() -> None:
    index = Subscriptions()
    note = to_note(make_event(kind=1))
    first, second = (add(index, Filter(kinds=frozenset((1,)), limit=limit)) for limit in (None, 10))
    assert index.find_matching(note) == [first, second]
    index.remove(first)
    assert not first.is_open
    assert index.find_matching(note) == [second]
    index.remove(second)
    assert index.find_matching(note) == []


def test_a_subscription_whose_filters_differ_in_their_limit_alone_is_found_once_and_removed_whole() -> None:
    index = Subscriptions()
    subscription = add(index, Filter(limit=1), Filter(limit=2), Filter())
    assert index.find_matching(to_note(make_event())) == [subscription]
    index.remove(subscription)
    assert index.find_matching(to_note(make_event())) == []


def test_a_note_that_matches_by_two_values_and_two_filters_finds_a_subscription_once() -> None:
    index = Subscriptions()
    subscription = add(index, E_TAGS, Filter())
    assert index.find_matching(to_note(make_event(tags=(("e", "1"), ("e", "2"))))) == [subscription]


def test_a_subscription_added_again_with_another_price_is_found_by_that() -> None:
    index = Subscriptions()
    subscription = add(index, Filter(limit=5))
    other = add(index, E_TAGS)
    index.change_min_prices(lambda path: 1_000)
    assert subscription.is_open
    assert other.is_open
    assert subscription.filters == (Filter(limit=5, min_price_msat=1_000),)
    assert index.find_matching(to_note(make_event())) == []
    index.change_min_prices(lambda path: 0)
    assert index.find_matching(to_note(make_event())) == [subscription]
