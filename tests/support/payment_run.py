"""A relay process that sells, and what it leaves behind: its books, pages and node. Its clock goes on by what a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from relay.postgres.embedded.cluster import SUPERUSER
from relay.pricing.offer import Offer
from relay.protocol.event import Event
from tests.support.client import Client
from tests.support.lightning_stubs import LndStub
from tests.support.paid import order, to_settings, token_of
from tests.support.processes import ServeProcess, serve
from tests.support.raw import exchange

SOURCE, FORWARDED = "127.77.13.9", "203.0.113.77"
HEADERS = {
    "User-Agent": "canary-agent/9.9",
    "Cookie": "session=canary-cookie",
    "Referer": "https://canary-referer/",
    "X-Forwarded-For": FORWARDED,
}
# Time goes on by what a file says; what comes round now and then comes sooner; whatever could log, does.
_PRELUDE = """
import logging, sys, time, pathlib
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
import relay.pricing.collector as collector
collector._CLEAN_S, collector._LONGEST_LOOKUP_S, collector._LONGEST_RETRY_S = 0.5, 1.0, 1.0
real = time.time
time.time = lambda: real() + float(pathlib.Path({clock!r}).read_text() or 0)
"""


class StubbornNode(LndStub):
    """Say of some invoices that they cannot be cancelled, as a node does while a payment is under way."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.keeps: set[str] = set()

    async def _cancel(self, request: web.Request) -> web.Response:
        if (await request.json())["payment_hash"] in self.keeps:
            return web.json_response({"code": 2, "message": "invoice already settled", "details": []}, status=500)
        return await super()._cancel(request)


@dataclass(frozen=True)
class Sold:
    """Hold what only the relay should ever hold together: an invoice's secrets and the note it was for."""

    note: Event
    offer: Offer
    token: bytes
    reference: bytes
    payment_hash: bytes
    preimage: bytes

    @property
    def links(self) -> dict[str, bytes]:
        return {
            "token": self.token,
            "reference": self.reference,
            "payment hash": self.payment_hash,
            "preimage": self.preimage,
            "BOLT 11": self.offer.bolt11.encode(),
        }


@dataclass
class Run:
    """Hold a relay process, its node and its clock, and what a run left behind."""

    served: ServeProcess
    node: StubbornNode
    clock: Path
    sold: dict[str, Sold] = field(default_factory=dict)
    pages: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Let time pass for the relay."""
        self.clock.write_text(str(seconds + float(self.clock.read_text())))

    def connect(self, path: str) -> Client:
        options = {"local_addr": (SOURCE, 0), "additional_headers": {"X-Forwarded-For": FORWARDED}}
        return Client(f"{self.served.url}{path}", user_agent_header=HEADERS["User-Agent"], **options)

    async def sell(self, name: str, path: str, note: Event) -> Sold:
        """Order a note, look at its page in both forms, and keep what the relay knows of it."""
        async with self.connect(path) as client:
            offer = await order(client, note)
        for accept in ("text/html", "application/json"):
            self.pages.append(await self.fetch_page(offer, accept))
        [row] = await self.query("SELECT * FROM invoices WHERE token = $1", bytes.fromhex(token_of(offer)))
        preimage = next(made.preimage for made in self.node.made if made.bolt11 == offer.bolt11)
        self.sold[name] = Sold(note, offer, row["token"], row["reference"], row["payment_hash"], preimage)
        return self.sold[name]

    async def fetch_page(self, offer: Offer, accept: str) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "Accept": accept}.items())
        request = f"GET /pay/{token_of(offer)} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"
        return await exchange(self.served.port, request.encode(), source=SOURCE)

    async def query(self, text: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(**self.served.connect_arguments(SUPERUSER))
        try:
            records: list[Any] = await connection.fetch(text, *arguments)
            return records
        finally:
            await connection.close()

    async def is_empty(self, what: str) -> bool:
        return not await self.query(f"SELECT 1 FROM {what}")

    async def read_transactions(self, table: str) -> set[int]:
        """Return the numbers of the transactions that wrote the rows of a table: in their order, rows came."""
        return {int(xmin) for (xmin,) in await self.query(f'SELECT xmin::text FROM "{table}"')}

    async def read_books(self) -> dict[str, list[bytes]]:
        """Return what every column of every table holds; a table that is partitioned is one."""
        columns = await self.query(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND NOT (SELECT relispartition FROM pg_class WHERE oid = table_name::regclass)
            """
        )
        books = {}
        for table, column in columns:
            records = await self.query(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL')
            books[f"{table}.{column}"] = [
                value if isinstance(value, bytes) else str(value).encode() for (value,) in records
            ]
        return books


@asynccontextmanager
async def selling(directory: Path, node_directory: Path, **settings: str) -> AsyncIterator[Run]:
    node = StubbornNode(node_directory)
    await node.start()
    clock = node_directory / "clock"
    clock.write_text("0")
    try:
        prelude = _PRELUDE.format(clock=str(clock))
        options = {**to_settings(node), "METRICS__SNAPSHOT_EVERY_S": "0", **settings}
        async with serve(directory, prelude=prelude, **options) as served:
            yield Run(served, node, clock)
    finally:
        await node.stop()
