"""Connections that are lent: each to one at a time, no more than there may be, and none that is broken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from relay.postgres.lending_pool import LendingPool
from tests.support.waiting import until


@asynccontextmanager
async def open_pool(arguments: dict[str, Any], size: int) -> AsyncIterator[LendingPool]:
    pool = LendingPool(await asyncpg.create_pool(**arguments, min_size=0, max_size=size))
    yield pool
    async with asyncio.timeout(5):
        await pool.close()


async def ask_pid(pool: LendingPool) -> int:
    async with pool.acquire() as connection:
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
        return pid


async def test_the_same_session_serves_one_after_another(database18: dict[str, Any]) -> None:
    async with open_pool(database18, 3) as pool:
        assert len({await ask_pid(pool) for _ in range(5)}) == 1
        assert pool.get_max_size() == 3


async def test_many_at_once_have_one_session_each_and_no_more_than_there_may_be(database18: dict[str, Any]) -> None:
    held: list[int] = []

    async def hold(pool: LendingPool) -> None:
        async with pool.acquire() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            assert pid not in held
            held.append(pid)
            assert len(held) <= 3
            await connection.execute("SELECT pg_sleep(0.001)")
            held.remove(pid)

    async with open_pool(database18, 3) as pool:
        # Some come while all are lent, and some while one is free.
        for _ in range(5):
            async with asyncio.timeout(20):
                await asyncio.gather(*(hold(pool) for _ in range(40)))


async def test_a_session_that_its_server_ended_is_not_lent_again(database18: dict[str, Any]) -> None:
    other = await asyncpg.connect(**database18)
    async with open_pool(database18, 1) as pool:
        first = await ask_pid(pool)
        await other.execute("SELECT pg_terminate_backend($1)", first)

        async def is_gone() -> bool:
            return not await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", first)

        await until(is_gone)
        assert await ask_pid(pool) != first
    await other.close()


async def test_a_query_that_is_cancelled_leaves_its_session_to_the_next(database18: dict[str, Any]) -> None:
    async with open_pool(database18, 1) as pool:
        first = await ask_pid(pool)

        async def sleep() -> None:
            async with pool.acquire() as connection:
                await connection.execute("SELECT pg_sleep(60)")

        sleeper = asyncio.create_task(sleep())
        await until(lambda: not pool._free)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        assert await ask_pid(pool) == first
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with pool.acquire() as connection:
                await connection.fetchval("SELECT 1 / 0")
        assert await ask_pid(pool) == first


async def test_whoever_waits_is_first_and_a_wait_that_is_given_up_takes_nothing(database18: dict[str, Any]) -> None:
    async with open_pool(database18, 1) as pool:
        async with pool.acquire():
            given_up, waiting = asyncio.create_task(ask_pid(pool)), asyncio.create_task(ask_pid(pool))
            await asyncio.sleep(0)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
        async with asyncio.timeout(5):
            assert await waiting == await ask_pid(pool)
