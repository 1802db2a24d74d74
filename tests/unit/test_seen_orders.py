"""An order is seen while a connection waits for it, and once its page was opened; live only while somebody looks."""

from relay.policy.seen_orders import SeenOrders

NOW = 1_800_000_000
ONE, OTHER = b"one", b"other"


def test_an_order_is_seen_while_any_connection_waits_for_it() -> None:
    seen = SeenOrders()
    for _ in range(2):
        seen.begin_waiting(ONE)
    seen.end_waiting(ONE)
    assert seen.is_seen(ONE)
    assert seen.list_live(NOW) == seen.list_seen() == [ONE]
    seen.end_waiting(ONE)
    assert not seen.is_seen(ONE)
    assert seen.list_live(NOW) == seen.list_seen() == []


def test_an_order_is_seen_while_it_is_being_made_and_not_once_that_failed() -> None:
    seen = SeenOrders()
    with seen.hold(ONE):
        assert seen.is_seen(ONE)
        with seen.hold(OTHER):
            assert sorted(seen.list_seen()) == [ONE, OTHER]
    assert seen.list_seen() == []


def test_an_order_whose_page_was_opened_is_seen_until_it_expires_and_live_for_a_minute() -> None:
    seen = SeenOrders()
    seen.open_page(ONE, NOW + 900, NOW)
    assert seen.list_live(NOW + 59) == [ONE]
    assert seen.list_live(NOW + 60) == []
    assert seen.is_seen(ONE)
    seen.open_page(ONE, NOW + 900, NOW + 800)
    assert seen.list_live(NOW + 801) == [ONE]
    assert seen.list_live(NOW + 900) == []
    assert not seen.is_seen(ONE)
