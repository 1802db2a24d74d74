"""The notes of a store that has been in use for a year, made from a seed. The relay can read them; no signature in them is true.

Of a thousand notes 850 are plain, 100 over rings of ten (half of them over a few rings, half over a ring of their own), 5 over
rings of a hundred, 20 articles, 15 deletion requests of notes that never came, and 10 paid for.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.authors import BASE_TIME, list_authors
from bench.plain_notes import PlainNotes
from relay.protocol.event import Event, Tag, compute_id, encode_event
from relay.protocol.ring_terms import Scheme
from relay.storage.note import Note
from relay.verify.encoding import ORDER, RingSignature, encode_ring_a
from relay.verify.form_bound import read_claim
from relay.verify.ring_equations import to_ring_id

DAYS = 365
PRICE_MSAT = 1_000_000
_DAY_S = 86_400
_NOTES_AN_AUTHOR = 60
_NOTES_A_MEMBER = 25
_NOTES_A_SHARED_RING = 1_000
_KINDS = ("plain", "ring of 10", "ring of 100", "article", "deletion", "paid")
_SHARES = (850, 100, 5, 20, 15, 10)


@dataclass(frozen=True, slots=True)
class Day:
    """The notes of a day, in the order of their times. Of the last day nothing is sorted yet."""

    notes: list[Note]
    is_last: bool


def make_days(count: int, seed: int) -> Iterator[Day]:
    """Yield the days of so many notes; the last one ends where the corpus begins."""
    maker = _Maker(count, seed)
    for day in range(DAYS):
        size = count * (day + 1) // DAYS - count * day // DAYS
        begin = BASE_TIME - (DAYS - day) * _DAY_S
        yield Day([maker.make(begin + place * _DAY_S // size) for place in range(size)], day == DAYS - 1)


class _Maker:
    """What notes are made of: authors, members, and the rings that many use."""

    def __init__(self, count: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._pubkeys = _list_pubkeys(seed, max(300, count // _NOTES_AN_AUTHOR))
        self._plain = PlainNotes(seed, self._pubkeys)
        members = max(200, count // _NOTES_A_MEMBER)
        self._members = [hashlib.sha256(f"{seed} member {number}".encode()).digest() for number in range(members)]
        self._rings = [self._draw_ring(10) for _ in range(max(2, count // _NOTES_A_SHARED_RING))]

    def make(self, created_at: int) -> Note:
        """Return a note of that time."""
        match self._random.choices(_KINDS, _SHARES)[0]:
            case "ring of 10":
                is_shared = self._random.random() < 0.5
                return self._make_ring_note(
                    self._random.choice(self._rings) if is_shared else self._draw_ring(10), created_at
                )
            case "ring of 100":
                return self._make_ring_note(self._draw_ring(100), created_at)
            case "article":
                return self._make_plain(30_023, (("d", self._random.randbytes(8).hex()),), created_at)
            case "deletion":
                return self._make_plain(5, (("e", self._random.randbytes(32).hex()), ("k", "1")), created_at)
            case "paid":
                return self._make_plain(1, (), created_at, PRICE_MSAT)
            case _:
                return self._make_plain(1, (), created_at)

    def _make_plain(self, kind: int, tags: tuple[Tag, ...], created_at: int, price_msat: int = 0) -> Note:
        words = self._plain.draft()
        event = self._sign(self._pubkeys[words.author], created_at, kind, tags or words.tags, words.content)
        if kind == 1:
            self._plain.see(event.id, words.author)
        return Note(event, encode_event(event), None, price_paid_msat=price_msat)

    def _make_ring_note(self, ring: Sequence[bytes], created_at: int) -> Note:
        """Return a note that claims a ring, in the bound form. That the ring signed it is not true."""
        signature = RingSignature(Scheme.SAG, self._draw_scalar(), tuple(self._draw_scalar() for _ in ring))
        keys = ("ring", *(key.hex() for key in ring))
        tags: tuple[Tag, ...] = (keys, ("R", to_ring_id(ring)), ("ringsig", encode_ring_a(signature)))
        event = self._sign(self._random.randbytes(32).hex(), created_at, 1, tags, self._plain.draft().content)
        return Note(event, encode_event(event), read_claim(event))

    def _draw_scalar(self) -> bytes:
        return self._random.randrange(1, ORDER).to_bytes(32, "big")

    def _sign(self, pubkey: str, created_at: int, kind: int, tags: tuple[Tag, ...], content: str) -> Event:
        event_id = compute_id(pubkey, created_at, kind, tags, content)
        return Event(event_id, pubkey, created_at, kind, tags, content, self._random.randbytes(64).hex())

    def _draw_ring(self, size: int) -> list[bytes]:
        return sorted(self._random.sample(self._members, size))


def _list_pubkeys(seed: int, count: int) -> list[str]:
    """Return those who post: first the corpus's authors."""
    real = [author.hex for author in list_authors(seed)]
    others = [hashlib.sha256(f"{seed} author {number}".encode()).hexdigest() for number in range(len(real), count)]
    return [*real, *others]
