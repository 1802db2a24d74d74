"""The lowest price that each path ever had, so that a price that rises hides nothing that was sold before. Knows no note.

A row is an operator's decision, taken down when a relay starts or reads its tiers again: it says nothing of who bought, or when.
"""

from collections.abc import Sequence

import asyncpg

from relay.policy.tiers import MSAT_PER_SAT, Tier


async def remember_prices(pool: asyncpg.Pool, tiers: Sequence[Tier]) -> list[Tier]:
    """Take down what each path costs now, and return the tiers with the price from which each shows notes.

    What an operator has set stays. Raises DATABASE_FAILURES.
    """
    prices = {tier.path: tier.price_msat for tier in tiers if tier.price_msat}
    async with pool.acquire() as connection:
        lowest = await _read_lowest(connection, list(prices))
        lower = {
            path: price_msat for path, price_msat in prices.items() if price_msat < lowest.get(path, price_msat + 1)
        }
        # Else nothing is written: a relay whose disk is full starts, and can be read.
        if lower:
            await connection.execute(
                """
                INSERT INTO tier_prices (path, lowest_price_msat) SELECT * FROM unnest($1::text[], $2::bigint[])
                ON CONFLICT (path) DO UPDATE
                    SET lowest_price_msat = least(tier_prices.lowest_price_msat, excluded.lowest_price_msat)
                """,
                list(lower),
                list(lower.values()),
            )
            lowest = await _read_lowest(connection, list(prices))
    return [
        tier.model_copy(update={"shows_from_sat": lowest[tier.path] // MSAT_PER_SAT})
        if tier.path in lowest and tier.shows_from_sat is None
        else tier
        for tier in tiers
    ]


async def _read_lowest(connection: asyncpg.Connection, paths: list[str]) -> dict[str, int]:
    records = await connection.fetch(
        "SELECT path, lowest_price_msat FROM tier_prices WHERE path = ANY($1::text[])", paths
    )
    return {record["path"]: record["lowest_price_msat"] for record in records}
