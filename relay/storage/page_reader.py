"""What pages show of the stored notes, read with the statements of REQ and some of their own. Never writes, knows no HTML.

What waits to be published is in no table that is read here, so a page is never newer than the last batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from relay.protocol.event import Event, decode_event
from relay.protocol.filter import Filter
from relay.protocol.messages import CountResult
from relay.protocol.ring_terms import Form, Scheme
from relay.protocol.search import Term, find_selective, find_values
from relay.storage import page_queries
from relay.storage.conditions import Cursor
from relay.storage.query import build_count, build_ids, build_named_rings, build_page
from relay.storage.reader import Reader
from relay.verify.answers import ANSWER_KINDS, read_named_rings
from relay.verify.signed_words import Signed

if TYPE_CHECKING:
    from asyncpg import Record

# How many notes are looked at for one page.
WINDOW = 500
# All ring notes: none has fewer.
_ANY_RING = frozenset({Term("minring", "2")})
# A page of a million answers would be read for seconds.
MAX_COUNTED = 10_000
# The same of the notes of one ring, each of which is looked at.
_MAX_RING_NOTES = 1_000
# Of a poll's answers, all of whose notes are read for a tally.
MAX_TALLIED = 2_000
# Of the keys of one ring.
MAX_LISTED = 1_024
# Members whose names are shown, and how large a profile may be.
MAX_NAMED = 256
_MAX_PROFILE_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class StoredProof:
    """What was proved of a ring note before it was stored. The ring's id has 32 bytes, a key image 33."""

    signed: Signed
    scheme: Scheme
    ring_size: int
    scope: str | None


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A note as it is stored. `proof` is None for a plain note."""

    event: Event
    proof: StoredProof | None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class NotePage:
    """Some notes, newest first, and where the next page begins, None at the end."""

    notes: list[StoredNote]
    following: Cursor | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A key's profile (kind 0): its date, and its content, None where it is not read."""

    created_at: int
    content: str | None


@dataclass(frozen=True, slots=True)
class MemberAnswers:
    """Some answers of ring members, and the key image (33 bytes) after which more follow, None at the end."""

    events: list[Event]
    following: bytes | None


@dataclass(frozen=True, slots=True)
class Response:
    """A member's response to a poll: the ids of its options, its ring (32 bytes) and its own date."""

    ring_id: bytes
    created_at: int
    options: tuple[str, ...]


