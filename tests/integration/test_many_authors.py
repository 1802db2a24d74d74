"""The newest notes of many authors, whose notes are dense or rare among those of others: what is found, and what it reads."""

import random
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from relay.limits import Limits
from relay.postgres.open import _READ_SETTINGS
from relay.protocol.event import Event
from relay.protocol.filter import parse_filter
from relay.storage.conditions import Cursor
from relay.storage.query import build_page
from tests.integration.test_ties import explain, store
from tests.support.events import make_event
from tests.support.rewriting import rewrite

AUTHORS = [f"{number:064x}" for number in range(1, 121)]
STRANGERS = [f"{number:064x}" for number in range(1_001, 1_101)]
NOTES = 3_000
PAGE_BYTES = 262_144


def make_notes(rng: random.Random) -> list[Event]:
    """Make notes that nobody verifies. Some authors write most of them, one only the oldest, one only the newest."""
    sig = make_event().sig
    notes = []
    for number in range(NOTES):
        author = AUTHORS[int(rng.paretovariate(0.6)) % 110]
        author = AUTHORS[118] if number < 100 else AUTHORS[119] if number >= NOTES - 100 else author
        # Five to a second, and one second with two hundred.
        created_at = 1_000 + (number // 5 if not 1_500 < number < 1_700 else 301)
        kind = rng.choice([1, 1, 1, 6, 7])
        notes.append(Event(rng.randbytes(32).hex(), author, created_at, kind, (), str(number), sig))
    return notes


def make_some(rng: random.Random, count: int, authors: Sequence[str], start: int) -> list[Event]:
    sig = make_event().sig
    return [Event(rng.randbytes(32).hex(), rng.choice(authors), start + n, 1, (), str(n), sig) for n in range(count)]


def choose_authors(rng: random.Random) -> list[str]:
    shape = rng.choice(
        [AUTHORS, AUTHORS[:30], AUTHORS[60:], STRANGERS + AUTHORS[118:], STRANGERS + AUTHORS[:2], STRANGERS]
    )
    return rng.sample(shape, rng.randint(16, len(shape)))


def choose(rng: random.Random, notes: Sequence[Event]) -> tuple[dict[str, Any], Cursor | None, int]:
    asked: dict[str, Any] = {"authors": choose_authors(rng)}
    kinds = rng.choice([None, [1], [7], [1, 6], [6, 7, 30_023]])
    if kinds is not None:
        asked["kinds"] = kinds
    asked |= rng.choice([{}, {}, {"until": rng.randint(990, 1_600)}, {"since": rng.randint(990, 1_600)}])
    last = rng.choice(notes)
    after = rng.choice([None, Cursor(last.created_at, bytes.fromhex(last.id), rng.random() < 0.5)])
    return asked, after, rng.choice([1, 2, 7, 56, 106])


def find(notes: Sequence[Event], asked: dict[str, Any], after: Cursor | None, rows: int) -> list[str]:
    """Read aloud what a page of notes, which come newest first, must hold."""

    def follows(note: Event) -> bool:
        return after is None or (-note.created_at, bytes.fromhex(note.id)) > (-after.created_at, after.id)

    matching = [
        note
        for note in notes
        if note.pubkey in asked["authors"]
        and note.kind in asked.get("kinds", [note.kind])
        and asked.get("since", 0) <= note.created_at <= asked.get("until", note.created_at)
        and follows(note)
    ]
    if after is not None and after.is_in_last_second:
        ties = [note for note in matching if note.created_at == after.created_at]
        # And one older note.
        matching = matching[: len(ties) + 1]
    return [note.id for note in matching[:rows]]


async def test_a_page_of_many_authors_has_the_newest_of_their_notes(database18: dict[str, Any]) -> None:
    rng = random.Random(14)
    notes = make_notes(rng)
    await store(database18, notes[: NOTES // 2])
    await rewrite(database18)
    await store(database18, notes[NOTES // 2 :])
    newest_first = sorted(notes, key=lambda note: (-note.created_at, note.id))
    connection = await asyncpg.connect(**database18, server_settings=_READ_SETTINGS)
    for _ in range(400):
        asked, after, rows = choose(rng, notes)
        query = build_page(parse_filter(asked, Limits()), after, rows, PAGE_BYTES, 0)
        assert "walked" in query.text
        found = [record["id"].hex() for record in await connection.fetch(query.text, *query.arguments)]
        assert found == find(newest_first, asked, after, rows), (asked, after, rows)
    await connection.close()


@pytest.mark.parametrize("kinds", [{}, {"kinds": [1]}, {"kinds": [1, 7]}])
async def test_what_others_wrote_since_is_not_walked_past(database18: dict[str, Any], kinds: dict[str, Any]) -> None:
    rng = random.Random(14)
    # Theirs are sorted already; those of others are of the day.
    await store(database18, make_some(rng, 3_000, AUTHORS, 10_000))
    await rewrite(database18)
    await store(database18, make_some(rng, 10_000, STRANGERS, 20_000))
    connection = await asyncpg.connect(**database18, server_settings=_READ_SETTINGS)
    await connection.execute("ANALYZE")
    authors, rows = AUTHORS[:100], 56
    read, scans = await explain(
        connection, build_page(parse_filter({"authors": authors, **kinds}, Limits()), None, rows, PAGE_BYTES, 0)
    )
    assert scans == 0
    # The walk, then six of each author and kind, then the events.
    assert rows < read < len(authors) * 10 * max(1, len(kinds.get("kinds", []))) + len(authors) * 12 + 10 * rows, read
    await connection.close()


@pytest.mark.parametrize(
    "asked", [{"kinds": [7]}, {"kinds": [6, 7]}, {"search": "scheme:blsag"}, {"search": "form:text"}]
)
async def test_a_kind_that_nobody_posts_is_not_looked_for_among_all_notes(
    database18: dict[str, Any], asked: dict[str, Any]
) -> None:
    """Where all notes were of one kind, statistics said that every index is as good."""
    rng = random.Random(14)
    await store(database18, make_some(rng, 3_000, STRANGERS, 10_000))
    await rewrite(database18)
    await store(database18, make_some(rng, 10_000, STRANGERS, 20_000))
    connection = await asyncpg.connect(**database18, server_settings=_READ_SETTINGS)
    await connection.execute("ANALYZE")
    assert await explain(connection, build_page(parse_filter(asked, Limits()), None, 106, PAGE_BYTES, 0)) == (0, 0)
    await connection.close()
