"""What a REQ reads does not grow with the store: as many rows at a million notes as at twenty thousand."""

import hashlib
import math
from typing import Any

import asyncpg
import msgspec
import pytest

from relay.limits import Limits
from relay.postgres.open import _READ_SETTINGS, _WRITE_SETTINGS
from relay.protocol.filter import Filter, parse_filter
from relay.storage.conditions import Cursor
from relay.storage.query import build_count, build_page
from relay.storage.recent_notes import RecentNotes
from relay.storage.window_fill import fill_chunk
from tests.integration.test_ties import explain
from tests.support.growth import read_counters, read_final_counters, subtract
from tests.support.large_store import AUTHORS, FIRST_S, PRICE_MSAT, fill_store


def name(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()


AUTHOR_KEYS = [name(f"author{number}") for number in range(AUTHORS)]
STRANGERS = [name(f"stranger{number}") for number in range(100)]
SHAPES: list[dict[str, Any]] = [
    {},
    {"kinds": [1]},
    {"kinds": [7]},
    {"kinds": [1, 7]},
    {"kinds": [5]},
    {"ids": [name(str(number)) for number in range(100, 110)]},
    {"authors": AUTHOR_KEYS[:1]},
    {"authors": AUTHOR_KEYS[:1], "kinds": [1]},
    {"authors": AUTHOR_KEYS[:3], "kinds": [1, 7]},
    {"authors": AUTHOR_KEYS[:100]},
    {"authors": AUTHOR_KEYS[:100], "kinds": [1]},
    {"authors": AUTHOR_KEYS[:100], "kinds": [1, 7]},
    {"authors": [*STRANGERS, AUTHOR_KEYS[0]], "kinds": [1]},
    {"authors": STRANGERS, "kinds": [1]},
    {"#t": ["topic3"]},
    {"#t": ["topic3", "topic6"], "kinds": [1]},
    {"#t": ["nothing"]},
    {"#p": AUTHOR_KEYS[:1], "kinds": [1]},
    {"#e": [name("399")], "kinds": [1]},
    {"search": f"ring:{name('member7')}"},
    {"search": f"ringid:{name('ring7')}"},
    {"search": f"keyimage:02{name('x')}"},
    {"search": "scope:x"},
    {"search": "scheme:sag"},
    {"search": "scheme:blsag"},
    {"search": "minring:5"},
]
ROWS = 56


def describe(shape: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value if key in ('kinds', 'search') else len(value)}" for key, value in shape.items())


def list_asked() -> list[tuple[str, Filter, Cursor | None]]:
    """Return each shape for free and paid notes, at the beginning and from the middle of the first store on.

    For the highest price nothing was paid: what was paid for at a lower one grows as all else does.
    """
    middle = Cursor(FIRST_S + 10_000, bytes(32))
    return [
        (
            f"{describe(shape)} {price} {after is not None}",
            msgspec.structs.replace(parse_filter(shape, Limits()), **price),
            after,
        )
        for shape in SHAPES
        for price in ({}, {"min_price_msat": PRICE_MSAT}, {"min_price_msat": PRICE_MSAT + 1})
        for after in (None, middle)
    ]


def count_most(filter_: Filter) -> int:
    """Return how many rows a statement reads at most that looks each value of its lists up, and then the events."""
    lists = (filter_.authors, filter_.kinds, *(values for _, values in filter_.tags))
    values = math.prod(len(one) for one in lists if one is not None)
    # Each table's first row is read, too. Beyond some authors they are not read one by one, but where they paid.
    return (values + 1) * (ROWS + 2) if values < 16 or filter_.min_price_msat else 0


async def read_all(connection: asyncpg.Connection) -> dict[str, float]:
    """Return how many rows the statements of each shape read of the tables: of a page, and of a COUNT that counts no further."""
    found: dict[str, float] = {}
    for what, filter_, after in list_asked():
        asked = {what: build_page(filter_, after, ROWS, 262_144, 0), f"{what} counted": build_count([filter_], ROWS, 0)}
        for name_, query in asked.items():
            read, scans = await explain(connection, query)
            # Any notes are counted where they lie, until there are enough.
            assert scans == 0 or filter_ == Filter(), name_
            found[name_] = read
    return found


@pytest.mark.parametrize(
    ("small", "large"),
    [(20_000, 60_000), pytest.param(20_000, 1_000_000, marks=pytest.mark.more("stores a million notes: some minutes"))],
)
async def test_what_is_read_does_not_grow(database18: dict[str, Any], small: int, large: int) -> None:
    writer = await asyncpg.connect(**database18)
    reader = await asyncpg.connect(**database18, server_settings=_READ_SETTINGS)
    await fill_store(writer, 1, small)
    before = await read_all(reader)
    await fill_store(writer, small + 1, large)
    after = await read_all(reader)
    most = {what: count_most(filter_) for what, filter_, _ in list_asked()}
    grown = {
        what: (before[what], read)
        for what, read in after.items()
        if read > max(1.3 * before[what], most[what.removesuffix(" counted")])
    }
    assert not grown, grown
    await reader.close()
    await writer.close()


_ONE_SECOND = """
    INSERT INTO {part}_notes (id, pubkey, created_at, kind, event, index_rows, tags, is_contested, is_sorted)
    SELECT id, sha256('x'), {second}, 1, convert_to(format(
        '{{"id":"%s","pubkey":"%s","created_at":{second},"kind":1,"tags":[],"content":"","sig":"%s"}}',
        encode(id, 'hex'), encode(sha256('x'), 'hex'), repeat('0', 128)), 'UTF8'), 0, '{{}}', false, {is_sorted}
    FROM (SELECT sha256(n::text::bytea) AS id FROM generate_series($1::bigint, $2::bigint) AS n) AS numbers
"""


async def test_a_second_of_fifty_thousand_notes_is_read_into_memory_once(database18: dict[str, Any]) -> None:
    """Each chunk goes on where the last one ended, also within one second."""
    connection = await asyncpg.connect(**database18, server_settings=_WRITE_SETTINGS)
    for part, first, last in (("sorted", 1, 45_000), ("day", 45_001, 50_000)):
        text = _ONE_SECOND.format(part=part, second=FIRST_S, is_sorted=part == "sorted")
        await connection.execute(text, first, last, timeout=60)
    await connection.execute("ANALYZE")
    before = await read_counters(database18)
    recent = RecentNotes(128)
    chunks = 1
    while await fill_chunk(connection, recent):
        chunks += 1
    await connection.close()
    assert len(recent) == 50_000
    after = await read_final_counters(database18)
    read = {name: subtract(after, before)[name] for name in ("day_notes", "sorted_notes")}
    assert not any(scans for scans, _, _ in read.values()), read
    # Of each table a row that the other one's precede is read, and the last one again.
    assert sum(entries for _, _, entries in read.values()) <= 50_000 + 8 * chunks, read
