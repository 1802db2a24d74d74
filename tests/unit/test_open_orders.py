"""One connection has a bounded number of unpaid invoices, and those that expire or are paid for count no more."""

import pytest

from relay.limits import InvoicePolicy
from relay.policy.open_orders import OpenOrders
from relay.protocol.refusal import Prefix, Rejected

POLICY = InvoicePolicy(max_open_per_connection=2)
NOW = 1_800_000_000


def order(orders: OpenOrders, note_id: bytes, now: int = NOW) -> None:
    with orders.hold_order(now, POLICY):
        orders.add_order(note_id, NOW + 60)


def assert_full(orders: OpenOrders, now: int = NOW) -> None:
    with pytest.raises(Rejected, match="at most 2 unpaid invoices per connection") as caught:
        order(orders, b"one more", now)
    assert caught.value.prefix is Prefix.RATE_LIMITED


def fail_to_order(orders: OpenOrders) -> None:
    with orders.hold_order(NOW, POLICY):
        assert_full(orders)
        raise ZeroDivisionError


def test_an_order_beyond_the_bound_is_refused_until_one_is_paid_for() -> None:
    orders = OpenOrders()
    order(orders, b"first")
    order(orders, b"second")
    assert_full(orders)
    orders.end_order(b"first")
    order(orders, b"third")
    assert_full(orders)


def test_an_order_counts_until_the_second_in_which_it_expires() -> None:
    orders = OpenOrders()
    order(orders, b"first")
    order(orders, b"second")
    assert_full(orders, NOW + 59)
    order(orders, b"third", NOW + 60)


def test_an_order_counts_while_it_is_being_made_and_not_once_that_failed() -> None:
    orders = OpenOrders()
    order(orders, b"first")
    with pytest.raises(ZeroDivisionError):
        fail_to_order(orders)
    order(orders, b"second")
    assert_full(orders)


def test_what_outlasts_its_connection_counts_orders_until_they_expire_and_knows_no_note() -> None:
    orders = OpenOrders(remembers_notes=False)
    assert not orders.has_any
    order(orders, b"first")
    order(orders, b"second")
    assert orders.has_any
    assert not any(note_id in repr(vars(orders)) for note_id in ("first", "second"))
    orders.end_order(b"first")
    assert_full(orders)
    order(orders, b"third", NOW + 60)
    assert "third" not in repr(vars(orders))
