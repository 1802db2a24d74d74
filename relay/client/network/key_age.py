"""The age of a ring's keys: the quarter of a year of their first event on a relay. Knows no files.

It is a hint, not a proof: authors choose the times of their events, and a relay may hide some.
The requests treat all keys alike, so that none stands out.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from relay.client.network.subscription import fetch_stored
from relay.client.signing.ring_file import NEVER

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

# Few relays accept more values in a filter.
BATCH = 250
# In one answer. One author may have written all of them, so the others are asked for again.
_MAX_EVENTS = 500
_MAX_REQUESTS = 500
# Relays refuse faster requests.
_PAUSE_S = 0.1
# Of Nostr's first events. Earlier times are false.
_FIRST_YEAR = 2020


async def find_key_ages(
    connection: "ClientConnection", keys: Sequence[bytes], now: int, timeout_s: float
) -> dict[bytes, str]:
    """Return the quarter, such as "2023-Q2", in which a relay first has an event of each 32-byte key, or NEVER.

    A key whose age is not found within the bounds is left out. Raises BadInput.
    """
    found: dict[bytes, str] = {}
    requests = 0
    for batch in _make_batches(sorted(keys)):
        unseen = {key.hex() for key in batch}
        for quarter, end in _list_quarters(now):
            while unseen:
                if requests == _MAX_REQUESTS:
                    return found
                requests += 1
                await asyncio.sleep(_PAUSE_S)
                seen = await _fetch_known_authors(connection, unseen, end, timeout_s)
                found |= {bytes.fromhex(key): quarter for key in seen}
                unseen -= seen
                if not seen:
                    break
        found |= {bytes.fromhex(key): NEVER for key in unseen}
    return found


async def _fetch_known_authors(
    connection: "ClientConnection", authors: set[str], until: int | None, timeout_s: float
) -> set[str]:
    """Return the authors of whom a relay has an event up to a time."""
    filter_: dict[str, Any] = {"authors": sorted(authors), "limit": _MAX_EVENTS}
    if until is not None:
        filter_["until"] = until
    events = await fetch_stored(connection, filter_, timeout_s, _MAX_EVENTS)
    return {event.pubkey for event in events if until is None or event.created_at <= until} & authors


def _make_batches(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))


def _list_quarters(now: int) -> Iterator[tuple[str, int | None]]:
    """Yield the name and the last second of each quarter up to now. The last has no end, as clocks differ."""
    today = datetime.fromtimestamp(now, UTC)
    last = (today.year, (today.month - 1) // 3 + 1)
    year, quarter = _FIRST_YEAR, 4
    while (year, quarter) < last:
        following = (year, quarter + 1) if quarter < 4 else (year + 1, 1)
        start = datetime(following[0], 3 * following[1] - 2, 1, tzinfo=UTC)
        yield f"{year}-Q{quarter}", int(start.timestamp()) - 1
        year, quarter = following
    yield f"{year}-Q{quarter}", None
