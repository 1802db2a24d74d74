"""When the node is asked about an invoice: open ones first, ever more seldom, and no pass reads more than its own rows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from relay.storage.payments.accounts import count_elsewhere, is_watched
from relay.storage.payments.invoice_schedule import find_oldest, look_up_again, mend_schedule, take_due
from relay.storage.payments.invoices import MAX_AT_ONCE, close_invoice, count_by_state, delete_forgotten, drop_invoice
from relay.storage.payments.unpaid_notes import count_unpaid, delete_uninvoiced

NOW, EXPIRY_S = 1_800_000_000, 900
ACCOUNT = "lnd a"
_INSERT = """
    INSERT INTO invoices (reference, token, key, note_name, sealed, state, payment_hash, expires_at, forget_at, look_up_at,
                          is_cancel_tried, account)
    SELECT sha256(($1 || n)::bytea), substr(sha256(('t' || $1 || n)::bytea), 1, 16), 'some key', sha256(('n' || $1 || n)::bytea),
           '', $1, sha256(('h' || $1 || n)::bytea), $2::bigint, $2::bigint + 90000, $3::bigint + n, false, 'lnd a'
    FROM generate_series(1, $4::integer) AS n
"""


@asynccontextmanager
async def connected(arguments: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**arguments)
    try:
        # As the relay's own connections that write.
        await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        yield connection
    finally:
        await connection.close()


async def insert(connection: asyncpg.Connection, state: str, count: int, *, due_s: int, expires_s: int = 600) -> None:
    """Insert invoices that are due from NOW + due_s + 1 on, one a second, and expire at NOW + expires_s."""
    await connection.execute(_INSERT, state, NOW + expires_s, NOW + due_s, count)


async def list_next(connection: asyncpg.Connection) -> list[int]:
    return [
        row["wait_s"]
        for row in await connection.fetch("SELECT look_up_at - $1 AS wait_s FROM invoices ORDER BY 1", NOW)
    ]


async def test_open_ones_come_first_and_closed_ones_have_what_is_left(database: dict[str, Any]) -> None:
    async with connected(database) as connection:
        await insert(connection, "closed", 5, due_s=-100)
        await insert(connection, "open", 3, due_s=-50)
        await insert(connection, "settled", 3, due_s=-50)
        found = [invoice.is_open for invoice in await take_due(connection, NOW, EXPIRY_S, 4, ACCOUNT, ())]
        assert sorted(found) == [False, True, True, True]
        # Nobody else is given the same.
        assert [invoice.is_open for invoice in await take_due(connection, NOW, EXPIRY_S, 99, ACCOUNT, ())] == [
            False
        ] * 4
        assert await take_due(connection, NOW, EXPIRY_S, 99, ACCOUNT, ()) == []


async def test_those_whose_payers_wait_come_before_all_others(database: dict[str, Any]) -> None:
    async with connected(database) as connection:
        await insert(connection, "closed", 5, due_s=-100)
        await insert(connection, "open", 9, due_s=-50)
        # The last that would have their turn, one that is closed, and one that is not here.
        live = [
            row["token"]
            for row in await connection.fetch(
                "SELECT token FROM invoices WHERE look_up_at IN ($1, $2)", NOW - 41, NOW - 95
            )
        ]
        assert len(live) == 2
        (first, *_) = await take_due(connection, NOW, EXPIRY_S, 1, ACCOUNT, [*live, bytes(16)])
        assert first.is_open
        assert first.token in live
        second, third = await take_due(connection, NOW, EXPIRY_S, 2, ACCOUNT, live)
        assert second.is_open
        assert third.is_open


async def test_a_pass_for_all_alike_takes_whichever_has_waited_longest(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "closed", 2, due_s=-100)
        await insert(connection, "open", 9, due_s=-99)
        found = await take_due(connection, NOW, EXPIRY_S, 3, ACCOUNT, None)
        assert sorted(invoice.is_open for invoice in found) == [False, False, True]


@pytest.mark.parametrize(
    ("state", "expires_s", "wait_s"),
    [
        ("open", 900, 1),
        ("open", 880, 5),
        ("open", 0, 15),
        ("open", -3_000, 15),
        ("closed", 900, 300),
        ("closed", -1_000, 1_000),
        ("closed", -50_000, 7_200),
    ],
)
async def test_the_older_one_is_the_more_seldom_it_is_looked_up(
    database18: dict[str, Any], state: str, expires_s: int, wait_s: int
) -> None:
    async with connected(database18) as connection:
        await insert(connection, state, 1, due_s=-2, expires_s=expires_s)
        assert len(await take_due(connection, NOW, EXPIRY_S, 9, ACCOUNT, ())) == 1
        assert await list_next(connection) == [wait_s]


async def test_after_a_start_open_ones_are_looked_up_at_once_and_what_a_wrong_clock_put_off(
    database18: dict[str, Any],
) -> None:
    async with connected(database18) as connection:
        await insert(connection, "open", 2, due_s=10)
        await insert(connection, "closed", 2, due_s=1_000)
        await look_up_again(connection)
        assert not await mend_schedule(connection, NOW)
        assert [invoice.is_open for invoice in await take_due(connection, NOW, EXPIRY_S, 9, ACCOUNT, ())] == [
            True,
            True,
        ]
        # The clock was ahead by a day.
        await connection.execute("UPDATE invoices SET look_up_at = $1", NOW + 86_400)
        await look_up_again(connection)
        assert not await mend_schedule(connection, NOW)
        assert len(await take_due(connection, NOW, EXPIRY_S, 9, ACCOUNT, ())) == 4


async def test_while_it_runs_too_what_a_wrong_clock_put_off_gets_its_turn(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "open", 1, due_s=16 + 10)
        await insert(connection, "closed", 1, due_s=7_200 + 3_600 + 10)
        # What is only not due yet stays so.
        await connection.execute("UPDATE invoices SET look_up_at = look_up_at - 20 WHERE state = 'open'")
        await mend_schedule(connection, NOW)
        due = await take_due(connection, NOW, EXPIRY_S, 9, ACCOUNT, ())
        assert [invoice.is_open for invoice in due] == [False]
        await connection.execute("UPDATE invoices SET look_up_at = $1", NOW + 3_600)
        await mend_schedule(connection, NOW)
        due = await take_due(connection, NOW, EXPIRY_S, 9, ACCOUNT, ())
        assert [invoice.is_open for invoice in due] == [True]


async def test_what_another_account_made_is_never_looked_up(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        for state in ("open", "closed"):
            await insert(connection, state, 3, due_s=-30)
        assert await take_due(connection, NOW, EXPIRY_S, 9, "lnd b", ()) == []
        assert await count_elsewhere(connection, "lnd b") == {ACCOUNT: 6}
        assert await count_elsewhere(connection, ACCOUNT) == {}
        assert await is_watched(connection, ACCOUNT)
        assert not await is_watched(connection, "lnd b")
        for index, account in enumerate(("a", "c", "d", "d", "e", "e")):
            await connection.execute(
                "UPDATE invoices SET account = $1 WHERE reference = (SELECT reference FROM invoices ORDER BY 1 OFFSET $2 LIMIT 1)",
                account,
                index,
            )
        assert await count_elsewhere(connection, "d") == {"a": 1, "c": 1, "e": 2}


async def test_what_the_node_could_not_cancel_is_not_cancelled_again(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "open", 1, due_s=-9)
        (invoice,) = await take_due(connection, NOW, EXPIRY_S, 9, ACCOUNT, ())
        assert not invoice.is_cancel_tried
        await close_invoice(connection, invoice.reference)
        (closed,) = await take_due(connection, NOW + 3_700, EXPIRY_S, 9, ACCOUNT, ())
        assert (closed.is_open, closed.is_cancel_tried) == (False, True)


async def count_read(connection: asyncpg.Connection, work: Callable[[], Awaitable[Any]]) -> int:
    """Return how many invoices a statement reads by indexes; it must read no table whole."""
    async with connection.transaction():
        query = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'invoices'"
        before = await connection.fetchrow(query)
        await work()
        after = await connection.fetchrow(query)
    assert after["seq_tup_read"] == before["seq_tup_read"]
    fetched: int = after["idx_tup_fetch"] - before["idx_tup_fetch"]
    return fetched


async def test_no_statement_reads_more_than_its_own_rows_however_many_are_watched(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "closed", 100_000, due_s=60)
        await insert(connection, "open", 20, due_s=-30)
        tokens = [row["token"] for row in await connection.fetch("SELECT token FROM invoices WHERE state = 'open'")]
        works: dict[str, tuple[int, Callable[[], Awaitable[Any]]]] = {
            "a pass": (200, lambda: take_due(connection, NOW, EXPIRY_S, 50, ACCOUNT, ())),
            "a pass of whose payers wait": (200, lambda: take_due(connection, NOW + 99, EXPIRY_S, 50, ACCOUNT, tokens)),
            "a pass for all alike": (200, lambda: take_due(connection, NOW + 999, EXPIRY_S, 50, ACCOUNT, None)),
            "what goes": (30, lambda: find_oldest(connection, ACCOUNT, tokens[:9])),
            "a start": (50, lambda: look_up_again(connection)),
            "a slice of what a wrong clock put off": (2 * MAX_AT_ONCE, lambda: mend_schedule(connection, NOW)),
            "what is forgotten": (0, lambda: delete_forgotten(connection, NOW)),
            "counts": (2_100, lambda: count_by_state(connection)),
            "what is unpaid": (100, lambda: count_unpaid(connection, ACCOUNT)),
            "what is unpaid for nothing": (0, lambda: delete_uninvoiced(connection)),
            "the end of one": (5, lambda: drop_invoice(connection, bytes(32))),
        }
        for name, (most, work) in works.items():
            assert await count_read(connection, work) <= most, name


async def test_what_has_its_time_is_deleted_in_slices(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "settled", 3 * MAX_AT_ONCE // 2, due_s=-9, expires_s=-100_000)
        # Their making was given up.
        await connection.execute("UPDATE invoices SET state = 'creating', payment_hash = NULL WHERE look_up_at % 3 = 0")
        deleted = [await delete_forgotten(connection, NOW) for _ in range(3)]
        assert deleted == [MAX_AT_ONCE, MAX_AT_ONCE // 2, 0]


async def test_those_that_a_wrong_clock_put_off_are_taken_back_in_slices(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "closed", MAX_AT_ONCE + 1, due_s=86_400)
        assert await mend_schedule(connection, NOW)
        assert not await mend_schedule(connection, NOW)
        assert await list_next(connection) == [-NOW] * (MAX_AT_ONCE + 1)


async def test_one_that_nobody_looks_at_is_found_in_the_order_of_expiry(database18: dict[str, Any]) -> None:
    async with connected(database18) as connection:
        await insert(connection, "closed", 3, due_s=-9, expires_s=-9)
        await insert(connection, "open", 3, due_s=-9)
        await connection.execute("UPDATE invoices SET expires_at = expires_at + look_up_at WHERE state = 'open'")
        seen: list[bytes] = []
        for _ in range(3):
            invoice = await find_oldest(connection, ACCOUNT, seen)
            assert invoice is not None
            seen.append(invoice.token)
        assert await find_oldest(connection, ACCOUNT, seen) is None
        rows = await connection.fetch("SELECT token FROM invoices WHERE state = 'open' ORDER BY look_up_at")
        assert [row["token"] for row in rows] == seen
