"""The refusals that need more than a message: full queues, a database that is slow or away, a client that does not read."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from relay.limits import InternalLimits
from relay.log import Log
from relay.protocol.event import count_leading_zero_bits
from relay.server import Relay, running
from tests.refusals.case import Variant
from tests.support.client import Client, publish_many, to_json
from tests.support.events import make_ring_note
from tests.support.processes import list_workers
from tests.support.raw import connect_silently, exchange, make_handshake, port_of
from tests.support.relays import OPEN_HOUSE, end_sessions, make_config, read_metric, relay_on, to_url
from tests.support.waiting import until

_PLAIN = Variant(0)
# RFC 6455: the opcode of a closing frame, and the code of one that asks the client to come back.
_CLOSE, _TRY_AGAIN_LATER = 8, 1013


@asynccontextmanager
async def _held(connect_arguments: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    """Hold a lock that every query of notes waits for."""
    connection = await asyncpg.connect(**connect_arguments)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _relay(connect_arguments: dict[str, Any], **sections: dict[str, Any]) -> AsyncIterator[Relay]:
    async with running(make_config(connect_arguments, **{**OPEN_HOUSE, **sections}), Log()) as relay:
        yield relay


async def test_a_lucky_id_mined_for_less_is_refused(database18: dict[str, Any]) -> None:
    lucky = next(
        event
        for number in range(1_000)
        if count_leading_zero_bits((event := _PLAIN.plain(tags=(("nonce", str(number), "1"),))).id) >= 3
    )
    async with relay_on(database18, tiers=[{"path": "/", "pow_bits": 3}]) as url, Client(url) as client:
        text = "pow: the nonce tag must commit to at least 3 bits (NIP-13); mine again for them"
        assert await client.publish(lucky) == (False, text)


async def test_one_connection_that_fills_its_share_of_the_queue_is_refused(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(str(number), ring_size=40) for number in range(20)]
    async with _relay(database18) as relay, Client(to_url(relay)) as client:
        relay._pool.max_queued_units = 200
        for note in notes:
            await client.send("EVENT", note)
        answers = [(await client.next("OK"))[1:] for _ in notes]
        # One at a time is always verified.
        assert [True, ""] in answers
        text = "rate-limited: too much verification is under way for this connection; wait for its OKs"
        assert [False, text] in answers


async def test_a_full_verification_queue_refuses(database18: dict[str, Any]) -> None:
    async with _relay(database18) as relay, Client(to_url(relay)) as client:
        relay._pool.max_queued_units = 1
        text = "error: the verification queue is full; try again in a few seconds"
        assert await client.publish(make_ring_note()) == (False, text)


async def test_a_full_writing_queue_refuses(database18: dict[str, Any]) -> None:
    async with relay_on(database18, internal=InternalLimits(max_waiting_notes=0)) as url, Client(url) as client:
        text = "error: too many notes are waiting to be stored; try again later"
        assert await client.publish(make_ring_note()) == (False, text)


async def test_a_note_that_the_database_does_not_take_is_refused(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    await connection.execute("ALTER TABLE notes ADD CHECK (kind <> 1)")
    await connection.close()
    async with relay_on(database18) as url, Client(url) as client:
        text = "error: the note could not be stored; try again"
        assert await client.publish(make_ring_note()) == (False, text)


async def test_counts_beyond_those_under_way_are_refused(database18: dict[str, Any]) -> None:
    async with (
        relay_on(database18, limits={"max_subscriptions": 1, "query_timeout_s": 30}) as url,
        Client(url) as client,
    ):
        async with _held(database18):
            await client.send("COUNT", "first", {"kinds": [1]})
            await client.send("COUNT", "second", {"kinds": [1]})
            text = "rate-limited: at most 1 COUNTs at the same time; wait and try again"
            assert await client.next("CLOSED") == ["second", text]
        assert await client.next("COUNT") == ["first", {"count": 0, "counted": "notes"}]


async def test_a_query_that_takes_too_long_is_refused(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"query_timeout_s": 0.3}) as url, Client(url) as client, _held(database18):
        for verb in ("REQ", "COUNT"):
            await client.send(verb, "sub", {"kinds": [1]})
            text = "error: the query took too long; narrow the filter (fewer values, a since, a smaller limit)"
            assert await client.next("CLOSED") == ["sub", text]


async def test_what_needs_the_database_is_refused_while_it_is_away(
    database18: dict[str, Any], postgres_server18: Any
) -> None:
    admin = await asyncpg.connect(**postgres_server18.admin)
    try:
        async with relay_on(database18) as url, Client(url) as client:
            await admin.execute(f"ALTER DATABASE {database18['database']} WITH ALLOW_CONNECTIONS false")
            await end_sessions(admin, database18["database"])
            text = "error: the database is not available; try again later"
            assert await client.publish(make_ring_note()) == (False, text)
            for verb in ("REQ", "COUNT"):
                await client.send(verb, "sub", {})
                assert await client.next("CLOSED") == ["sub", text]
            await admin.execute(f"ALTER DATABASE {database18['database']} WITH ALLOW_CONNECTIONS true")
    finally:
        await admin.close()


async def test_what_fails_in_an_unforeseen_way_is_answered(database18: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**database18)
    async with relay_on(database18) as url, Client(url) as client:
        await connection.execute("ALTER TABLE notes RENAME TO elsewhere")
        text = "error: the relay failed to handle this; try again later"
        assert await client.publish(make_ring_note()) == (False, text)
        await client.send("REQ", "sub", {})
        assert await client.next("CLOSED") == ["sub", text]
        await connection.execute("ALTER TABLE elsewhere RENAME TO notes")
    await connection.close()


async def test_a_note_whose_worker_is_killed_is_answered_and_can_be_sent_again(database18: dict[str, Any]) -> None:
    _, others = list_workers(os.getpid())
    async with _relay(database18) as relay, Client(to_url(relay)) as client:
        await client.publish_all(make_ring_note("one"))
        _, workers = list_workers(os.getpid())
        for pid in workers - others:
            os.kill(pid, signal.SIGSTOP)
        note = make_ring_note("two")
        await client.send("EVENT", to_json(note))
        await until(lambda: read_metric(relay, "ringrelay_verification_queue_units"))
        for pid in workers - others:
            os.kill(pid, signal.SIGKILL)
        text = "error: the relay failed to handle this; try again later"
        assert await client.next("OK") == [note.id, False, text]

        async def is_taken() -> bool:
            return (await client.publish(note))[0]

        # Another worker begins within a second.
        await until(is_taken)


async def test_a_connection_beyond_the_maximum_is_refused(database18: dict[str, Any]) -> None:
    async with relay_on(database18, limits={"max_connections": 1}) as url, Client(url):
        answer = await exchange(port_of(url), make_handshake())
        assert answer.startswith(b"HTTP/1.1 503 ")
        text = "the relay is full; try again later"
        assert answer.partition(b"\r\n\r\n")[2].decode() == f"{text}\n"


async def test_a_connection_beyond_those_of_its_network_is_refused(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {
        "server": {"trusted_proxies": ["127.0.0.0/8"]},
        "limits": {"max_connections_per_network": 1},
    }
    forwarded = {"X-Forwarded-For": "203.0.113.77"}
    async with relay_on(database18, **sections) as url, Client(url, additional_headers=forwarded) as client:
        # It is counted when it is served.
        assert await client.fetch({}) == []
        answer = await exchange(port_of(url), make_handshake(forwarded))
        assert answer.startswith(b"HTTP/1.1 429 ")
        text = "too many connections from your network; close some and try again"
        assert answer.partition(b"\r\n\r\n")[2].decode() == f"{text}\n"


async def test_an_idle_connection_is_told_why_it_ends(database18: dict[str, Any]) -> None:
    async with (
        relay_on(database18, internal=InternalLimits(check_idle_every_s=0.05), limits={"idle_timeout_s": 0.2}) as url,
        Client(url) as client,
    ):
        text = "closed: nothing was sent or subscribed to for a while; reconnect"
        assert await client.next("NOTICE") == [text]


async def test_a_client_that_reads_too_slowly_is_told_why_it_is_closed(database18: dict[str, Any]) -> None:
    limits = {**OPEN_HOUSE["limits"], "max_pending_bytes": 65_536}
    async with _relay(database18, limits=limits) as relay, connect_silently(to_url(relay)) as slow:
        await slow.follow(kinds=[20_001])
        posting = asyncio.create_task(publish_many(to_url(relay), 150, 90_000, kind=20_001))
        while not read_metric(relay, "ringrelay_slow_client_closes_total"):
            await asyncio.wait([posting], timeout=0.01)
            assert not posting.done() or read_metric(relay, "ringrelay_slow_client_closes_total")
        opcode, payload = 0, b""
        while opcode != _CLOSE:
            opcode, payload = await slow.receive()
        await posting
    text = "too slow; reconnect"
    assert payload == _TRY_AGAIN_LATER.to_bytes(2, "big") + text.encode()
