"""One client's connection: frames, subscriptions, and clients that read too slowly. Knows no verb and no note."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from relay.delivery.live_note import LiveNote
from relay.delivery.outbox import Outbox
from relay.delivery.session import Session
from relay.delivery.subscriptions import Subscription
from relay.handlers.context import INTERNAL_ERROR, Refuse, SendStored, Services, Work
from relay.handlers.verbs import VERBS, leave_all, parse_message, refuse_frame
from relay.metrics import MALFORMED, Metrics
from relay.policy.rate_limit import TokenBucket
from relay.policy.tiers import Tier
from relay.protocol import messages
from relay.protocol.filter import Filter
from relay.protocol.messages import Malformed
from relay.protocol.refusal import Prefix, Rejected

_GOING_AWAY = 1001
_TRY_AGAIN_LATER = 1013
_ABORT_AFTER_S = 1.0
_SLOW_AFTER_S = 2.0
# Parsing a frame of this size takes a millisecond.
_LARGE_FRAME_CHARS = 32_768
# This many times max_pending_bytes is too much at once.
HARD_FACTOR = 4


class Connection:
    """The connection of one client. It holds no address and no header of the client's request."""

    def __init__(
        self,
        websocket: ServerConnection,
        services: Services,
        metrics: Metrics,
        path: str,
        held_shares: Sequence[TokenBucket] = (),
    ) -> None:
        self._websocket = websocket
        self._services = services
        self._metrics = metrics
        self._path = path
        self._limits = services.limits
        self._loop = asyncio.get_running_loop()
        self.session = Session(services.limits, self._loop.time(), held_shares)
        self.outbox = Outbox(websocket, metrics.count_bytes_out)
        self.event_slots = asyncio.Semaphore(services.limits.max_events_in_flight)
        self._query_slots = asyncio.Semaphore(services.limits.max_queries_running)
        self._group = asyncio.TaskGroup()
        self._reader: asyncio.Task[None] | None = None
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._queries: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self._last_frame_s = self._loop.time()
        self._is_closing = False
        self._slow_check: asyncio.TimerHandle | None = None

    async def serve_client(self) -> None:
        """Serve until the client goes or `stop_reading` is called. Events in flight are stored and answered first."""
        try:
            async with self._group:
                self._reader = self._group.create_task(self._read_frames())
                await asyncio.wait([self._reader])
                # At once, so that nothing is delivered to a group that is ending.
                self._close_all_subscriptions()
                for task in self._queries:
                    task.cancel()
                await self._wait_for_answers()
        finally:
            self._close_all_subscriptions()
            leave_all(self, self._services)
            if self._slow_check is not None:
                self._slow_check.cancel()
        self.outbox.flush()
        # Does nothing where the client closed first.
        await self._websocket.close(_GOING_AWAY)

    async def _wait_for_answers(self) -> None:
        """Wait until no event is in flight."""
        for _ in range(self._limits.max_events_in_flight):
            await self.event_slots.acquire()

    def stop_reading(self) -> None:
        """Read no more frames; `serve_client` then answers what is in flight and closes with 1001 (going away)."""
        self._is_closing = True
        if self._reader is not None:
            self._reader.cancel()

    def close_if_idle(self, now_s: float) -> None:
        """Close a connection that has no subscription and has sent nothing for `idle_timeout_s`."""
        idle_s = now_s - self._last_frame_s
        if not self._is_closing and not self.session.subscriptions and idle_s > self._limits.idle_timeout_s:
            self.outbox.send(messages.encode_notice("closed: nothing was sent or subscribed to for a while; reconnect"))
            self.stop_reading()

    def deliver(self, subscription: Subscription, notes: Sequence[LiveNote]) -> None:
        """Send live notes, or keep them until the stored ones are sent. A client that reads too slowly is disconnected."""
        for live_note in notes:
            if subscription.loading:
                subscription.pending.append(live_note.note)
                self._waiting_bytes += len(live_note.note.encoded)
            elif not subscription.sent or live_note.id not in subscription.sent:
                self.outbox.send_frame(live_note.frame(subscription.event_prefix))
            # Asking the transport takes a third as long as all of this, and most clients have read all.
            if self._waiting_bytes + self.outbox.most_pending_bytes > self._limits.max_pending_bytes:
                self._check_backlog()
                if not subscription.is_open:
                    return

    def _check_backlog(self) -> None:
        unread = self._unread_bytes
        if unread > HARD_FACTOR * self._limits.max_pending_bytes:
            self._close_slow()
        elif unread > self._limits.max_pending_bytes and self._slow_check is None:
            # A burst does not make a slow client: any poster could cause one. What is unread after a while does.
            self._slow_check = self._loop.call_later(_SLOW_AFTER_S, self._close_if_still_slow)

    @property
    def now_s(self) -> float:
        """Return a monotonic time in seconds."""
        return self._loop.time()

    @property
    def is_closing(self) -> bool:
        """Return whether nothing more is read from the client."""
        return self._is_closing

    @property
    def queries_under_way(self) -> int:
        """Return how many of the queries that were started are not done."""
        return len(self._queries)

    @property
    def _unread_bytes(self) -> int:
        return self._waiting_bytes + self.outbox.pending_bytes

    def _close_if_still_slow(self) -> None:
        self._slow_check = None
        if self._unread_bytes > self._limits.max_pending_bytes:
            self._close_slow()

    def _close_slow(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._metrics.slow_client_closes += 1
        self._close_all_subscriptions()
        self._group.create_task(self._websocket.close(_TRY_AGAIN_LATER, "too slow; reconnect"))
        # The closing frame waits behind all that the client does not read.
        self._loop.call_later(_ABORT_AFTER_S, self._websocket.transport.abort)

    async def _read_frames(self) -> None:
        try:
            async for frame in self._websocket:
                self._last_frame_s = self._loop.time()
                delay_s = self.session.take_read_delay(len(frame), self._last_frame_s)
                if delay_s:
                    await asyncio.sleep(delay_s)
                await self._handle_frame(frame)
                # A client that does not read its answers is not read from either.
                if self.outbox.is_congested:
                    await self.outbox.drain()
        except (ConnectionClosed, OSError):
            return

    async def _handle_frame(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, bytes):
                raise Malformed(Prefix.INVALID, "binary frames are not understood; send text frames")
            if len(frame) > _LARGE_FRAME_CHARS:
                async with self._services.large_work.take_turn():
                    verb, message = parse_message(frame, self._limits)
            else:
                verb, message = parse_message(frame, self._limits)
        except Malformed as malformed:
            self._metrics.count_message(MALFORMED)
            refuse_frame(malformed, self, self._services)
            return
        self._metrics.count_message(verb)
        await VERBS[verb].handle(message, self, self._services)

    def find_tier(self) -> Tier:
        """Return the tier of the client's path as it is now. Raises Rejected where the operator took it away."""
        tier = self._services.tiers.find_tier(self._path)
        if tier is None:
            raise Rejected(Prefix.RESTRICTED, "this path is gone; reconnect to one that the info document names")
        return tier

    def open_subscription(self, subscription_id: str, filters: tuple[Filter, ...], send_stored: SendStored) -> None:
        """Open a subscription, in place of one with the same id (NIP-01), and start sending what is stored."""
        self.close_subscription(subscription_id)
        subscription = Subscription(subscription_id, filters, self, self._path)
        # In the index before the query begins, so that nothing stored meanwhile is missed.
        self.session.subscriptions[subscription_id] = subscription
        self._services.subscriptions.add(subscription)
        self._metrics.subscriptions += 1
        self._loading[subscription_id] = self._start_guarded(
            partial(self._load_subscription, subscription, send_stored),
            partial(self._refuse_subscription, subscription),
        )

    async def _load_subscription(self, subscription: Subscription, send_stored: SendStored) -> None:
        # `limit: 0` asks the database nothing and must not wait for queries that do.
        asks = any(filter_.limit != 0 for filter_ in subscription.filters)
        async with self._query_slots if asks else nullcontext():
            await send_stored(subscription)
        self._count_waiting_bytes()
        self._loading.pop(subscription.id, None)

    def _refuse_subscription(self, subscription: Subscription, text: str) -> None:
        """Answer a REQ with CLOSED (NIP-01), unless a new one has taken its id meanwhile."""
        if self.session.subscriptions.get(subscription.id) is subscription:
            # This is the query's own task; it must not cancel itself.
            self._loading.pop(subscription.id, None)
            self.close_subscription(subscription.id)
            self.outbox.send(messages.encode_closed(subscription.id, text))

    def _close_all_subscriptions(self) -> None:
        for subscription_id in list(self.session.subscriptions):
            self.close_subscription(subscription_id)

    def close_subscription(self, subscription_id: str) -> None:
        """Close a subscription, if it is open."""
        query = self._loading.pop(subscription_id, None)
        if query is not None:
            query.cancel()
        subscription = self.session.subscriptions.pop(subscription_id, None)
        if subscription is not None:
            self._services.subscriptions.remove(subscription)
            self._metrics.subscriptions -= 1
            self._count_waiting_bytes()

    def _count_waiting_bytes(self) -> None:
        pending = (note for subscription in self.session.subscriptions.values() for note in subscription.pending)
        self._waiting_bytes = sum(len(note.encoded) for note in pending)

    def start_task(self, work: Work, refuse: Refuse) -> None:
        """Start work that is finished even if the client leaves; what stops it is a text for `refuse`."""
        self._start_guarded(work, refuse)

    def start_query(self, work: Work, refuse: Refuse) -> None:
        """Start work that waits for its turn at the database, and ends when the client leaves."""
        task = self._start_guarded(partial(self._wait_for_turn, work), refuse)
        self._queries.add(task)
        task.add_done_callback(self._queries.discard)

    async def _wait_for_turn(self, work: Work) -> None:
        async with self._query_slots:
            await work()

    def _start_guarded(self, work: Work, refuse: Refuse) -> asyncio.Task[None]:
        return self._group.create_task(self._guard_work(work, refuse))

    async def _guard_work(self, work: Work, refuse: Refuse) -> None:
        """Do the work of one message, and turn what stops it into an answer. The one place that catches everything."""
        try:
            await work()
        except Rejected as rejected:
            refuse(str(rejected))
        except (ConnectionClosed, OSError):
            # The client is gone, or its socket failed; there is nobody to answer.
            return
        except Exception as error:  # noqa: BLE001
            self._services.report_error(error)
            refuse(INTERNAL_ERROR)
