"""What an author has here, wherever it is: stored, held or unpaid. Never writes."""

from collections.abc import Sequence

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES
from relay.protocol.refusal import Prefix, Rejected
from relay.storage.batched_lookup import BatchedLookup
from relay.storage.payments.order_keys import find_used
from relay.storage.payments.unpaid_notes import find_owned
from relay.storage.waiting_notes import WaitingNotes

# What one look-up asks for at most.
_MAX_LOOKUPS = 100

# A pubkey and an id of 32 bytes each.
_Key = tuple[bytes, bytes]


class OwnNotes:
    """The notes of authors, by pubkey and id, for deletion requests that cost nothing."""

    def __init__(self, lookups: asyncpg.Pool, waiting: WaitingNotes) -> None:
        self._lookups = lookups
        self._waiting = waiting
        self._prices: BatchedLookup[_Key, int] = BatchedLookup(self._find_prices, _MAX_LOOKUPS)

    async def find_price(self, pubkey: str, ids: Sequence[bytes]) -> int | None:
        """Return the highest price (msat) at which these notes of an author are shown; None unless all of them are here.

        A note that waits for its batch or its payment is here, and nobody has read it. Raises Rejected(error) when there
        is no database.
        """
        keys = [(bytes.fromhex(pubkey), id_) for id_ in ids]
        try:
            found = await self._prices.look_up(*keys)
        except DATABASE_FAILURES:
            raise Rejected(Prefix.ERROR, "the database is not available; try again later") from None
        return max(found[key] for key in keys) if all(key in found for key in keys) else None

    async def _find_prices(self, keys: Sequence[_Key]) -> dict[_Key, int]:
        ids = [id_ for _, id_ in keys]
        async with self._lookups.acquire() as connection:
            waiting = await self._waiting.held.find(connection, ids)
            order_keys = await find_used(connection, self._waiting.order_keys)
            unpaid = await find_owned(connection, order_keys, keys)
            records = await connection.fetch(
                """
                SELECT pubkey, id, coalesce(price_paid_msat, 0) AS price_paid_msat FROM notes WHERE id = ANY($1::bytea[])
                    AND kind <> 5
                """,
                ids,
            )
        prices: dict[_Key, int] = {(bytes.fromhex(held.note.event.pubkey), id_): 0 for id_, held in waiting.items()}
        prices |= dict.fromkeys(unpaid, 0)
        return prices | {(record["pubkey"], record["id"]): record["price_paid_msat"] for record in records}
