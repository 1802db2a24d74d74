"""No statement of the relay is planned to read a table whole, but those that the configuration bounds.

The statements are found by machine: what stands in the source, and what is sent where a part is only known then.
"""

from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from relay.limits import InternalLimits, Limits
from relay.postgres.open import _READ_SETTINGS, _WRITE_SETTINGS
from relay.protocol.filter import parse_filter
from relay.storage.conditions import Cursor
from relay.storage.query import Query, build_page
from tests.integration import test_pages_growth
from tests.support import growth
from tests.support.events import KEYS, make_ring_note, pubkey_of
from tests.support.paid import shop
from tests.support.relays import OPEN_HOUSE
from tests.support.statements import find_scans, is_planned, read_source, recording

# What is sent that is no literal: settings, migrations, what a Query holds, one constant of several, and what is made for each
# table. The last three are sent by what the test does.
UNREAD = {
    "postgres/migrate.py: migration.sql",
    "postgres/open.py: ''.join((f\"SET {name} = '{value}';\" for name, value in _WRIT",
    "postgres/open.py: ''.join((f\"SET {name} = '{value}';\" for name, value in wante",
    "postgres/open.py: query",
    "storage/page_reader.py: query",
    "storage/price_paid.py: statement",
    "storage/reader.py: *query.arguments",
    "storage/reader.py: query.text",
    "storage/rewrite.py: walk.move",
    "storage/stats_masking.py: statements.look_up_indexes",
    "storage/stats_masking.py: statements.read_tables",
}
BOUNDED = frozenset(
    {
        *growth.BOUNDED,
        "last_rewrite",
        "sealing_keys",
        "held_marks",
        # A sequence.
        "feed_seq",
        # Of open invoices alone, which invoices.max_unpaid_notes bounds.
        "invoices_note_name",
        # A round folds them into one row a reason.
        "unapplied_payments_unlinked",
    }
)
SEARCHES = [
    f"ring:{pubkey_of(KEYS[0])}",
    f"ring:{pubkey_of(KEYS[0])} ring:{pubkey_of(KEYS[1])}",
    f"ringid:{pubkey_of(KEYS[0])}",
    f"keyimage:02{pubkey_of(KEYS[0])}",
    "scope:x",
    "scheme:sag",
    "minring:5",
    "form:bound",
    "binding:message",
]
# Statements that do read much, by a part of their text.
KNOWN = (
    # The operator's command sums the books, and lists what may be claimed.
    "FROM unapplied_payments GROUP BY 1",
    "SELECT account, state, key, sealed FROM invoices",
    # Stops at the first row.
    "SELECT EXISTS (SELECT FROM notes WHERE is_contested)",
    # At a start that finds keys lost: which of many invoices, or of few, the planner does not know.
    "SELECT count(*) FROM invoices WHERE key = ANY($1::bytea[]) AND state <> 'settled'",
    # Once a night, of its day: whether the table was written into a new file whole.
    "SELECT pg_relation_size('day_",
)


def list_pages() -> list[Query]:
    """Build pages of filters of every shape, the first, a further one, and the rest of a last second."""
    authors = [pubkey_of(key) for key in KEYS[:40]]
    shapes: list[dict[str, Any]] = [
        *({"ids": authors[:n]} for n in (1, 3)),
        *({"authors": authors[:n]} for n in (1, 3, 40)),
        *({"authors": authors[:n], "kinds": kinds} for n in (1, 3, 40) for kinds in ([1], [1, 7])),
        *(
            {"#t": ["x", "y"][:n], **others}
            for n in (1, 2)
            for others in ({}, {"kinds": [1]}, {"authors": authors[:2]})
        ),
        {"#t": ["x"], "#e": authors[:2]},
        *({"search": text} for text in SEARCHES),
        *({"search": text, "kinds": [1], "authors": authors[:2], "#t": ["x"]} for text in SEARCHES),
        {},
        {"kinds": [1]},
        {"kinds": [1, 7]},
    ]
    cursors = [None, Cursor(5, bytes(32)), Cursor(5, bytes(32), is_in_last_second=True)]
    filters = [
        msgspec.structs.replace(parse_filter({**shape, **times}, Limits()), min_price_msat=price)
        for shape in shapes
        for times in ({}, {"since": 1, "until": 2})
        for price in (0, 1_000)
    ]
    return [build_page(filter_, after, 100, 262_144, 0) for filter_ in filters for after in cursors]


def test_every_statement_in_the_source_is_found() -> None:
    source = read_source()
    assert set(source.unread) == UNREAD
    assert len(source.literals) > 150


async def test_no_statement_reads_a_table_that_grows(database18: dict[str, Any], tmp_path: Path) -> None:
    source = read_source()
    with recording() as seen:
        await growth.fill(database18)
        # Once with nothing answered from memory.
        async with shop(database18, tmp_path, internal=InternalLimits(), window={"max_mib": 0}, **OPEN_HOUSE) as sold:
            await growth.use_everything(sold, make_ring_note("a ring note"))
        targets = await test_pages_growth.fill(database18)
        async with shop(database18, tmp_path, internal=InternalLimits(), **OPEN_HOUSE) as sold:
            await test_pages_growth.open_everything(sold.url, targets)
    seen |= {query.text for query in list_pages()}
    unseen = [one.place for one in source.literals if one.text is None and not any(map(one.pattern.fullmatch, seen))]
    texts = {text for text in (*seen, *(one.text for one in source.literals)) if text is not None and is_planned(text)}
    scans = {}
    for settings in (_READ_SETTINGS, _WRITE_SETTINGS):
        connection = await asyncpg.connect(**database18, server_settings=settings)
        await connection.execute("ANALYZE")
        for text in sorted(texts):
            found = await find_scans(connection, text, BOUNDED)
            if found and not any(known in text for known in KNOWN):
                scans[text] = found
        await connection.close()
    assert not unseen
    assert not scans