class PageReader:
    """The stored notes for pages. Every method raises Rejected(error) when a query takes too long or there is no database."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def read_page(self, filter_: Filter, after: Cursor | None, rows: int, now: int) -> NotePage:
        """Return at most `rows` notes that match and follow a cursor; fewer where they are large.

        Where several things are asked for, one of them leads, and so many notes that match it are looked at for the rest.
        Then a page can have no notes, and others may follow.
        """
        lead = find_lead(filter_)
        window: list[Record] = []
        if lead is not filter_:
            window = await self._reader.fetch(build_ids(lead, after, WINDOW, now))
            filter_ = msgspec.structs.replace(filter_, ids=frozenset(one["id"].hex() for one in window))
            after = None
        records = await self._reader.fetch(build_page(filter_, after, rows + 1, self._reader.page_bytes, now))
        taken = [record for record in records[:rows] if record["event"] is not None]
        last = taken[-1] if len(records) > len(taken) else None
        if last is None and len(window) == WINDOW:
            last = window[-1]
        proofs = await self._find_proofs([record["id"] for record in taken])
        # A note that was deleted between the two statements is left out.
        notes = [StoredNote(decode_event(one["event"]), proofs[one["id"]]) for one in taken if one["id"] in proofs]
        return NotePage(notes, None if last is None else Cursor(last["created_at"], last["id"]))

    async def _find_proofs(self, ids: Sequence[bytes]) -> dict[bytes, StoredProof | None]:
        if not ids:
            return {}
        records = await self._reader.fetch(page_queries.build_proofs(ids))
        return {record["id"]: _to_proof(record) for record in records}

    async def find_note(self, note_id: bytes) -> StoredNote | None:
        """Return a note by its id, also one that has expired and is not deleted yet."""
        records = await self._reader.fetch(page_queries.build_note(note_id))
        if not records:
            return None
        record = records[0]
        return StoredNote(decode_event(record["event"]), _to_proof(record), record["expires_at"])

    async def is_deletion_requested(self, note_id: bytes) -> bool:
        """Return whether a deletion request for an id is stored."""
        records = await self._reader.fetch(page_queries.build_deletion_test(note_id))
        return bool(records[0]["is_requested"])

    async def list_members(self, note_id: bytes) -> list[bytes]:
        """Return the keys of a note's ring (32 bytes each), ascending; of a very large ring the first 1,024."""
        records = await self._reader.fetch(page_queries.build_members(note_id, MAX_LISTED))
        return [record["member"] for record in records]

    async def find_profiles(self, keys: Sequence[bytes], now: int) -> dict[bytes, Profile]:
        """Return the profiles of those keys that have one here, in one look-up. Only those of the first 256 are read."""
        records = await self._reader.fetch(page_queries.build_profiles(keys, MAX_NAMED, _MAX_PROFILE_BYTES, now))
        return {
            record["key"]: Profile(
                record["created_at"], None if record["event"] is None else decode_event(record["event"]).content
            )
            for record in records
        }

    async def count_notes_of_ring(self, ring_id: bytes, now: int) -> CountResult:
        """Return how many notes a ring has signed, at most 1,000."""
        ring_notes = Filter(search=frozenset({Term("ringid", ring_id.hex())}))
        records = await self._reader.fetch(build_count([ring_notes], _MAX_RING_NOTES, now))
        return CountResult(min(records[0][0], _MAX_RING_NOTES), records[0][0] > _MAX_RING_NOTES)

    async def find_oldest_of_ring(self, ring_id: bytes, now: int) -> StoredNote | None:
        """Return the note of a ring with the earliest date, None where it has signed none here."""
        records = await self._reader.fetch(page_queries.build_oldest_of_ring(ring_id, now))
        return await self.find_note(records[0]["id"]) if records else None

    async def count_answers(self, target: bytes, now: int) -> dict[int, CountResult]:
        """Return how many members answered a target, as COUNT does, by kind of answer; at most 10,000."""
        asked = {kind: Filter(kinds=frozenset({kind}), tags=_name_target(target)) for kind in sorted(ANSWER_KINDS)}
        return {kind: await self._reader.count([filter_], MAX_COUNTED, now) for kind, filter_ in asked.items()}

    async def list_answers(self, kind: int, target: bytes, after: bytes, rows: int, now: int) -> MemberAnswers:
        """Return at most `rows` of the answers that count, in the order of their key images, which says nothing of when."""
        named = await self._find_named_rings(target)
        query = page_queries.build_answers((kind, target), named, after, rows + 1, now)
        records = await self._reader.fetch(query)
        following = records[rows - 1]["key_image"] if len(records) > rows else None
        shown = [decode_event(one["event"]) for one in records[:rows] if one["event"] is not None]
        return MemberAnswers(shown, following)

    async def list_responses(self, poll: bytes, now: int) -> list[Response]:
        """Return the members' responses to a poll, at most 2,000 and one more."""
        named = await self._find_named_rings(poll)
        records = await self._reader.fetch(page_queries.build_responses(poll, named, MAX_TALLIED + 1, now))
        return [
            Response(record["ring_id"], record["created_at"], tuple(map(_unescape, record["options"])))
            for record in records
        ]

    async def _find_named_rings(self, target: bytes) -> list[bytes]:
        records = await self._reader.fetch(build_named_rings(target.hex()))
        return sorted(read_named_rings(record[0].decode(errors="replace") for record in records))


def find_lead(filter_: Filter) -> Filter:
    """Return what of a filter without ids leads to its notes by an index alone: all of it where one thing is asked.

    Otherwise whoever asks for what is rare among what is frequent would read all of that.
    """
    asked = len(filter_.search) + len(filter_.tags) + bool(filter_.min_price_msat) + (filter_.kinds is not None)
    selective = find_selective(filter_.search)
    if asked <= 1 and not find_values(filter_.search, "minring"):
        return filter_
    if selective is not None:
        return Filter(search=frozenset({selective}))
    if filter_.tags:
        # Of the notes that name another, almost all can be reactions to it.
        return Filter(tags=filter_.tags[:1])
    if filter_.min_price_msat:
        return Filter(min_price_msat=filter_.min_price_msat)
    schemes = frozenset(Term("scheme", value) for value in find_values(filter_.search, "scheme"))
    return Filter(search=schemes or _ANY_RING)


def _name_target(target: bytes) -> tuple[tuple[str, frozenset[str]], ...]:
    return (("e", frozenset({target.hex()})),)


def _to_proof(record: "Record") -> StoredProof | None:
    if record["form"] is None:
        return None
    signed = Signed(Form(record["form"]), record["ring_id"], record["key_image"], record["content_key"])
    scope = None if record["scope"] is None else record["scope"].decode()
    return StoredProof(signed, Scheme(record["scheme"]), record["ring_size"], scope)


def _unescape(text: str) -> str:
    decoded: str = msgspec.json.decode(f'"{text}"', type=str)
    return decoded
