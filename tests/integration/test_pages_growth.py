"""What a page costs does not grow with the store: no statement of it reads a whole table, as Postgres' own counters say."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from relay.limits import InternalLimits
from relay.protocol.event import encode_event
from relay.storage.insert import insert_batch
from relay.storage.note import Note
from relay.storage.page_reader import WINDOW
from relay.verify import proof
from relay.verify.claim import Claim
from relay.verify.ring_equations import to_ring_id
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, pubkey_of, to_ring_note
from tests.support.growth import BATCH, STORED, read_final_counters, subtract
from tests.support.pages import open_atom, open_page
from tests.support.paid import shop
from tests.support.relays import relay_on
from tests.support.rewriting import rewrite

RINGS = [make_ring(5), make_ring(6)]


def make_stored(number: int, claim: Claim, kind: int, target: str) -> Note:
    """Return a ring note as if it had been verified: to sign 18,000 takes minutes."""
    tags = (("e", target), ("response", "y")) if kind in (7, 1018) else ()
    event = make_event(key=KEYS[number % 40], kind=kind, content=str(number), created_at=1_000 + number, tags=tags)
    signature, key_image = claim.signature, hashlib.sha256(str(number).encode()).digest()
    if kind in (7, 1018):
        signature = replace(signature, key_image=b"\x02" + key_image, flag=f"{kind}:{target}")
    ring = RINGS[number % 2]
    stored = msgspec.structs.replace(
        claim, ring=tuple(ring), ring_id=to_ring_id(tuple(ring)), signed_id=event.id, signature=signature
    )
    return Note(event, encode_event(event), stored, price_paid_msat=1_000_000 if number % 3 == 0 else 0)


async def fill(arguments: dict[str, Any]) -> tuple[str, str]:
    """Store notes of two rings, answers to a note and responses to a poll, half of them sorted; return the two targets.

    Only some of the answers are to these two.
    """
    claims = [proof.detect_claim(make_ring_note("x", scope=scope)) for scope in (None, "x")]
    poll = make_event(kind=1068, content="?", tags=(("option", "y", "yes"),), created_at=500)
    note = make_event(content="target", created_at=501)
    assert claims[0] is not None
    assert claims[1] is not None
    stored = [Note(event, encode_event(event), None) for event in (poll, note)]
    for number in range(STORED):
        kind = (7, 1018)[number % 2]
        target = (note.id, poll.id)[number % 2] if number < 200 else f"{number:064x}"
        stored.append(make_stored(number, claims[0], 1, ""))
        stored.append(make_stored(STORED + number, claims[1], kind, target))
        stored.append(make_stored(2 * STORED + number, claims[0], 30_024, ""))
    connection = await asyncpg.connect(**arguments)
    for start in range(0, len(stored), BATCH):
        async with connection.transaction():
            await insert_batch(connection, stored[start : start + BATCH])
        if start == len(stored) // 2 // BATCH * BATCH:
            await rewrite(arguments)
    await connection.close()
    return note.id, poll.id


async def open_everything(url: str, targets: tuple[str, str]) -> None:
    """Open pages of each kind, at their beginnings and far into the store."""
    ring = to_ring_id(tuple(RINGS[0]))
    middle = f"before={1_000 + STORED // 2}-{'ab' * 32}"
    key = pubkey_of(KEYS[5])
    feed = await open_page(url, "/")
    assert len(feed.notes) == 20
    queries = [middle, f"ring={ring}", f"member={key}", "minring=6", f"scheme=sag&{middle}", f"ring={ring}&{middle}"]
    for path in [f"/?{query}" for query in queries]:
        assert len((await open_page(url, path)).notes) == 20, path
    for path in (
        "/1k",
        f"/1k?{middle}",
        f"/ring/{ring}",
        f"/ring/{ring}?{middle}",
        f"/key/{key}",
        f"/key/{key}?{middle}",
    ):
        assert len((await open_page(url, path)).notes) == 20, path
    for path in ("/feed.atom", "/1k/feed.atom", f"/ring/{ring}/feed.atom", f"/key/{key}/feed.atom"):
        assert len(await open_atom(url, path)) > 20, path
    note, poll = [await open_page(url, f"/note/{target}") for target in targets]
    assert "Reactions: 100" in note.text
    assert "Responses to the poll: 100" in poll.text
    await open_page(url, f"/note/{targets[0]}?answers=02{'80' * 32}")
    await open_page(url, f"/note/{feed.notes[0]}")
    await open_page(url, f"/note/{'ab' * 32}", 404)


async def open_rare(url: str, _: tuple[str, str]) -> None:
    """Ask for two things, one of which is rare among the other, or is not there at all."""
    ring, key = to_ring_id(tuple(RINGS[0])), pubkey_of(KEYS[0])
    paths = ["/?minring=7", f"/?ring={ring}&minring=6", f"/?member={key}&minring=7", f"/1k?ring={ring}&minring=6"]
    for path in paths:
        assert "Go on to look further back." in (await open_page(url, path)).text, path


# What a start reads into memory is no page's.
_NO_WINDOW = {"max_mib": 0}


# What is read by the indexes of one table, of 9,000 notes, 6,000 tags and 49,500 members: by all of the pages together.
@pytest.mark.parametrize(("open_pages", "most_read"), [(open_everything, 8_000), (open_rare, 4 * 3 * WINDOW)])
async def test_no_page_reads_a_table_that_grows(
    database18: dict[str, Any],
    tmp_path: Path,
    open_pages: Callable[[str, tuple[str, str]], Awaitable[None]],
    most_read: int,
) -> None:
    # It reads a first row of every table on purpose.
    internal = InternalLimits(mask_statistics_every_s=3_600.0)
    targets = await fill(database18)
    # What a start reads.
    async with shop(database18, tmp_path, internal=internal, window=_NO_WINDOW):
        pass
    started = await read_final_counters(database18)
    async with shop(database18, tmp_path, internal=internal, window=_NO_WINDOW) as sold:
        await open_pages(sold.url, targets)
    used = subtract(await read_final_counters(database18), started)
    # The tables of payments are read by others.
    for table in (
        f"{part}_{name}" for part in ("day", "sorted") for name in ("notes", "tags", "ring_members", "answers")
    ):
        scans, _, by_index = used[table]
        assert scans == 0, table
        assert by_index < most_read, (table, by_index)


async def test_reading_on_past_what_was_looked_at_finds_what_is_rare(database18: dict[str, Any]) -> None:
    rare = [make_ring_note(f"rare {n}", ring_size=6, created_at=500 - n) for n in range(3)]
    claim = proof.detect_claim(make_ring_note("x"))
    assert claim is not None
    notes = [make_stored(2 * number, claim, 1, "") for number in range(WINDOW + 50)]
    connection = await asyncpg.connect(**database18)
    async with connection.transaction():
        await insert_batch(connection, [*notes, *map(to_ring_note, rare)])
    await connection.close()
    async with relay_on(database18) as url:
        read: list[str] = []
        following = ["/?minring=6"]
        pages = 0
        while following:
            page = await open_page(url, following[0])
            read += [box.strip() for box in page.boxes]
            following = [str(link["href"]) for link in page.find("a", rel="next")]
            pages += 1
        assert read == ["rare 0", "rare 1", "rare 2"]
        assert pages == 2
