"""What the stubs share: a server that can go down and come up, the invoices it made, and who is told of payments."""

import asyncio
import hashlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

from aiohttp import web
from coincurve import PrivateKey

from relay.pricing.lightning.invoices import PROBE_EXPIRY_S, PROBE_MSAT
from relay.pricing.settings import LightningSection
from tests.support.bolt11 import sign_bolt11


class PaymentRefused(Exception):
    """The payer was told that the invoice cannot be paid."""


@dataclass(eq=False)
class Made:
    """Hold an invoice of a stub. `index` counts the payments of the node from 1, and is 0 before this one's."""

    label: str
    preimage: bytes
    amount_msat: int
    memo: str
    expires_at: float
    key: PrivateKey
    bolt11: str = ""
    received_msat: int = 0
    index: int = 0
    cancelled: bool = False

    def __post_init__(self) -> None:
        # A picobitcoin is a tenth of a millisatoshi.
        amount = f"{self.amount_msat * 10}p" if self.amount_msat else ""
        self.bolt11 = sign_bolt11(
            f"lnbcrt{amount}", self.payment_hash, round(self.expires_at - time.time()), key=self.key
        )

    @property
    def payment_hash(self) -> bytes:
        return hashlib.sha256(self.preimage).digest()

    @property
    def is_paid(self) -> bool:
        return self.index > 0

    @property
    def is_gone(self) -> bool:
        return not self.is_paid and (self.cancelled or time.time() >= self.expires_at)


class StubNode:
    """Be a `LightningRig`; a class beneath it has the routes, and is one kind of node."""

    backend: Literal["lnd", "clnrest", "lnbits", "phoenixd", "nwc"]
    cancels = False
    keeps_cancelled = True
    streams = True
    replays = False
    tells_overpayment = True
    remembers = True

    def __init__(self, secret: str, wrong_secret: str, timeout_s: float = 5.0) -> None:
        self.secret = secret
        self.wrong_secret = wrong_secret
        self.made: list[Made] = []
        # What is made to see who would be paid: nobody is asked to pay it.
        self.probes: list[Made] = []
        self.key = PrivateKey()
        self.requests: list[tuple[str, str, Any]] = []
        # All that was sent here: every request's line and headers as text, and its body.
        self.heard: list[tuple[str, bytes]] = []
        # What is made in place of what was asked for, and what is answered in place of the node's answer (None: the node's own).
        self.change_amount: Callable[[int], int] = int
        self.answer_instead: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
        self._timeout_s = timeout_s
        self._port = 0
        self._tls: ssl.SSLContext | None = None
        self._listeners: set[asyncio.Queue[Made]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def section(self) -> LightningSection:
        return LightningSection(
            backend=self.backend,
            network="regtest",
            url=f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}",
            timeout_s=self._timeout_s,
            **self.credentials(),
        )

    def section_at(self, url: str) -> LightningSection:
        """Return how the relay would connect to whatever is at another URL, with the same secret."""
        return self.section.model_copy(update={"url": url, "certificate_file": None})

    def credentials(self) -> dict[str, Any]:
        return {"secret": self.secret}

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Start, and stop at the end."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        app = web.Application(middlewares=[self._intercept])
        app.add_routes(self.routes())
        # A stream is given up once its reader is gone.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        self._listeners.clear()

    async def pay(self, bolt11: str, more_msat: int = 0) -> None:
        [made] = [made for made in self.made if made.bolt11 == bolt11]
        if made.is_gone or made.is_paid:
            raise PaymentRefused
        made.received_msat = made.amount_msat + more_msat
        made.index = 1 + max(other.index for other in self.made)
        self.tell(made)

    @property
    def node_id(self) -> str:
        return self.key.public_key.format().hex()

    def make(self, label: str, amount_msat: int, memo: str, expiry_s: int, preimage: bytes | None = None) -> Made:
        made = Made(
            label=label,
            preimage=preimage or secrets.token_bytes(32),
            amount_msat=self.change_amount(amount_msat),
            memo=memo,
            expires_at=time.time() + expiry_s,
            key=self.key,
        )
        (self.probes if amount_msat == PROBE_MSAT and expiry_s == PROBE_EXPIRY_S else self.made).append(made)
        return made

    def find(self, payment_hash: bytes | str) -> Made | None:
        wanted = bytes.fromhex(payment_hash) if isinstance(payment_hash, str) else payment_hash
        return next((made for made in [*self.made, *self.probes] if made.payment_hash == wanted), None)

    def paid_after(self, index: int) -> list[Made]:
        return sorted((made for made in self.made if made.index > index), key=lambda made: made.index)

    def tell(self, made: Made) -> None:
        for listener in self._listeners:
            listener.put_nowait(made)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Made]]:
        """Give a queue of what happens to invoices from now on."""
        events: asyncio.Queue[Made] = asyncio.Queue()
        self._listeners.add(events)
        try:
            yield events
        finally:
            self._listeners.discard(events)

    @web.middleware
    async def _intercept(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        lines = [
            f"{request.method} {request.path_qs}",
            *(f"{name}: {value}" for name, value in request.headers.items()),
        ]
        self.heard.append(("\n".join(lines), await request.read()))
        if self.answer_instead is not None and (answer := await self.answer_instead(request)) is not None:
            return answer
        return await handler(request)
