"""What a handler is given beside a message: the client that sent it, and what all clients share. Knows no verb."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from relay.delivery.event_pace import EventPace
from relay.delivery.large_work import LargeWork
from relay.delivery.outbox import Outbox
from relay.delivery.session import Session
from relay.delivery.subscriptions import Subscription, Subscriptions
from relay.handlers.intake import EventIntake
from relay.limits import Limits
from relay.policy.tiers import Tier, Tiers
from relay.pricing.payment_listeners import PaymentListeners
from relay.protocol.filter import Filter
from relay.storage.reader import Reader

Work = Callable[[], Awaitable[None]]
Refuse = Callable[[str], None]
SendStored = Callable[[Subscription], Awaitable[None]]
INTERNAL_ERROR = "error: the relay failed to handle this; try again later"


@dataclass(frozen=True, slots=True)
class Services:
    """What all connections share. `report_ok` counts an OK; `now` is Unix time in seconds."""

    limits: Limits
    tiers: Tiers
    reader: Reader
    intake: EventIntake
    payment_listeners: PaymentListeners | None
    subscriptions: Subscriptions
    now: Callable[[], int]
    large_work: LargeWork
    event_pace: EventPace
    report_ok: Callable[[bool, str], None]
    report_error: Callable[[BaseException], None]


class Client(Protocol):
    """The connection that a message came on. `event_slots` are as many events as it may have in flight."""

    session: Session
    outbox: Outbox
    event_slots: asyncio.Semaphore

    @property
    def now_s(self) -> float:
        """Return a monotonic time in seconds."""

    @property
    def is_closing(self) -> bool:
        """Return whether nothing more is read from the client."""

    @property
    def queries_under_way(self) -> int:
        """Return how many of the queries that were started are not done."""

    def find_tier(self) -> Tier:
        """Return the tier of the client's path as it is now. Raises Rejected where the operator took it away."""

    def start_task(self, work: Work, refuse: Refuse) -> None:
        """Start work that is finished even if the client leaves; what stops it is a text for `refuse`."""

    def start_query(self, work: Work, refuse: Refuse) -> None:
        """Start work that waits for its turn at the database, and ends when the client leaves."""

    def open_subscription(self, subscription_id: str, filters: tuple[Filter, ...], send_stored: SendStored) -> None:
        """Open a subscription, in place of one with the same id (NIP-01), and start sending what is stored."""

    def close_subscription(self, subscription_id: str) -> None:
        """Close a subscription, if it is open."""
