"""Facts of a ring and no score: its keys, what their profiles say, and what else it has signed. Knows no HTML."""

from dataclasses import dataclass

from relay.pages.members import Member, count_older, list_members
from relay.pages.moments import Moment, describe_moment
from relay.pages.shelf import Shelf
from relay.protocol.messages import CountResult
from relay.storage.page_reader import StoredNote


@dataclass(frozen=True, slots=True)
class RingFacts:
    """What the relay knows of a ring. Of a very large one not all members are listed.

    `older` keys have a profile here that says it is older than `since`, the date of the note.
    """

    members: list[Member]
    profiles: int
    older: int
    since: Moment
    notes: CountResult


async def find_ring_facts(shelf: Shelf, note: StoredNote) -> RingFacts | None:
    """Return the facts of a note's ring, None for a plain note. Raises Rejected as the store does."""
    if note.proof is None:
        return None
    now, store = shelf.now(), shelf.store
    keys = await store.list_members(bytes.fromhex(note.event.id))
    # One look-up for all of them.
    profiles = await store.find_profiles(keys, now)
    return RingFacts(
        list_members(keys, profiles),
        len(profiles),
        count_older(profiles, note.event.created_at),
        describe_moment(note.event.created_at),
        await store.count_notes_of_ring(note.proof.signed.ring_id, now),
    )
