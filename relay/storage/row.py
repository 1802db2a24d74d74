"""A note on its way into the tables: the keys that the database compares, and what becomes of it. Knows no SQL."""

import hashlib
from dataclasses import dataclass
from enum import Enum

from relay.policy.index_rows import count_index_rows
from relay.protocol.event import (
    DELETION_REQUEST,
    Event,
    KindClass,
    classify,
    find_expiration,
    to_address,
)
from relay.protocol.refusal import SHORT_PAID
from relay.storage.note import Note
from relay.verify.answers import Answer, find_answer


class SaveResult(Enum):
    """What becomes of a note: whether it is accepted, and the text for its author."""

    STORED = (True, "")
    UPGRADED = (True, "the note was here already; it is shown on this path now")
    DUPLICATE = (True, "duplicate: already have this event")
    SUPERSEDED = (False, "duplicate: a newer version of this event is already stored; give yours a later created_at")
    ADDRESS_TAKEN = (
        False,
        "blocked: a ring note has this address, and only a note of the same ring replaces it; sign with that ring, or delete "
        "that note first",
    )
    SIGNATURE_USED = (False, "duplicate: this ring signature is already on another note; sign again to post another")
    WORDS_STORED = (
        False,
        "duplicate: these words are here already, signed for this ring, and stay here; post nothing, or change them",
    )
    ANSWERED = (False, "duplicate: this ring member has already answered; the first answer stands, post nothing")
    OTHER_RING = (
        False,
        "blocked: only members of the ring that the target names in its R tag may answer it; sign with that ring",
    )
    DELETED = (False, "blocked: its author has deleted this event; it is not accepted again: post a new one")
    HELD = (True, "accepted, to be published with others in the next batch")
    HELD_ELSEWHERE = (
        False,
        "error: the key under which notes wait is on another machine; post to the relay there, or tell the operator",
    )
    ORDERED_ELSEWHERE = (
        False,
        "error: the key under which orders are kept is on another machine; post to the relay there, or tell the operator",
    )
    HELD_FULL = (False, "error: too many notes wait to be published; try again after the next batch")
    FAILED = (False, "error: the note could not be stored; try again")
    # What became of a payment that bought nothing.
    SHORT_PAID = (False, SHORT_PAID)
    LATE_PAID = (
        False,
        "error: the payment came too late for the note, which is not here any more; it counts: send it again",
    )
    EXPIRED_PAID = (False, "invalid: the event expired before its payment came; ask the operator for the money")

    @property
    def accepted(self) -> bool:
        """Return whether the relay has the note."""
        return self.value[0]

    @property
    def text(self) -> str:
        """Return the text of the OK."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class NotesStay:
    """The result of a deletion request that is stored, and that so many of the notes it names outlast: they are contested."""

    count: int

    @property
    def accepted(self) -> bool:
        """Return whether the relay has the request."""
        return True

    @property
    def text(self) -> str:
        """Return the text of the OK."""
        return (
            f"stored; words that others have posted, too, stay (notes: {self.count}): ask the operator, whom the info "
            "document names"
        )


Result = SaveResult | NotesStay


@dataclass(slots=True, eq=False)
class Row:
    """A note with its keys: ids and pubkeys of 32 bytes, an address as its SHA-256, the signed id of a bound ring note, and
    the tags that filters can ask for.

    What is ephemeral is passed on and never stored. `result` is None until a rule has decided, and stays None for a note
    that is stored. `upgraded` is the note as it is announced where it was here already, at a lower price. `is_postponed`
    says that nothing is decided in this batch. `staying` counts the contested notes that a deletion request names.
    """

    note: Note
    id: bytes
    pubkey: bytes
    address: bytes | None
    expires_at: int | None
    signed_id: bytes | None
    answer: Answer | None
    is_ephemeral: bool
    tags: frozenset[tuple[str, str]]
    result: SaveResult | None = None
    upgraded: Note | None = None
    is_postponed: bool = False
    staying: int = 0

    @property
    def event(self) -> Event:
        """Return the note's event."""
        return self.note.event

    @property
    def ring_id(self) -> bytes | None:
        """Return the id of the note's ring (32 bytes), None for a plain note."""
        return None if self.note.claim is None else bytes.fromhex(self.note.claim.ring_id)

    @property
    def is_ordinary(self) -> bool:
        """Return whether there are no rules about the note but those of `store_notes` (migrations/0002_store_notes.sql)."""
        note = self.note
        return (
            self.address is None
            and self.answer is None
            and not (self.is_ephemeral or note.is_held or note.price_paid_msat)
            and note.event.kind != DELETION_REQUEST
        )

    @property
    def index_rows(self) -> int:
        """Return how many rows the note has in the tables that are indexes."""
        return count_index_rows(self.tags, self.note.claim)


def to_row(note: Note) -> Row:
    """Return a note with its keys."""
    event = note.event
    address = to_address(event)
    return Row(
        note,
        bytes.fromhex(event.id),
        bytes.fromhex(event.pubkey),
        None if address is None else hash_address(address),
        # These two once: to look for the first at each of two thousand tags took 65 ms of everybody's time.
        find_expiration(event),
        None if note.claim is None or note.claim.signed_id is None else bytes.fromhex(note.claim.signed_id),
        find_answer(event, note.claim),
        classify(event.kind) is KindClass.EPHEMERAL,
        event.indexed_tags,
    )


def hash_address(address: str) -> bytes:
    """Return the 32 bytes under which the one version of an address is kept."""
    # A `d` value can be longer than an index entry may be.
    return hashlib.sha256(address.encode()).digest()
