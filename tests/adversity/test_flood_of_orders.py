"""Orders by the thousand: whoever else uses the relay is answered as before, and no cap on what is unpaid is passed."""

import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.postgres.embedded.cluster import SUPERUSER
from relay.protocol.event import Event, encode_event
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import LndStub
from tests.support.paid import order, shop, to_settings, token_of
from tests.support.processes import REPOSITORY, ServeProcess, serve
from tests.support.raw import get
from tests.support.time_factor import scaled

_ORDERS = 10_000
_BITS = 4
_BOUND_S = scaled(80.0)
_MAX_P99_MS = scaled(100.0)
# Where other work keeps the machine so busy that even nobody's flood is slow, a few times that.
_QUIET_S = 2.0
_MAX_SLOWDOWN = 3.0
_MAX_GROWTH_MIB = 64
# Clients that measure, so that there are enough figures of a flood that is over soon.
_OTHERS = 2
# Else nearly all of a flood would be refused before anybody looks what it is.
_NO_LIMITS = {"LIMITS__EVENTS_PER_S": "1000000", "LIMITS__REQS_PER_S": "1000000"}
_NO_WORK = f"pow: {_BITS} bits of proof of work are needed for this note (NIP-13); mine a nonce"
_TOO_MANY = "rate-limited: at most 3 unpaid invoices per connection; pay one, or wait until one has expired"
_FORGED = "invalid: the event's signature is wrong: sign its id again"
_TOO_FAST = "rate-limited: at most 5 invoices a second are made here; wait and try again"


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write frames with distinct notes: most as they should be, every tenth forged, every tenth without work."""
    file = tmp_path_factory.mktemp("orders") / "frames"
    with file.open("wb") as frames:
        for number in range(_ORDERS):
            frames.write(b'["EVENT",' + encode_event(_make_order(number)) + b"]\n")
    return file


def _make_order(number: int) -> Event:
    bits = 0 if number % 10 == 1 else _BITS
    note = make_ring_note(f"order {number}", ring_size=3, pow_bits=bits)
    if number % 10 == 2:
        # Its id and its work are right, so that it is refused only when it is verified.
        forged = make_ring_note(f"order {number}", ring_size=3)
        return Event(note.id, note.pubkey, note.created_at, note.kind, note.tags, note.content, forged.sig)
    return note


@asynccontextmanager
async def _selling(
    directory: Path, node_directory: Path, **settings: str
) -> AsyncIterator[tuple[ServeProcess, LndStub]]:
    node = LndStub(node_directory)
    await node.start()
    try:
        wanted = {**to_settings(node), **_NO_LIMITS, "INVOICES__POW_BITS": str(_BITS), "INVOICES__PER_S": "5"}
        async with serve(directory, **{**wanted, **settings}) as served:
            yield served, node
    finally:
        await node.stop()


@dataclass
class Other:
    """Use the relay as others do while it is flooded, and keep how long each answer took (ms)."""

    served: ServeProcess
    name: str
    took_ms: dict[str, list[float]] = field(default_factory=dict)

    async def run(self, flood: "asyncio.Task[Any]") -> None:
        number = 0
        async with Client(self.served.url) as free, Client(f"{self.served.url}/1k") as expensive:
            while not flood.done():
                number += 1
                note = make_ring_note(f"said meanwhile by {self.name}, {number}", ring_size=3)
                await self._measure("EVENT on /", free.publish_all(note))
                await self._measure("REQ on /", free.fetch({"ids": [note.id]}))
                await self._measure("REQ on /1k", expensive.fetch({"limit": 10}))

    async def _measure(self, name: str, work: Any) -> None:
        began_s = time.perf_counter()
        await work
        self.took_ms.setdefault(name, []).append(1_000 * (time.perf_counter() - began_s))


async def _flood(
    served: ServeProcess, orders: Path, connections: int, per_s: float
) -> tuple[dict[str, int], list[Other]]:
    """Send the orders from a process of its own while others use the relay; return what the OKs said, and how those fared."""
    others = [Other(served, f"client {number}") for number in range(_OTHERS)]
    async with asyncio.timeout(_BOUND_S), asyncio.TaskGroup() as group:
        sending = group.create_task(_send(served, orders, connections, per_s))
        for other in others:
            group.create_task(other.run(sending))
    return sending.result(), others


async def _send(served: ServeProcess, orders: Path, connections: int, per_s: float) -> dict[str, int]:
    arguments = (str(served.port), "/1k", str(orders), str(connections), str(per_s))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.flood", *arguments), stdout=PIPE, cwd=REPOSITORY
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    counts: dict[str, int] = json.loads(printed)
    return counts


async def _be_quiet(served: ServeProcess) -> list[Other]:
    """Return how others fare while nobody floods."""
    others = [Other(served, f"client {number} before") for number in range(_OTHERS)]
    async with asyncio.timeout(_BOUND_S), asyncio.TaskGroup() as group:
        pause = group.create_task(asyncio.sleep(_QUIET_S))
        for other in others:
            group.create_task(other.run(pause))
    return others


def _check_latency(quiet: list[Other], others: list[Other]) -> None:
    for name in others[0].took_ms:
        (_, quiet_ms), (median_ms, p99_ms) = _summarise(quiet, name), _summarise(others, name)
        print(f"{name}: median {median_ms:.1f} ms, p99 {p99_ms:.1f} ms; p99 without a flood {quiet_ms:.1f} ms")
        assert p99_ms < max(_MAX_P99_MS, _MAX_SLOWDOWN * quiet_ms), name


def _summarise(others: list[Other], name: str) -> tuple[float, float]:
    """Return the median and the 99th percentile of what all of them measured."""
    took_ms = [figure for other in others for figure in other.took_ms[name]]
    assert len(took_ms) > 100
    return statistics.median(took_ms), statistics.quantiles(took_ms, n=100)[98]


async def _count(served: ServeProcess) -> dict[str, int]:
    connection = await asyncpg.connect(**served.connect_arguments(SUPERUSER))
    try:
        [record] = await connection.fetch(
            "SELECT (SELECT count(*) FROM invoices) AS invoices, (SELECT count(*) FROM unpaid_notes) AS unpaid_notes"
        )
        return dict(record)
    finally:
        await connection.close()


def _read_memory_mib(served: ServeProcess) -> float:
    status = Path(f"/proc/{served.pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1_024


@pytest.mark.serial
@pytest.mark.more("takes ten seconds, alone")
async def test_ten_thousand_orders_of_one_client_keep_nobody_waiting_and_make_three_invoices(
    reachable_directory: Path, tmp_path: Path, orders: Path
) -> None:
    async with _selling(reachable_directory, tmp_path) as (served, node):
        quiet = await _be_quiet(served)
        before_mib = _read_memory_mib(served)
        # All at once: nothing makes a client wait for answers.
        said, others = await _flood(served, orders, connections=1, per_s=0)
        counted, grown_mib = await _count(served), _read_memory_mib(served) - before_mib
    assert sum(said.values()) == _ORDERS
    assert said["an offer"] == len(node.made) == counted["invoices"] == counted["unpaid_notes"] == 3
    # By chance, one of sixteen has the work.
    assert said[_NO_WORK] > _ORDERS / 10 * 0.8
    assert said.keys() <= {
        "an offer",
        _NO_WORK,
        _TOO_MANY,
        _TOO_FAST,
        _FORGED,
    }
    # A thousand are forged: beyond the caps nobody looks.
    assert said.get(_FORGED, 0) <= 20
    assert grown_mib < _MAX_GROWTH_MIB
    _check_latency(quiet, others)


@pytest.mark.serial
async def test_orders_with_work_over_many_connections_keep_nobody_waiting_and_the_rate_holds(
    reachable_directory: Path, tmp_path: Path, orders: Path
) -> None:
    connections, invoices_per_s = 20, 5
    async with _selling(reachable_directory, tmp_path) as (served, node):
        quiet = await _be_quiet(served)
        before_mib = _read_memory_mib(served)
        began_s = time.monotonic()
        said, others = await _flood(served, orders, connections, per_s=50)
        took_s = time.monotonic() - began_s
        counted, grown_mib = await _count(served), _read_memory_mib(served) - before_mib
    assert sum(said.values()) == _ORDERS
    assert said["an offer"] == len(node.made) == counted["invoices"] == counted["unpaid_notes"]
    # What may come at once is what comes in four seconds.
    assert 3 < len(node.made) <= min(3 * connections, invoices_per_s * (4 + took_s))
    assert said[_TOO_FAST] > 0
    assert grown_mib < _MAX_GROWTH_MIB
    _check_latency(quiet, others)


_FULL_OF_INVOICES = "error: too many invoices are open, and their payers wait; try again in some minutes"
_FULL_OF_NOTES = "error: too many notes wait to be paid for; try again in some minutes"


@pytest.mark.parametrize(
    ("caps", "content_chars", "taken", "text"),
    [
        ({"max_open": 4}, 10, 4, _FULL_OF_INVOICES),
        ({"max_unpaid_notes": 4}, 10, 4, _FULL_OF_NOTES),
        ({"max_unpaid_mib": 1}, 90_000, 3, _FULL_OF_NOTES),
        ({"per_s": 0.1}, 10, 1, "rate-limited: at most 0.1 invoices a second are made here; wait and try again"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
async def test_each_cap_of_the_relay_is_reached_and_not_passed(
    database18: dict[str, Any], tmp_path: Path, caps: dict[str, Any], content_chars: int, taken: int, text: str
) -> None:
    notes = [make_ring_note(f"{number} " + "x" * content_chars, ring_size=3) for number in range(taken + 4)]
    async with shop(database18, tmp_path, invoices=caps) as sold:
        # Each over a connection of its own that stays open, and all at the same time.
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(Client(sold.cheap)) for _ in notes]
            said = await asyncio.gather(*map(_order_from, clients, notes))
        refused = [answer for answer in said if answer != "an offer"]
        assert len(sold.node.made) == said.count("an offer") == taken
        assert set(refused) == {text}
        connection = await asyncpg.connect(**database18)
        unpaid, size = await connection.fetchrow("SELECT count(*), sum(octet_length(sealed)) FROM unpaid_notes")
        await connection.close()
    assert unpaid == taken
    assert size <= 2**20


async def _order_from(client: Client, note: Event) -> str:
    accepted, text = await client.publish(note)
    assert not accepted
    return "an offer" if "payment required" in text else text


async def test_one_connection_and_one_note_have_so_many_invoices_and_no_more(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    caps = {"max_open_per_connection": 2, "max_per_note": 1}
    first, *notes = (make_ring_note(f"{number}") for number in range(4))
    async with shop(database18, tmp_path, invoices=caps) as sold:
        async with Client(sold.cheap) as client, Client(sold.expensive) as other:
            offer = await order(client, first)
            assert await order(client, first) == offer
            text = "rate-limited: at most 1 invoices a note; pay one of them, or wait until they have expired"
            assert await other.publish(first) == (False, text)
            # At the same time, so that none of them is there when the others are looked at.
            for note in notes:
                await client.send("EVENT", note)
            said = [(await client.next("OK"))[2] for _ in notes]
        full = "rate-limited: at most 2 unpaid invoices per connection; pay one, or wait until one has expired"
        assert said.count(full) == 2
        assert len(sold.node.made) == 2


async def test_the_work_that_an_invoice_takes_grows_with_those_that_are_open_and_falls_with_them(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path, invoices={"max_open": 2, "pow_bits_when_full": 16}) as sold:
        payments = sold.relay._payments
        assert payments is not None
        async with Client(sold.cheap) as client:
            # The second has the work that is asked for where half are open, should the relay have counted them already.
            offers = [await order(client, make_ring_note(pow_bits=bits)) for bits in (0, 8)]
            await payments.collector.delete_forgotten()
            assert payments.checkout.pow_bits == 16
            for offer in offers:
                await sold.node.pay(offer.bolt11)
                assert (await client.next("OK"))[1]
        await payments.collector.delete_forgotten()
        assert payments.checkout.pow_bits == 0


async def test_the_work_that_an_invoice_takes_grows_with_the_rate_at_which_others_are_made(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    # Two may come at once, and are two of the thirty that come in a minute.
    async with shop(database18, tmp_path, invoices={"per_s": 0.5, "pow_bits_at_full_rate": 16}) as sold:
        payments = sold.relay._payments
        assert payments is not None
        async with Client(sold.cheap) as client:
            for number in range(2):
                assert payments.checkout.pow_bits == 0
                await order(client, make_ring_note(f"{number}"))
            assert payments.checkout.pow_bits == 1


async def test_who_only_looks_needs_no_connection_of_those_who_write(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, AsyncExitStack() as stack, Client(sold.cheap) as client:
        offer = await order(client, note)
        # The feed keeps one for good.
        for _ in range(3):
            await stack.enter_async_context(sold.relay._database.writers.acquire(timeout=scaled(20.0)))
        assert await order(client, note) == offer
        status, _, body = await get(sold.relay.port, f"/pay/{token_of(offer)}")
        assert status == 200
        assert offer.bolt11.encode() in body
