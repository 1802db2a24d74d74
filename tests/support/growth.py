"""A store in which every table that grows is full, what clients do with it, and what Postgres' own counters say was read."""

import time
from typing import Any

import asyncpg

from relay.protocol.event import Event
from relay.storage.insert import insert_batch
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, to_note
from tests.support.paid import Shop, order
from tests.support.raw import get, port_of
from tests.support.rewriting import rewrite
from tests.support.waiting import until

# More than a page of each table, so that to read one whole costs more than its index.
STORED = 6_000
BATCH = 500
# Closed invoices whose turn it is.
DUE = 60
# What is bounded by the configuration (invoices.max_unpaid_notes, privacy.max_held) and by time (the feed) does not grow.
BOUNDED = {
    "unpaid_notes",
    "held_notes",
    "feed",
    "settlement_cursors",
    "unanswered_invoices",
    "tier_prices",
    "schema_migrations",
}
# Of each table: how often it was read whole, how many rows that gave, and how many entries its indexes gave.
Counters = dict[str, tuple[int, int, int]]


async def fill(arguments: dict[str, Any]) -> None:
    """Store notes of many authors, each with a tag, and deletion requests and paid invoices, as if posted long ago.

    All but those of a day are sorted. Of each table more than a page is, and more than a page is not.
    """
    notes = [make_event(key=KEYS[n % 40], content=str(n), created_at=n, tags=(("t", str(n)),)) for n in range(STORED)]
    requests = [
        make_event(key=KEYS[n % 40], kind=5, content=str(n), created_at=n, tags=(("e", f"{n:064x}"),))
        for n in range(STORED)
    ]
    events = [event for pair in zip(notes, requests, strict=True) for event in pair]
    connection = await asyncpg.connect(**arguments)
    for start in range(0, len(events), BATCH):
        async with connection.transaction():
            await insert_batch(connection, [to_note(event) for event in events[start : start + BATCH]])
        if start == STORED:
            await rewrite(arguments)
    # Settled ones wait to be forgotten, and where a node cannot cancel, closed ones are watched for a day.
    for state, look_up_at in (("settled", None), ("closed", int(time.time()) + 3_600)):
        await connection.execute(
            """
            INSERT INTO invoices (reference, token, key, note_name, sealed, state, payment_hash, expires_at, forget_at,
                                  look_up_at, is_cancel_tried, account)
            SELECT sha256(($2 || n)::bytea), substr(sha256(($2 || n)::bytea), 1, 16), 'some key', sha256(($2 || n)::bytea),
                   sha256(($2 || n)::bytea), $2, sha256(($2 || n)::bytea), 2000000000, 2000000000,
                   CASE WHEN n > $4 THEN $3::bigint WHEN $3 > 0 THEN 0 END, true,
                   CASE n % 2 WHEN 0 THEN 'lnd a' ELSE 'lnd b' END
            FROM generate_series(1, $1::integer) AS n
            """,
            STORED,
            state,
            look_up_at,
            DUE,
        )
    await connection.execute(
        """
        INSERT INTO unapplied_payments (reference, note_id, amount_msat, reason)
        SELECT sha256(n::text::bytea), sha256(n::text::bytea), 1000, 'late' FROM generate_series(1, $1::integer) AS n
        """,
        STORED,
    )
    await connection.close()


async def read_counters(arguments: dict[str, Any]) -> Counters:
    """Return how often each table was read whole, how many rows that gave, and how many entries its indexes gave.

    A server process tells of its last statements when it ends.
    """
    connection = await asyncpg.connect(**arguments)
    records = await connection.fetch(
        """
        SELECT relname, seq_scan, seq_tup_read,
               (SELECT coalesce(sum(idx_tup_read), 0)::bigint FROM pg_stat_user_indexes i WHERE i.relid = t.relid) AS by_index
        FROM pg_stat_user_tables t
        """
    )
    await connection.close()
    return {record["relname"]: (record["seq_scan"], record["seq_tup_read"], record["by_index"]) for record in records}


async def read_final_counters(arguments: dict[str, Any]) -> Counters:
    """Return the counters once no other session of the database is left to tell of anything."""
    connection = await asyncpg.connect(**arguments)

    async def is_alone() -> bool:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return count == 1

    await until(is_alone)
    await connection.close()
    return await read_counters(arguments)


async def use_everything(sold: Shop, ring_note: Event) -> None:
    """Do what clients do: post, post again, replace, delete, ask, count, read a note's file, and pay."""
    note = make_event(content="a plain note", tags=(("t", "new"),))
    async with Client(sold.url) as client:
        await client.publish_all(note, ring_note, note)
        for age in (1, 0):
            await client.publish_all(make_event(kind=30_023, tags=(("d", "x"),), created_at=int(time.time()) - age))
        await client.publish_all(make_event(kind=5, tags=(("e", note.id), ("a", f"30023:{pubkey_of(KEYS[0])}:x"))))
        accepted, text = await client.publish(note)
        assert not accepted, text
        for filter_ in list_filters(ring_note):
            assert await client.fetch(filter_), filter_
        for filter_ in ({"#t": ["7"]}, {"search": f"ring:{pubkey_of(KEYS[0])}"}):
            await client.send("COUNT", "count", filter_)
            assert (await client.next("COUNT"))[1] == {"count": 1, "counted": "notes"}
        for age in (1, 0):
            await client.publish_all(make_ring_note(kind=30_024, author=KEYS[70], created_at=int(time.time()) - age))
        accepted, text = await client.publish(make_event(key=KEYS[70], kind=30_024))
        assert not accepted, text
    assert (await get(port_of(sold.url), f"/note/{ring_note.id}.json"))[0] == 200
    async with Client(sold.cheap) as client:
        offer = await order(client, make_event(content="paid for"))
        await sold.node.pay(offer.bolt11)
        assert (await client.next("OK"))[1]
        withdrawn = make_event(content="thought better of it")
        await order(client, withdrawn)
        await client.publish_all(make_event(kind=5, content="", tags=(("e", withdrawn.id),)))


def list_filters(ring_note: Event) -> list[dict[str, Any]]:
    return [
        {"limit": 5},
        {"kinds": [1], "limit": 5},
        {"authors": [pubkey_of(KEYS[3])], "kinds": [1], "limit": 5},
        {"#t": ["7"]},
        {"ids": [ring_note.id]},
        {"search": f"ring:{pubkey_of(KEYS[0])}", "limit": 5},
        {"search": "minring:2", "limit": 5},
    ]


async def until_rewritten(sold: Shop) -> None:
    """Wait for what a start does once: it writes the tables of payments into new files."""
    payments = sold.relay._payments
    assert payments is not None
    await until(lambda: not payments.collector._ledger._needs_scrub)


def subtract(after: Counters, before: Counters) -> Counters:
    pairs = {table: (after[table], before[table]) for table in after.keys() - BOUNDED}
    return {table: (now[0] - then[0], now[1] - then[1], now[2] - then[2]) for table, (now, then) in pairs.items()}
