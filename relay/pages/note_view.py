"""What a page shows of a note: the words that were signed, by whom, and what else was signed. Knows no HTML and no database.

Of a note whose ring signed the words only, nothing else is shown: its tags are its poster's, and so is its date.
"""

from dataclasses import dataclass
from itertools import islice

from relay.pages.members import Member, make_member
from relay.pages.moments import Moment, describe_moment
from relay.pages.poll import MAX_OPTIONS, read_poll
from relay.pages.words import Words, make_words, summarise
from relay.protocol.event import Event, find_tag
from relay.protocol.hex import is_hex32
from relay.protocol.nip19 import encode_nevent
from relay.protocol.refusal import Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.storage.page_reader import StoredNote, StoredProof
from relay.verify.answers import ANSWER_KINDS, POLL_RESPONSE
from relay.verify.signed_words import UnknownWords, find_signed_words

ARTICLE = 30_023  # NIP-23
_MAX_TITLE_CHARS = 120
_MAX_SCOPE_CHARS = 140


@dataclass(frozen=True, slots=True)
class RingView:
    """The ring of a note. `scope` is None where nothing can be linked, "" where a key's notes can be linked everywhere."""

    id: str
    size: int
    form: Form
    scheme: Scheme
    scope: str | None

    @property
    def is_bound(self) -> bool:
        """Return whether the ring signed all of the note and not its words only."""
        return self.form is Form.BOUND


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note as pages show it. `words` is None where the signed ones cannot be told; `ring` is None for a plain note.

    `is_exact`: exactly these words were signed. `target` is the id (hex) of the note that this one answers. `author` is
    the key that signed a plain note. `options` are those that a poll offers, or those that a response to one chose.
    """

    id: str
    nevent: str
    kind: int
    created: Moment
    ring: RingView | None
    author: Member | None
    words: Words | None
    is_exact: bool
    title: str
    summary: str
    target: str | None
    options: tuple[str, ...]

    @property
    def is_article(self) -> bool:
        """Return whether the note is a long text in Markdown."""
        return self.kind == ARTICLE

    @property
    def is_answer(self) -> bool:
        """Return whether the note is an answer of which each key has one, to the note that it names."""
        return self.ring is not None and self.kind in ANSWER_KINDS and self.ring.scope == f"{self.kind}:{self.target}"


def make_view(note: StoredNote, relay_url: str) -> NoteView:
    """Return what pages show of a note. `relay_url` is where it can be found, ws or wss."""
    event, proof = note.event, note.proof
    ring = None if proof is None else _make_ring(proof)
    signed, is_exact = _find_words(event, proof)
    # Tags are shown only where they are signed.
    has_tags = ring is None or ring.is_bound
    title = summarise(find_tag(event, "title") or "", _MAX_TITLE_CHARS) if has_tags else ""
    return NoteView(
        id=event.id,
        nevent=encode_nevent(bytes.fromhex(event.id), relay_url),
        kind=event.kind,
        created=describe_moment(event.created_at),
        ring=ring,
        author=make_member(bytes.fromhex(event.pubkey), None) if ring is None else None,
        words=None if signed is None else make_words(signed),
        is_exact=is_exact,
        title=title,
        summary=title or summarise(signed or "", _MAX_TITLE_CHARS),
        target=_find_target(event) if has_tags else None,
        options=_list_options(event) if has_tags else (),
    )


def _list_options(event: Event) -> tuple[str, ...]:
    """Return what a poll offers, in its own words, or what a response to a poll chose, by the poll's ids (NIP-88)."""
    if (poll := read_poll(event)) is not None:
        return tuple(poll.options.values())
    if event.kind != POLL_RESPONSE:
        return ()
    chosen = (tag[1] for tag in event.tags if tag[0] == "response" and len(tag) > 1)
    return tuple(summarise(option, _MAX_TITLE_CHARS) for option in islice(chosen, MAX_OPTIONS))


def _make_ring(proof: StoredProof) -> RingView:
    scope = None
    if proof.scheme is Scheme.BLSAG:
        scope = summarise(proof.scope or "", _MAX_SCOPE_CHARS)
    return RingView(proof.signed.ring_id.hex(), proof.ring_size, proof.signed.form, proof.scheme, scope)


def _find_words(event: Event, proof: StoredProof | None) -> tuple[str | None, bool]:
    if proof is None:
        return event.content, True
    try:
        return find_signed_words(event, proof.signed)
    except (Rejected, UnknownWords):
        return None, False


def _find_target(event: Event) -> str | None:
    """Return the id that a note answers: of its `e` tags the one marked as the reply's, else the root's, else the last (NIP-10)."""
    tags = [tag for tag in event.tags if tag[0] == "e" and len(tag) > 1 and is_hex32(tag[1])]
    for marker in ("reply", "root"):
        for tag in tags:
            if len(tag) > 3 and tag[3] == marker:
                return tag[1]
    unmarked = [tag[1] for tag in tags if len(tag) < 4 or tag[3] != "mention"]
    return unmarked[-1] if unmarked else None
