"""What one connection may do now: its subscriptions, rates and events in flight. Knows no socket and no clock."""

from collections.abc import Sequence

from relay.delivery.subscriptions import Subscription
from relay.limits import Limits
from relay.policy.open_orders import OpenOrders
from relay.policy.rate_limit import TokenBucket
from relay.protocol.filter import Filter, count_values
from relay.protocol.refusal import Prefix, Rejected


class Session:
    """The limits of one connection, and how much of them it uses."""

    def __init__(
        self,
        limits: Limits,
        now_s: float,
        held_shares: Sequence[TokenBucket] = (),
        *,
        remembers_notes: bool = True,
    ) -> None:
        self._limits = limits
        # Of this connection, and of its network where that is known.
        self._held_shares = held_shares
        self._events = TokenBucket(limits.events_per_s, limits.events_per_s * limits.burst_factor, now_s)
        self._reqs = TokenBucket(limits.reqs_per_s, limits.reqs_per_s * limits.burst_factor, now_s)
        self._bytes = TokenBucket(limits.read_bytes_per_s, limits.read_bytes_per_s * limits.burst_factor, now_s)
        self._links = TokenBucket(limits.ring_links_per_s, limits.ring_links_per_s * limits.burst_factor, now_s)
        self._rows = TokenBucket(limits.rows_per_s, limits.rows_per_s * limits.burst_factor, now_s)
        self.subscriptions: dict[str, Subscription] = {}
        self._held_units = 0
        self.orders = OpenOrders(remembers_notes=remembers_notes)

    def is_as_new(self, now_s: float) -> bool:
        """Return whether a new session would allow nothing more. `now_s` is monotonic."""
        rates = (self._events, self._reqs, self._bytes, self._links, self._rows, *self._held_shares)
        return all(rate.is_full(now_s) for rate in rates) and not self._held_units and not self.orders.has_any

    def take_read_delay(self, size: int, now_s: float) -> float:
        """Return how many seconds reading must pause after a frame of `size` characters."""
        return self._bytes.take_on_credit(size, now_s)

    def check_byte_rate(self, size: int, now_s: float) -> None:
        """Raise Rejected if characters come faster in forms, which wait for nobody, than the limits allow. `now_s` is monotonic."""
        if not self._bytes.try_take(now_s, size):
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._limits.read_bytes_per_s:g} characters a second are read from a network; wait and try again",
            )

    def check_ring_rate(self, links: int, now_s: float) -> None:
        """Raise Rejected if ring links come faster than the limits allow. `now_s` is monotonic."""
        if links and not self._links.try_take(now_s, links):
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._limits.ring_links_per_s:g} ring links a second are verified; wait and try again",
            )

    def check_row_rate(self, rows: int, now_s: float) -> None:
        """Raise Rejected if rows of tags and ring members come faster than the limits allow. `now_s` is monotonic."""
        if rows and not self._rows.try_take(now_s, rows):
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._limits.rows_per_s:g} tags and ring members a second are stored; wait and try again",
            )

    def check_held_share(self, now_s: float) -> None:
        """Raise Rejected if this connection or its network has more notes held than its share. `now_s` is monotonic."""
        if not all(share.has_tokens(now_s) for share in self._held_shares):
            raise Rejected(
                Prefix.RATE_LIMITED,
                "your connection or your network has as many notes waiting for the next batch as it may; "
                "try again after it",
            )
        for share in self._held_shares:
            share.try_take(now_s)

    def check_event_rate(self, now_s: float) -> None:
        """Raise Rejected if EVENTs come faster than the limits allow. `now_s` is monotonic."""
        if not self._events.try_take(now_s):
            raise Rejected(
                Prefix.RATE_LIMITED, f"send at most {self._limits.events_per_s:g} events a second; wait and try again"
            )

    def check_req_rate(self, now_s: float) -> None:
        """Raise Rejected if REQs and COUNTs come faster than the limits allow. `now_s` is monotonic."""
        if not self._reqs.try_take(now_s):
            raise Rejected(
                Prefix.RATE_LIMITED, f"send at most {self._limits.reqs_per_s:g} REQs a second; wait and try again"
            )

    def check_can_open(self, subscription_id: str, filters: tuple[Filter, ...]) -> None:
        """Raise Rejected if one more subscription is too many or too large. The same id replaces one (NIP-01)."""
        others = [other for name, other in self.subscriptions.items() if name != subscription_id]
        if len(others) >= self._limits.max_subscriptions:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._limits.max_subscriptions} subscriptions per connection; CLOSE one and try again",
            )
        # Each value is an entry in the index of live subscriptions, which costs memory while the subscription is open.
        self._check_values([*filters, *(filter_ for other in others for filter_ in other.filters)])

    def check_can_count(self, filters: tuple[Filter, ...], under_way: int) -> None:
        """Raise Rejected if a COUNT asks for more than could be open, or one more at the same time is too many."""
        self._check_values(filters)
        if under_way >= self._limits.max_subscriptions:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._limits.max_subscriptions} COUNTs at the same time; wait and try again",
            )

    def _check_values(self, filters: Sequence[Filter]) -> None:
        if sum(map(count_values, filters)) > self._limits.max_open_values:
            raise Rejected(
                Prefix.RATE_LIMITED,
                f"at most {self._limits.max_open_values} values in all open filters of a connection; "
                f"CLOSE a subscription or ask for fewer",
            )

    def begin_verification(self, units: int, max_units: int) -> None:
        """Count verification work that begins. One unit is a Schnorr check or a ring link.

        Raises Rejected if this connection alone would have more than `max_units` under way. One note is always allowed.
        """
        if self._held_units and self._held_units + units > max_units:
            raise Rejected(
                Prefix.RATE_LIMITED, "too much verification is under way for this connection; wait for its OKs"
            )
        self._held_units += units

    def end_verification(self, units: int) -> None:
        """Count verification work no longer, whatever it found."""
        self._held_units -= units
