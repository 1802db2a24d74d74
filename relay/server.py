"""The relay as a whole: build its parts, run them, stop them. The only place that connects them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.web import AppRunner

from relay.config import Config, ConfigError
from relay.delivery.event_pace import EventPace
from relay.delivery.fanout import Fanout
from relay.delivery.large_work import LargeWork
from relay.delivery.subscriptions import Subscriptions
from relay.gateway.listener import Listener
from relay.gateway.public_web import Web
from relay.handlers.context import Services
from relay.handlers.event_verifier import EventVerifier
from relay.handlers.intake import EventIntake
from relay.limits import INTERNAL_LIMITS, InternalLimits
from relay.log import Log, LogEvent
from relay.metrics import Metrics
from relay.pages.site import Site
from relay.policy.tiers import Tiers
from relay.ports import in_url, open_ports
from relay.postgres.open import Database, open_database
from relay.pricing.lightning import open_backend
from relay.pricing.lightning.backend import Backend
from relay.pricing.node_report import NodeReport, ReportedBackend
from relay.pricing.payment_report import PaymentReport
from relay.pricing.payments import Nodes, Payments
from relay.pricing.sources import Sources
from relay.protocol.refusal import Rejected
from relay.storage.feed import Feed
from relay.storage.ledger import Ledger
from relay.storage.note import Note
from relay.storage.own_notes import OwnNotes
from relay.storage.payments.pay_status import PayStatus, find_pay_status
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.publication import Publisher
from relay.storage.publish_clock import keep_publishing
from relay.storage.reader import Reader
from relay.storage.recent_notes import RecentNotes
from relay.storage.retention import keep_deleting, list_rules
from relay.storage.rewrite import Rewriter
from relay.storage.stats_masking import keep_masking
from relay.storage.tier_prices import remember_prices
from relay.storage.writer import Writer
from relay.verify.pool import VerifyPool
from relay.waiting import WaitingCheck, make_waiting

_CANCEL_AGAIN_S = 0.2


class Relay:
    """A relay: its parts and its connections."""

    def __init__(self, config: Config, log: Log, database: Database, internal: InternalLimits) -> None:
        self._config = config
        self._log = log
        self._database = database
        self._internal = internal
        self.metrics = Metrics(config.metrics.snapshot_every_s)
        self._tiers = Tiers(config.tiers)
        self._subscriptions = Subscriptions()
        self._fanout = Fanout(self._subscriptions)
        self._waiting = make_waiting(config)
        self._reader = Reader(
            database.readers,
            database.lookups,
            self.metrics.observe_query,
            max_rings_counted=internal.max_rings_counted,
        )
        recent = RecentNotes(config.window.max_mib)
        self._reader.answer_from(recent)
        self._pool = VerifyPool(self.metrics.observe_verification, self._report_error)
        self._feed = Feed(database.writers, self._publish, internal.keep_feed_s, recent)
        self._writer = Writer(
            database.writers,
            feed=self._feed,
            publish=self._publish_own,
            report=self.metrics.observe_commit,
            waiting=self._waiting,
            max_waiting=internal.max_waiting_notes,
        )
        self.publisher = Publisher(database.writers, self._writer, self._waiting.held, config.privacy)
        self._ledger: Ledger | None = None
        self._payments = self._build_payments()
        self._services = self._build_services()
        page_reader = Reader(
            database.pages, database.pages, self.metrics.observe_query, max_rings_counted=internal.max_rings_counted
        )
        self.site = Site(config, self._tiers, self.find_url, self._find_pay_status, page_reader, self._services)
        web = Web(config, self._tiers, self.find_url, self.site)
        self._listener = Listener(config.server, config.limits, web, self._services, self.metrics)
        self.metrics.find_queue_units = lambda: self._pool.queued_units

    def _build_payments(self) -> Payments | None:
        """Return the payments, None if no Lightning node is configured. Raises LightningConfigError."""
        backend = open_backend(self._config.lightning)
        if backend is None:
            return None
        self.metrics.payments.name_tiers(self._config.tiers)
        terms = PaymentTerms(self._config.invoices, self._config.privacy.longest_wait_s)
        ledger = Ledger(self._database.writers, self._database.lookups, self._writer, self._waiting, terms, unix_now)
        self._ledger = ledger
        return Payments(
            terms,
            self._build_nodes(backend, ledger),
            ledger,
            PaymentReport(self.metrics.payments, self._log),
            self._find_web_url,
            Sources(unix_now, time.monotonic),
        )

    def _build_nodes(self, backend: Backend, ledger: Ledger) -> Nodes:
        section, metrics = self._config.lightning, self.metrics.payments
        current = ReportedBackend(
            backend, NodeReport(metrics, self._log), section.network, time.time, ledger.learn_account
        )
        previous = None if section.previous is None else open_backend(section.previous)
        if previous is None:
            return Nodes(current)
        report = NodeReport(metrics, self._log, "lightning.previous")
        return Nodes(current, ReportedBackend(previous, report, section.network, time.time))

    async def _publish(self, notes: Iterable[Note]) -> None:
        await self._fanout.publish(self._announce(notes))

    async def _publish_own(self, notes: Sequence[Note]) -> None:
        await self._fanout.accept(list(self._announce(notes)))

    def _announce(self, notes: Iterable[Note]) -> Iterable[Note]:
        # Before anybody is told: who looks then must find it.
        notes = self.site.see_published(notes)
        return notes if self._payments is None else self._payments.announce_notes(notes)

    def _build_services(self) -> Services:
        config, payments = self._config, self._payments
        large_work = LargeWork()
        intake = EventIntake(
            config.limits,
            config.privacy,
            self._reader,
            OwnNotes(self._database.lookups, self._waiting),
            EventVerifier(config.limits, config.ring, config.accept, self._pool, large_work),
            self._writer,
            None if payments is None else payments.checkout,
            lambda: self._waiting.held.keys.pow_bits,
            unix_now,
        )
        return Services(
            limits=config.limits,
            tiers=self._tiers,
            reader=self._reader,
            intake=intake,
            payment_listeners=None if payments is None else payments.listeners,
            subscriptions=self._subscriptions,
            now=unix_now,
            large_work=large_work,
            event_pace=EventPace(),
            report_ok=self.metrics.count_event,
            report_error=self._report_error,
        )

    @property
    def server_ended(self) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """Return what waits for the end of the built-in Postgres, None if the database is the operator's own."""
        return self._database.server_ended

    @property
    def port(self) -> int:
        """Return the public port, also if the system chose it (port 0)."""
        return self._listener.port

    def find_url(self) -> str:
        """Return the URL that clients use, without a path. It is made of host and port if the operator set none."""
        server = self._config.server
        return server.url or f"ws://{in_url(server.host)}:{self.port}"

    def _find_web_url(self) -> str:
        return self.find_url().replace("ws", "http", 1)

    async def _find_pay_status(self, token: bytes) -> PayStatus | None:
        if self._ledger is None:
            return None
        status = await find_pay_status(self._database.readers, token, self._waiting, self._ledger.account)
        if status is not None and self._payments is not None:
            self._payments.see_page(token, status)
        return status

    def list_background_work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what must run as long as the relay. The caller owns the tasks."""
        payments = [] if self._payments is None else [self._payments.keep_collecting(self._report_database)]
        forget = None if self._payments is None else self._payments.collector.delete_forgotten
        rules = list_rules(self._database.writers, self._feed, forget, unix_now, self._internal)
        return [
            *payments,
            self._pool.keep_verifying(),
            self._writer.keep_committing(),
            self._fanout.keep_publishing(),
            self._feed.keep_following(),
            self._listener.keep_closing_idle(self._internal.check_idle_every_s),
            keep_deleting(rules, self._report_database),
            keep_masking(self._database.writers, self._internal.mask_statistics_every_s),
            Rewriter(
                self._database.writers, self._config.privacy.rewrite_at_hour, unix_now, self._internal
            ).keep_rewriting(self._report_database),
            keep_publishing(self.publisher.publish, self._config.privacy.publish_every_s, self._report_database),
        ]

    async def prepare(self) -> None:
        """Read what the relay must know before the first client connects. Raises DatabaseError, or one of DATABASE_FAILURES."""
        check = WaitingCheck(self._config, self._database, self._log)
        await check.check_log_is_dropped()
        self._tiers.replace_all(await remember_prices(self._database.writers, self._config.tiers))
        await self._feed.prepare()
        await check.prepare_held(self.publisher)
        if self._payments is not None:
            await check.prepare_orders(self._payments)

    async def open_ports(self) -> AppRunner:
        """Start to accept connections, and return what serves the private port. Raises ListenError."""
        return await open_ports(self._config.server, self._listener, self.metrics.render, self.is_healthy)

    async def reload(self, config: Config) -> bool:
        """Replace the tiers by those of another configuration. Nobody is disconnected, and open invoices do not change.

        Returns whether it differs in anything else, which needs a restart. Raises ConfigError if a price cannot be paid, and
        DATABASE_FAILURES; then nothing has changed.
        """
        if self._payments is None and any(tier.price_msat for tier in config.tiers):
            raise ConfigError("tiers: this relay was started without a Lightning node; set [lightning] and restart it")
        self._tiers.replace_all(await remember_prices(self._database.writers, config.tiers))
        self.site.cache.drop_all()
        self._subscriptions.change_min_prices(self._find_min_price)
        if self._payments is not None:
            self.metrics.payments.name_tiers(config.tiers)
        return config.model_dump(exclude={"tiers"}) != self._config.model_dump(exclude={"tiers"})

    def _find_min_price(self, path: str) -> int | None:
        tier = self._tiers.find_tier(path)
        return None if tier is None else tier.min_price_msat

    async def stop(self) -> None:
        """Accept no more connections, answer what is in flight, and close every connection with 1001."""
        await self._listener.stop()
        self.site.cache.close()

    async def close_backend(self) -> None:
        """Close the connections to the Lightning node, of a relay that does not start."""
        if self._payments is not None:
            await self._payments.close()

    async def is_healthy(self) -> bool:
        """Return whether the database answers."""
        try:
            await self._reader.check_database()
        except Rejected:
            return False
        return True

    def _report_database(self, error: BaseException) -> None:
        self._log.write_error(LogEvent.DATABASE_LOST, error)

    def _report_error(self, error: BaseException) -> None:
        self.metrics.internal_errors += 1
        self._log.write_error(LogEvent.INTERNAL_ERROR, error)


def unix_now() -> int:
    """Return Unix time in whole seconds."""
    return int(time.time())


@asynccontextmanager
async def running(config: Config, log: Log, internal: InternalLimits = INTERNAL_LIMITS) -> AsyncIterator[Relay]:
    """Run a relay inside a context.

    Raises EmbeddedError, MigrationError, DatabaseError or ListenError if it cannot start.
    """
    async with open_database(config.database, config.data_dir, config.limits.query_timeout_s, log) as database:
        relay = Relay(config, log, database, internal)
        try:
            await relay.prepare()
        except BaseException:
            await relay.close_backend()
            raise
        # Before the task group, which would wrap the error that the operator reads.
        private = await relay.open_ports()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in relay.list_background_work()]
                try:
                    yield relay
                finally:
                    await relay.stop()
                    await end_tasks(tasks)
        finally:
            await private.cleanup()


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they end. In asyncpg a connection attempt that fails at that moment swallows a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
