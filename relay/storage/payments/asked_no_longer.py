"""Invoices that are asked for no longer: paid at another price, or for a note that is gone. A payment may still come for them."""

from collections.abc import Sequence

import asyncpg

from relay.storage.live_keys import LiveKeys
from relay.storage.payments.open_invoices import find_open, open_terms
from relay.storage.payments.order_keys import find_used
from relay.storage.waiting_notes import WaitingNotes

# Such a row may be kept for a day: its times are to the hour, else they would say when it was ordered.
HOUR_S = 3_600
# The node is told soon, where it can cancel. What is still being made has no hash to ask for, and is given up at its time.
_CLOSE = f"""
    state = 'closed', sealed_bolt11 = NULL, look_up_at = CASE WHEN payment_hash IS NULL THEN NULL ELSE 0 END,
    expires_at = CASE WHEN payment_hash IS NULL THEN expires_at ELSE expires_at - expires_at % {HOUR_S} END
"""


async def close(connection: asyncpg.Connection, references: Sequence[bytes]) -> None:
    """Close these invoices, where they are open or being made."""
    await connection.execute(
        f"UPDATE invoices SET {_CLOSE} WHERE reference = ANY($1::bytea[]) AND state IN ('creating', 'open')",  # noqa: S608
        references,
    )


async def close_others(connection: asyncpg.Connection, order_keys: LiveKeys, note_id: bytes, price_msat: int) -> None:
    """Ask no longer for prices that a paid note has reached."""
    asked = await find_open(connection, await find_used(connection, order_keys), [note_id])
    await close(connection, [one.reference for one in asked if one.terms.price_msat <= price_msat])


async def close_rests(connection: asyncpg.Connection, order_keys: LiveKeys, note_id: bytes) -> None:
    """Ask no longer for what is left of a note's prices: what came before was spent."""
    asked = await find_open(connection, await find_used(connection, order_keys), [note_id])
    await close(connection, [one.reference for one in asked if one.terms.credit_msat])


async def close_orphans(connection: asyncpg.Connection, waiting: WaitingNotes) -> None:
    """Ask no longer for notes that are gone: deleted, replaced, expired, or refused when they were paid for.

    Nor for those whose key is lost: nobody can tell what they are.
    """
    records = await connection.fetch(
        """
        SELECT key, reference, sealed FROM invoices i WHERE state IN ('creating', 'open')
            AND NOT EXISTS (SELECT FROM unpaid_notes u WHERE u.key = i.key AND u.name = i.note_name)
        """
    )
    if not records:
        return
    named = set(await waiting.order_keys.list_fingerprints(connection))
    gone = [record["reference"] for record in records if record["key"] not in named]
    note_ids = {
        record["reference"]: open_terms(key, record["sealed"]).note_id
        for record in records
        if (key := await waiting.order_keys.read(record["key"])) is not None
    }
    here = await _find_here(connection, waiting, list(set(note_ids.values())))
    gone += [reference for reference, note_id in note_ids.items() if note_id not in here]
    await close(connection, gone)


async def _find_here(connection: asyncpg.Connection, waiting: WaitingNotes, note_ids: Sequence[bytes]) -> set[bytes]:
    """Return those of these notes that are stored or held."""
    records = await connection.fetch("SELECT id FROM notes WHERE id = ANY($1::bytea[])", note_ids)
    stored = {record["id"] for record in records}
    return stored | (await waiting.held.find(connection, [id_ for id_ in note_ids if id_ not in stored])).keys()


async def close_for_notes(connection: asyncpg.Connection, order_keys: LiveKeys, note_ids: Sequence[bytes]) -> None:
    """Ask no longer for any of these notes."""
    asked = await find_open(connection, await find_used(connection, order_keys), note_ids)
    await close(connection, [one.reference for one in asked])
