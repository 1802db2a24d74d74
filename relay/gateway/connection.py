"""One client's connection: frames in, replies out, tasks in between. Knows the handlers; decides nothing about notes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from relay.delivery.outbox import Outbox
from relay.delivery.session import Session
from relay.delivery.subscriptions import Subscription, Subscriptions
from relay.handlers.count import CountHandler
from relay.handlers.event import EventHandler
from relay.handlers.req import ReqHandler
from relay.limits import Limits
from relay.metrics import Metrics
from relay.policy.tiers import Tier, Tiers
from relay.pricing.offer import PaymentRequired
from relay.pricing.payment_listeners import PaymentListeners
from relay.protocol import messages
from relay.protocol.event import Event
from relay.protocol.filter import with_min_price
from relay.protocol.messages import Auth, ClientMessage, Close, Count, Malformed, Publish, Req
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.note import Note
from relay.storage.row import SaveResult

_GOING_AWAY = 1001
_TRY_AGAIN_LATER = 1013
_ABORT_AFTER_S = 1.0
_SLOW_AFTER_S = 2.0
# Parsing a frame of this size takes long enough that others should have a turn first.
_LARGE_FRAME_CHARS = 32_768
# This many times max_pending_bytes is too much at once.
HARD_FACTOR = 4
_INTERNAL_ERROR = "error: the relay failed to handle this; try again later"
_NO_AUTH = "restricted: this relay asks nobody to authenticate; reading and posting need no AUTH"


@dataclass(frozen=True, slots=True)
class Services:
    """What every connection uses."""

    limits: Limits
    tiers: Tiers
    event: EventHandler
    req: ReqHandler
    count: CountHandler
    subscriptions: Subscriptions
    payment_listeners: PaymentListeners | None
    metrics: Metrics
    report_error: Callable[[BaseException], None]


class Connection:
    """Serve one client until either side closes. It holds no address and no header of the client's request."""

    def __init__(self, websocket: ServerConnection, services: Services, path: str) -> None:
        self._websocket = websocket
        self._services = services
        self._path = path
        self._limits = services.limits
        self._loop = asyncio.get_running_loop()
        self._session = Session(services.limits, self._loop.time())
        self._outbox = Outbox(websocket, services.metrics.bytes_out.inc)
        self._event_slots = asyncio.Semaphore(services.limits.max_events_in_flight)
        self._query_slots = asyncio.Semaphore(services.limits.max_queries_running)
        self._group = asyncio.TaskGroup()
        self._reader: asyncio.Task[None] | None = None
        self._queries: dict[str, asyncio.Task[None]] = {}
        self._counts: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self._last_frame_s = self._loop.time()
        self._is_closing = False
        self._slow_check: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Serve until the client goes or `stop` is called. Events that were taken are stored and answered first."""
        try:
            async with self._group:
                self._reader = self._group.create_task(self._read())
                await asyncio.wait([self._reader])
                # At once, so that nothing is delivered to a group that is ending.
                self._close_all_subscriptions()
                for task in self._counts:
                    task.cancel()
        finally:
            self._close_all_subscriptions()
            if self._services.payment_listeners is not None:
                self._services.payment_listeners.leave_all(self)
            if self._slow_check is not None:
                self._slow_check.cancel()
        self._outbox.flush()
        # Does nothing where the client closed first.
        await self._websocket.close(_GOING_AWAY)

    def stop(self) -> None:
        """Take no more frames; `run` then answers what is in flight and closes with 1001 (going away)."""
        self._is_closing = True
        if self._reader is not None:
            self._reader.cancel()

    def close_if_idle(self, now_s: float) -> None:
        """Begin to close a connection that has no subscription and sent nothing for `idle_timeout_s`."""
        idle_s = now_s - self._last_frame_s
        if not self._is_closing and not self._session.subscriptions and idle_s > self._limits.idle_timeout_s:
            self._outbox.send(
                messages.encode_notice("closed: nothing was sent or subscribed to for a while; reconnect")
            )
            self.stop()

    def deliver(self, subscription: Subscription, note: Note) -> None:
        """Send a live note, or keep it until the stored ones are sent. A client that reads too slowly is closed."""
        if subscription.loading:
            subscription.pending.append(note)
            self._waiting_bytes += len(note.encoded)
        elif bytes.fromhex(note.event.id) not in subscription.sent:
            self._outbox.send(messages.encode_event_prefix(subscription.id), note.encoded, b"]")
        unread = self._unread_bytes
        if unread > HARD_FACTOR * self._limits.max_pending_bytes:
            self._close_slow()
        elif unread > self._limits.max_pending_bytes and self._slow_check is None:
            # A burst is not yet a slow client: any poster could make one. What is still there after a while is.
            self._slow_check = self._loop.call_later(_SLOW_AFTER_S, self._close_if_still_slow)

    @property
    def _unread_bytes(self) -> int:
        return self._waiting_bytes + self._outbox.pending_bytes

    def _close_if_still_slow(self) -> None:
        self._slow_check = None
        if self._unread_bytes > self._limits.max_pending_bytes:
            self._close_slow()

    def _close_slow(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._services.metrics.slow_client_closes.inc()
        self._close_all_subscriptions()
        self._start(self._websocket.close(_TRY_AGAIN_LATER, "too slow; reconnect"))
        # The close frame waits behind all that the client does not read.
        self._loop.call_later(_ABORT_AFTER_S, self._websocket.transport.abort)

    async def _read(self) -> None:
        try:
            async for frame in self._websocket:
                self._last_frame_s = self._loop.time()
                delay_s = self._session.take_read_delay(len(frame), self._last_frame_s)
                if delay_s or len(frame) > _LARGE_FRAME_CHARS:
                    await asyncio.sleep(delay_s)
                await self._take_frame(frame)
                # A client that does not read its answers is not read from either.
                if self._outbox.is_congested:
                    await self._outbox.drain()
        except (ConnectionClosed, OSError):
            return

    async def _take_frame(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, bytes):
                raise Malformed(Prefix.INVALID, "binary frames are not understood; send text frames")
            message = messages.parse_message(frame, self._limits)
        except Malformed as malformed:
            self._services.metrics.count_message("malformed")
            self._refuse_malformed(malformed)
            return
        self._services.metrics.count_message(_VERBS[type(message)])
        match message:
            case Publish(event):
                await self._take_event(event)
            case Req():
                self._take_req(message)
            case Count():
                self._take_count(message)
            case Close(subscription_id):
                self._close_subscription(subscription_id)
            case Auth(event):
                self._outbox.send(messages.encode_ok(event.id, False, _NO_AUTH))

    def _refuse_malformed(self, malformed: Malformed) -> None:
        if malformed.event_id is not None and malformed.verb == "AUTH":
            self._outbox.send(messages.encode_ok(malformed.event_id, False, str(malformed)))
        elif malformed.event_id is not None:
            self._send_ok(malformed.event_id, False, str(malformed))
        elif malformed.subscription_id is not None:
            if malformed.verb != "COUNT":
                self._close_subscription(malformed.subscription_id)
            self._outbox.send(messages.encode_closed(malformed.subscription_id, str(malformed)))
        else:
            self._outbox.send(messages.encode_notice(str(malformed)))

    async def _take_event(self, event: Event) -> None:
        try:
            self._session.check_event_rate(self._loop.time())
        except Rejected as rejected:
            self._send_ok(event.id, False, str(rejected))
            return
        # Waiting here stops the reading: a client has so many events in flight and no more.
        await self._event_slots.acquire()
        self._start(self._guard(partial(self._answer_event, event), lambda text: self._send_ok(event.id, False, text)))

    async def _answer_event(self, event: Event) -> None:
        if self._services.payment_listeners is not None:
            # Sent again: what it is answered now is the answer.
            self._services.payment_listeners.leave(bytes.fromhex(event.id), self)
        try:
            answer = await self._services.event.save_event(event, self._find_tier(), self._session, self._loop.time())
            if isinstance(answer, PaymentRequired) and await self._is_paid_meanwhile(event.id, answer):
                return
        finally:
            self._event_slots.release()
        if isinstance(answer, PaymentRequired):
            self._send_ok(event.id, False, answer.text)
        else:
            self._answer_saved(event.id, answer)

    def _answer_saved(self, event_id: str, saved: SaveResult) -> None:
        self._send_ok(event_id, saved.accepted, self._services.event.describe(saved))

    async def _is_paid_meanwhile(self, event_id: str, required: PaymentRequired) -> bool:
        """Listen for the payment, and return whether its OK is sent already."""
        listeners = self._services.payment_listeners
        if listeners is None or self._is_closing:
            return False

        def tell(saved: SaveResult) -> None:
            self._session.orders.end_order(required.note_id)
            self._answer_saved(event_id, saved)

        return await listeners.listen(required, self, tell)

    def _find_tier(self) -> Tier:
        """Return the tier of this connection's path as it is now. Raises Rejected where the operator took it away."""
        tier = self._services.tiers.find_tier(self._path)
        if tier is None:
            raise Rejected(Prefix.RESTRICTED, "this path is gone; reconnect to one that the info document names")
        return tier

    def _send_ok(self, event_id: str, accepted: bool, text: str) -> None:
        self._services.metrics.count_event(accepted, text)
        self._outbox.send(messages.encode_ok(event_id, accepted, text))

    def _take_req(self, message: Req) -> None:
        subscription_id = message.subscription_id
        try:
            filters = with_min_price(message.filters, self._find_tier().min_price_msat)
            self._session.check_req_rate(self._loop.time())
            self._session.check_can_open(subscription_id, filters)
        except Rejected as rejected:
            self._close_subscription(subscription_id)
            self._outbox.send(messages.encode_closed(subscription_id, str(rejected)))
            return
        # NIP-01: a REQ with an id in use replaces that subscription.
        self._close_subscription(subscription_id)
        subscription = Subscription(subscription_id, filters, self)
        # In the index before the query begins, so that nothing stored meanwhile is missed.
        self._session.subscriptions[subscription_id] = subscription
        self._services.subscriptions.add(subscription)
        self._services.metrics.subscriptions.inc()
        self._queries[subscription_id] = self._start(
            self._guard(partial(self._send_stored, subscription), lambda text: self._refuse_req(subscription, text))
        )

    async def _send_stored(self, subscription: Subscription) -> None:
        # `limit: 0` asks the database nothing and must not wait for those who do.
        asks = any(filter_.limit != 0 for filter_ in subscription.filters)
        async with self._query_slots if asks else nullcontext():
            await self._services.req.send_stored(subscription, self._outbox)
        self._count_waiting_bytes()
        self._queries.pop(subscription.id, None)

    def _take_count(self, message: Count) -> None:
        try:
            message = replace(message, filters=with_min_price(message.filters, self._find_tier().min_price_msat))
            self._session.check_req_rate(self._loop.time())
            self._session.check_can_count(len(self._counts))
        except Rejected as rejected:
            self._refuse_count(message.subscription_id, str(rejected))
            return
        work = partial(self._answer_count, message)
        task = self._start(self._guard(work, lambda text: self._refuse_count(message.subscription_id, text)))
        self._counts.add(task)
        task.add_done_callback(self._counts.discard)

    async def _answer_count(self, message: Count) -> None:
        async with self._query_slots:
            self._outbox.send(await self._services.count.answer(message))

    def _refuse_count(self, subscription_id: str, text: str) -> None:
        """Answer a COUNT with CLOSED (NIP-45). A REQ of the same id stays open: it is another query."""
        self._outbox.send(messages.encode_closed(subscription_id, text))

    def _refuse_req(self, subscription: Subscription, text: str) -> None:
        """Answer a REQ with CLOSED, never NOTICE (NIP-01), unless a new one has taken its id meanwhile."""
        if self._session.subscriptions.get(subscription.id) is subscription:
            # This is the query's own task; it must not cancel itself.
            self._queries.pop(subscription.id, None)
            self._close_subscription(subscription.id)
            self._outbox.send(messages.encode_closed(subscription.id, text))

    def _close_all_subscriptions(self) -> None:
        for subscription_id in list(self._session.subscriptions):
            self._close_subscription(subscription_id)

    def _close_subscription(self, subscription_id: str) -> None:
        query = self._queries.pop(subscription_id, None)
        if query is not None:
            query.cancel()
        subscription = self._session.subscriptions.pop(subscription_id, None)
        if subscription is not None:
            self._services.subscriptions.remove(subscription)
            self._services.metrics.subscriptions.dec()
            self._count_waiting_bytes()

    def _count_waiting_bytes(self) -> None:
        pending = (note for subscription in self._session.subscriptions.values() for note in subscription.pending)
        self._waiting_bytes = sum(len(note.encoded) for note in pending)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._group.create_task(work)

    async def _guard(self, work: Callable[[], Awaitable[None]], refuse: Callable[[str], None]) -> None:
        """Run one message's work and turn whatever stops it into an answer. The one place that catches everything."""
        try:
            await work()
        except Rejected as rejected:
            refuse(str(rejected))
        except (ConnectionClosed, OSError):
            # The client is gone, or its socket failed; there is nobody to answer.
            return
        except Exception as error:  # noqa: BLE001
            self._services.report_error(error)
            refuse(_INTERNAL_ERROR)


_VERBS: dict[type[ClientMessage], str] = {Publish: "EVENT", Req: "REQ", Count: "COUNT", Close: "CLOSE", Auth: "AUTH"}
