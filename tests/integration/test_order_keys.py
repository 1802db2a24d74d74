"""Orders lie sealed: their rows tell nothing, a key ends with its last row, and without one no money is lost."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from coincurve import PrivateKey

from relay.limits import InvoicePolicy
from relay.protocol.event import Event
from relay.storage.feed import Feed
from relay.storage.key_files import KeyFiles
from relay.storage.ledger import Ledger
from relay.storage.note import Note
from relay.storage.own_notes import OwnNotes
from relay.storage.payments.invoices import Order
from relay.storage.payments.pay_status import find_pay_status
from relay.storage.payments.settlement import PaymentTerms, Received
from relay.storage.row import Result, SaveResult
from relay.storage.sealing import SealingKey
from relay.storage.writer import Writer
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, to_note, to_ring_note
from tests.support.held import RememberedKeyFiles, make_waiting
from tests.support.lightning_stubs import LndStub
from tests.support.paid import order, reopened, to_settings, token_of
from tests.support.processes import ServeProcess
from tests.support.raw import exchange
from tests.support.waiting import until

NOW, HOUR_S, DAY_S = 1_800_000_000, 3_600, 86_400
ACCOUNT = "lnd a"
PRICES = {"/1k": 1_000_000, "/10k": 10_000_000}


class Books:
    """The ledger and the writer of one process, with a clock that goes on by what a test says."""

    def __init__(self, pool: asyncpg.Pool, files: KeyFiles) -> None:
        self.pool = pool
        self.now = NOW
        self.waiting = make_waiting(files)
        self.writer = Writer(
            pool, feed=Feed(pool, _ignore), publish=_ignore, report=lambda _: None, waiting=self.waiting
        )
        terms = PaymentTerms(InvoicePolicy(), 0.0)
        self.ledger = Ledger(pool, pool, self.writer, self.waiting, terms, lambda: self.now)
        self.ledger.learn_account(ACCOUNT)
        self.own_notes = OwnNotes(pool, self.waiting)

    async def order(self, note: Note, tier: str = "/1k") -> Order:
        """Order a note, and open its invoice."""
        asked = self.make_order(note, tier)
        assert await self.begin(asked, note) is None
        assert await self.ledger.open_order(asked, secrets.token_bytes(32), f"lnbc {tier} {note.event.id}")
        return asked

    def make_order(self, note: Note, tier: str) -> Order:
        expires_at = self.now + 900
        reference, token = secrets.token_bytes(32), secrets.token_bytes(16)
        note_id = bytes.fromhex(note.event.id)
        return Order(reference, token, note_id, tier, PRICES[tier], expires_at, expires_at + DAY_S, ACCOUNT)

    async def begin(self, asked: Order, note: Note) -> SaveResult | None:
        return await self.ledger.begin_order(asked, note, lambda _: None)

    async def settle(self, asked: Order) -> Result | None:
        outcome = await self.ledger.settle_payment(asked.reference, Received(asked.price_msat, ACCOUNT, ""))
        return None if outcome is None else outcome[1]

    async def save(self, event: Event) -> Sequence[Result]:
        async def load(_: asyncpg.Connection) -> Sequence[Note]:
            return [to_note(event)]

        async def conclude(*_: object) -> None:
            return

        return await self.writer.settle(load, conclude)

    async def list_statuses(self, note: Note) -> dict[str, str | None]:
        """Return the BOLT 11 of what is asked for a note, by tier."""
        status = await self.ledger.find_status(bytes.fromhex(note.event.id))
        assert not status.invoices or status.encoded == note.encoded
        return {tier: invoice.bolt11 for tier, invoice in status.invoices.items()}

    async def count(self, what: str) -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {what}"))

    async def read_states(self) -> list[str]:
        return [row["state"] for row in await self.pool.fetch("SELECT state FROM invoices ORDER BY state")]

    async def read_unapplied(self) -> list[tuple[Any, ...]]:
        rows = await self.pool.fetch("SELECT reference, note_id, amount_msat, reason FROM unapplied_payments")
        return [tuple(row) for row in rows]


@asynccontextmanager
async def books_on(
    arguments: dict[str, Any], files: KeyFiles, *, has_other_hosts: bool = False, now: int = NOW
) -> AsyncIterator[Books]:
    pool = await asyncpg.create_pool(**arguments, min_size=0, max_size=3)
    try:
        books = Books(pool, files)
        books.now = now
        await books.ledger.prepare(has_other_hosts=has_other_hosts)
        yield books
    finally:
        await pool.close()


@pytest.fixture
def files(tmp_path: Path) -> RememberedKeyFiles:
    return RememberedKeyFiles(tmp_path / "keys")


async def _ignore(_: Iterable[Note]) -> None:
    return


def make_versions(count: int, key: PrivateKey = KEYS[5]) -> list[Note]:
    return [
        to_note(make_event(key=key, kind=30_023, content=f"version {n}", tags=(("d", "x"),), created_at=NOW + n))
        for n in range(count)
    ]


async def test_the_rows_of_all_orders_look_the_same_and_hold_nothing_of_a_note(
    database: dict[str, Any], files: RememberedKeyFiles
) -> None:
    notes = [
        to_ring_note(make_ring_note("a")),
        to_ring_note(make_ring_note("said at some length " * 100)),
        to_note(make_event(content="plain")),
        *make_versions(1),
    ]
    async with books_on(database, files) as books:
        for number, note in enumerate(notes):
            await books.order(note, ("/1k", "/10k")[number % 2])
        for table, same in (
            ("unpaid_notes", None),
            ("invoices", {"account", "state", "is_cancel_tried", "expires_at"}),
        ):
            rows = [dict(row) for row in await books.pool.fetch(f"SELECT * FROM {table}")]
            assert len(rows) == len(notes)
            shapes = {
                tuple((name, len(value) if isinstance(value, bytes) else type(value)) for name, value in row.items())
                for row in rows
            }
            assert len(shapes) == 1, shapes
            # No value stands in two rows but the key's name, and what says nothing of a note.
            for name in rows[0].keys() - {"key", "look_up_at", "forget_at"} - (same or set()):
                assert len({row[name] for row in rows}) == len(rows), name
            held = b"".join(value for row in rows for value in row.values() if isinstance(value, bytes))
            for note in notes:
                for told in (note.event.id, note.event.pubkey, note.event.sig):
                    assert bytes.fromhex(told) not in held
                    assert told.encode() not in held
                assert note.event.content.encode() not in held or len(note.event.content) < 3
            for path in PRICES:
                assert path.encode() + b" " not in held


async def test_each_hour_has_a_key_and_one_that_no_row_names_is_destroyed(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    notes = [to_ring_note(make_ring_note(str(number))) for number in range(2)]
    async with books_on(database18, files) as books:
        (first,) = files.list_fingerprints()
        await books.ledger.delete_forgotten()
        # A process that starts does not know how old the key is.
        (second,) = files.list_fingerprints()
        assert second != first
        asked = await books.order(notes[0])
        await books.ledger.delete_forgotten()
        assert files.list_fingerprints() == [second]
        books.now += HOUR_S
        await books.ledger.delete_forgotten()
        assert second in files.list_fingerprints()
        assert len(files.list_fingerprints()) == 2
        # An order of the hour before can be paid, and its row waits to be forgotten.
        assert await books.settle(asked) is SaveResult.STORED
        assert await books.count("unpaid_notes") == 0
        await books.ledger.delete_forgotten()
        assert second in files.list_fingerprints()
        books.now += 2 * DAY_S
        await books.ledger.delete_forgotten()
        assert await books.count("invoices") == 0
        (left,) = files.list_fingerprints()
        assert left not in (first, second)
        # Nor does the process have it in memory.
        assert set(books.waiting.order_keys._known) == {left}
        assert await books.count("sealing_keys") == 1


async def test_a_process_destroys_the_keys_of_one_before_it(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    async with books_on(database18, files) as books:
        asked = await books.order(to_ring_note(make_ring_note()))
        assert await books.settle(asked) is SaveResult.STORED
        # Its key is not for new rows any more.
        books.now += HOUR_S
        await books.ledger.delete_forgotten()
    # It has never had a reason to read them.
    async with books_on(database18, files, has_other_hosts=True, now=NOW + 3 * DAY_S) as again:
        await again.ledger.delete_forgotten()
        assert await again.count("invoices") == 0
        (named,) = await again.pool.fetch("SELECT fingerprint FROM sealing_keys")
        assert files.list_fingerprints() == [named["fingerprint"]]


async def test_a_note_that_is_ordered_again_an_hour_later_takes_its_rows_with_it(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    note = to_ring_note(make_ring_note())
    async with books_on(database18, files) as books:
        await books.ledger.delete_forgotten()
        cheap = await books.order(note, "/1k")
        (first,) = files.list_fingerprints()
        books.now += HOUR_S
        await books.ledger.delete_forgotten()
        expensive = await books.order(note, "/10k")
        await books.ledger.delete_forgotten()
        assert first not in files.list_fingerprints()
        assert await books.list_statuses(note) == {
            "/1k": f"lnbc /1k {note.event.id}",
            "/10k": f"lnbc /10k {note.event.id}",
        }
        # The same tier again: one open invoice a note and tier, whatever the hour.
        again = await books.order(note, "/1k")
        assert await books.read_states() == ["closed", "open", "open"]
        # To fail at the newest order does not take the note from the older one.
        failed = books.make_order(note, "/10k")
        assert await books.begin(failed, note) is None
        await books.ledger.drop_order(failed)
        assert await books.settle(again) is SaveResult.STORED
        # Its expired invoice was closed when it was ordered once more.
        assert await books.settle(cheap) is SaveResult.DUPLICATE
        assert await books.settle(expensive) is SaveResult.UPGRADED


async def test_an_author_withdraws_by_id_and_address_what_was_ordered_in_any_hour(
    database: dict[str, Any], files: RememberedKeyFiles
) -> None:
    author, other = PrivateKey(), PrivateKey()
    note = to_ring_note(make_ring_note(author=author))
    versions = make_versions(3)
    async with books_on(database, files) as books:
        for one in (note, *versions[:2]):
            await books.order(one)
            books.now += HOUR_S
            await books.ledger.delete_forgotten()
        await books.order(versions[2])
        assert len(files.list_fingerprints()) > 2
        id_ = bytes.fromhex(note.event.id)
        assert await books.own_notes.find_price(note.event.pubkey, [id_]) == 0
        assert await books.own_notes.find_price(pubkey_of(other), [id_]) is None
        address = f"30023:{versions[0].event.pubkey}:x"
        for key in (other, KEYS[5]):
            # Of a note and an address that are another's.
            await books.save(
                make_event(key=key if key is other else KEYS[6], kind=5, tags=(("e", note.event.id), ("a", address)))
            )
        assert await books.count("unpaid_notes") == 4
        await books.save(make_event(key=author, kind=5, content="", tags=(("e", note.event.id),)))
        assert await books.count("unpaid_notes") == 3
        # NIP-09: the versions up to the request's time.
        await books.save(make_event(key=KEYS[5], kind=5, tags=(("a", address),), created_at=NOW + 1))
        assert await books.count("unpaid_notes") == 1
        assert await books.list_statuses(versions[2]) != {}
        assert await books.list_statuses(note) == await books.list_statuses(versions[1]) == {}
        assert await books.read_states() == ["closed", "closed", "closed", "open"]


async def test_what_is_kept_for_a_day_says_to_the_hour_when_it_was_ordered(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    async with books_on(database18, files, now=NOW + 1_234) as books:
        notes = [to_ring_note(make_ring_note(str(number))) for number in range(21)]
        asked = [await books.order(note) for note in notes]
        await books.settle(asked[0])
        books.now += 4_501
        await books.ledger.take_due(ACCOUNT, 99, ())
        for one in asked[1:]:
            await books.ledger.close_invoice(one.reference)
        rows = await books.pool.fetch("SELECT state, expires_at, forget_at, look_up_at, sealed_bolt11 FROM invoices")
        assert sorted(row["state"] for row in rows) == ["closed"] * 20 + ["settled"]
        assert {row["expires_at"] % 3_600 for row in rows} == {0}
        assert {row["sealed_bolt11"] for row in rows} == {None}
        times = [row["look_up_at"] for row in rows if row["state"] == "closed"]
        # Twenty by chance within an hour.
        assert max(times) - min(times) > 600


async def test_a_payment_for_a_note_whose_key_is_lost_is_recorded_with_its_reference(
    database: dict[str, Any], files: RememberedKeyFiles
) -> None:
    notes = [to_ring_note(make_ring_note(str(number))) for number in range(4)]
    async with books_on(database, files) as books:
        paid, closed, unpaid = [await books.order(note) for note in notes[:3]]
        await books.ledger.close_invoice(closed.reference)
    for fingerprint in files.list_fingerprints():
        files.destroy(fingerprint)
    pool = await asyncpg.create_pool(**database, min_size=0, max_size=3)
    try:
        books = Books(pool, files)
        assert await books.ledger.prepare(has_other_hosts=False) == 3
        assert await books.count("unpaid_notes") == 0
        await books.ledger.delete_forgotten()
        # Nothing is asked for them any more, and they are watched.
        assert await books.read_states() == ["closed"] * 3
        assert {invoice.reference for invoice in await books.ledger.take_due(ACCOUNT, 99, ())} >= {
            paid.reference,
            unpaid.reference,
        }
        assert await find_pay_status(pool, paid.token, books.waiting, ACCOUNT) is None
        for one in (paid, closed):
            outcome = await books.ledger.settle_payment(one.reference, Received(one.price_msat, ACCOUNT, ""))
            assert outcome is not None
            assert (outcome[0].note_id, outcome[0].tier, outcome[1]) == (None, "unknown", None)
            assert await books.ledger.settle_payment(one.reference, Received(one.price_msat, ACCOUNT, "")) is None
        expected = sorted((one.reference, None, one.price_msat, "key_lost") for one in (paid, closed))
        assert sorted(await books.read_unapplied()) == expected
        # The relay sells on, and the reference outlasts the invoice: nothing else names the payment.
        await books.order(notes[3])
        books.now += 3 * DAY_S
        await books.ledger.delete_forgotten()
        assert await books.count("invoices WHERE state = 'settled'") == 0
        assert sorted(await books.read_unapplied()) == expected
    finally:
        await pool.close()


async def test_where_the_key_is_on_another_machine_nothing_is_sold_and_nothing_lost(
    database18: dict[str, Any], files: RememberedKeyFiles, tmp_path: Path
) -> None:
    note, other = to_ring_note(make_ring_note("one")), to_ring_note(make_ring_note("other"))
    elsewhere = RememberedKeyFiles(tmp_path / "elsewhere")
    async with (
        books_on(database18, files, has_other_hosts=True) as home,
        books_on(database18, elsewhere, has_other_hosts=True) as away,
    ):
        await home.ledger.delete_forgotten()
        asked, late = await home.order(note), await home.order(make_versions(1)[0])
        assert await away.begin(away.make_order(other, "/1k"), other) is SaveResult.ORDERED_ELSEWHERE
        await away.ledger.delete_forgotten()
        assert await away.settle(asked) is None
        assert await find_pay_status(away.pool, asked.token, away.waiting, ACCOUNT) is None
        assert (await home.read_states(), await home.read_unapplied()) == (["open", "open"], [])
        assert await home.settle(asked) is SaveResult.STORED
        # If the other machine never comes back, a payment is recorded when its invoice would be forgotten.
        away.now += 2 * DAY_S
        assert await away.ledger.settle_payment(late.reference, Received(1_000_000, ACCOUNT, "")) is not None
        assert await home.read_unapplied() == [(late.reference, None, 1_000_000, "key_lost")]
        # As docs/payments.md says, where that machine is gone for good.
        await away.pool.execute("DELETE FROM sealing_keys WHERE purpose = 'order'")
        assert await away.ledger.prepare(has_other_hosts=True) == 0
        await away.order(other)


class DyingKeyFiles(RememberedKeyFiles):
    """Files of a process that is killed right after a key is written, or right before one is destroyed."""

    dies_at = ""

    def write(self, key: SealingKey) -> None:
        super().write(key)
        if self.dies_at == "write":
            raise asyncpg.ConnectionDoesNotExistError("killed")

    def destroy(self, fingerprint: bytes) -> None:
        if self.dies_at == "destroy":
            raise asyncpg.ConnectionDoesNotExistError("killed")
        super().destroy(fingerprint)


@pytest.mark.parametrize("dies_at", ["write", "destroy"])
async def test_a_relay_that_was_killed_beside_a_key_starts_and_destroys_what_no_row_names(
    database18: dict[str, Any], tmp_path: Path, dies_at: str
) -> None:
    files = DyingKeyFiles(tmp_path / "keys")
    note = to_ring_note(make_ring_note())
    async with books_on(database18, files) as books:
        await books.ledger.delete_forgotten()
        asked = await books.order(note)
        books.now += DAY_S
        if dies_at == "destroy":
            await books.ledger.delete_forgotten()
            assert await books.settle(asked) is SaveResult.STORED
            books.now += 2 * DAY_S
        files.dies_at = dies_at
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await books.ledger.delete_forgotten()
        files.dies_at = ""
        left = files.list_fingerprints()
    async with books_on(database18, files, now=books.now) as again:
        named = await again.pool.fetch("SELECT fingerprint FROM sealing_keys")
        assert sorted(files.list_fingerprints()) == sorted(row["fingerprint"] for row in named)
        # What was left were keys that no row was ever sealed with, or whose rows are gone.
        assert len(files.list_fingerprints()) < len(left)
        if dies_at == "write":
            assert await again.settle(asked) is SaveResult.STORED


async def test_a_relay_whose_keys_are_gone_starts_sells_and_counts_what_is_paid_for_what_it_cannot_read(
    reachable_directory: Path, tmp_path: Path
) -> None:
    """As after a dump is restored: it holds no keys."""
    node = LndStub(tmp_path)
    await node.start()
    settings: dict[str, Any] = {**to_settings(node), "METRICS__SNAPSHOT_EVERY_S": "0"}
    served = ServeProcess(reachable_directory, **settings)
    try:
        await served.start()
        await served.wait_until_ready()
        async with Client(f"{served.url}/1k") as client:
            offers = [await order(client, make_ring_note(str(number))) for number in range(2)]
        await served.stop()
        for path in (served.data_dir / "keys").glob("*.key"):
            path.unlink()
        # The node is asked at the start, and finds it paid.
        await node.pay(offers[0].bolt11)
        await served.start()
        await served.wait_until_ready()
        async with Client(f"{served.url}/1k") as client:

            async def read_metric() -> bytes:
                request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                return await exchange(served.private_port, request)

            async def is_counted() -> bool:
                return b'ringrelay_settled_msat_total{tier="unknown"} 1e+06' in await read_metric()

            await until(is_counted)
            connection = await asyncpg.connect(**served.connect_arguments())
            rows = await connection.fetch("SELECT amount_msat, reason, reference IS NULL FROM unapplied_payments")
            await connection.close()
            assert [tuple(row) for row in rows] == [(1_000_000, "key_lost", False)]
            page = f"GET /pay/{token_of(offers[1])} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            assert (await exchange(served.port, page.encode())).startswith(b"HTTP/1.1 404 ")
            # The node is told that the other is asked for no longer.
            await until(lambda: any(made.cancelled for made in node.made))
            await order(client, make_ring_note("another"))
        assert "orders_lost" in served.log
    finally:
        await served.stop()
        await node.stop()


async def test_an_order_at_a_relay_without_the_key_is_refused_with_words(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    node = LndStub(tmp_path)
    await node.start()
    try:
        async with reopened(database18, node):
            pass
        async with reopened(database18, node, data_dir=tmp_path / "another machine") as sold:
            async with Client(sold.cheap) as client:
                said = (
                    "error: the key under which orders are kept is on another machine; "
                    "post to the relay there, or tell the operator"
                )
                assert await client.publish(make_ring_note()) == (False, said)
            assert node.made == []
    finally:
        await node.stop()


async def test_two_processes_that_order_one_note_at_once_ask_for_it_once(
    database18: dict[str, Any], files: RememberedKeyFiles
) -> None:
    """The key for new rows changes meanwhile."""
    note = to_ring_note(make_ring_note())

    def refuse_twice(facts: Any) -> SaveResult | None:
        return SaveResult.DUPLICATE if facts.status.invoices else None

    async with books_on(database18, files) as one, books_on(database18, files) as other:
        orders = [
            books.ledger.begin_order(books.make_order(note, "/1k"), note, refuse_twice)
            for books in (one, other)
            for _ in range(5)
        ]
        results = await asyncio.gather(*orders, other.ledger.delete_forgotten(), one.ledger.delete_forgotten())
        assert sorted(str(result) for result in results[:10]) == sorted(
            str(result) for result in [None] + [SaveResult.DUPLICATE] * 9
        )
