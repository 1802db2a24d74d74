"""The notes that are sent in a run: made from a seed, so that all runs send the same, and kept in a file for the next one."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.authors import BASE_TIME, list_authors, make_authors
from bench.plain_notes import PlainNotes
from bench.ring_notes import POOL, make_ring_notes, sign_event
from relay.protocol.event import Event, encode_event


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """So many notes of one kind: plain ones (ring size 0), or over rings, one for all or one a note."""

    name: str
    count: int
    ring_size: int = 0
    is_shared: bool = True


@dataclass(frozen=True, slots=True)
class Corpus:
    """The encoded notes of each part, and the SHA-256 of all of them."""

    seed: int
    notes: dict[str, list[bytes]]
    fingerprint: str


def load_corpus(parts: Sequence[Part], seed: int, directory: Path) -> Corpus:
    """Return a corpus, made or read from the directory, which keeps it under what it was made from."""
    lines: dict[str, list[bytes]] = {}
    for part in parts:
        file = directory / f"corpus-{part.name}-{_digest_recipe(part, seed)}.jsonl"
        if not file.exists():
            directory.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_suffix(".new")
            unfinished.write_bytes(b"".join(line + b"\n" for line in make_part(part, seed)))
            unfinished.rename(file)
        lines[part.name] = file.read_bytes().splitlines()
    return Corpus(seed, lines, compute_fingerprint(lines))


def compute_fingerprint(lines: dict[str, list[bytes]]) -> str:
    """Return the SHA-256 of all notes, a line each, by the names of their parts."""
    hashed = hashlib.sha256()
    for name in sorted(lines):
        for line in lines[name]:
            hashed.update(line + b"\n")
    return hashed.hexdigest()


def make_part(part: Part, seed: int) -> list[bytes]:
    """Return the notes of a part, encoded."""
    events = _make_rings(part, seed) if part.ring_size else _make_plain(seed, part.name)
    return [encode_event(event) for event in itertools.islice(events, part.count)]


def _make_plain(seed: int, name: str) -> Iterator[Event]:
    authors = list_authors(seed)
    drafts = PlainNotes(
        int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8]), [a.hex for a in authors]
    )
    for number in itertools.count():
        words = drafts.draft()
        # Ten a second.
        event = sign_event(authors[words.author], BASE_TIME + number // 10, 1, words.tags, f"{name} {words.content}")
        drafts.see(event.id, words.author)
        yield event


def _make_rings(part: Part, seed: int) -> Iterator[Event]:
    members = make_authors(seed, "member", max(POOL, part.ring_size))
    return make_ring_notes(members, part.ring_size, shared=part.is_shared, seed=seed, begin=BASE_TIME)


def _digest_recipe(part: Part, seed: int) -> str:
    """Return what names a part's file: its description, and the code that makes it."""
    hashed = hashlib.sha256(f"{part} {seed}".encode())
    for name in ("authors", "plain_notes", "ring_notes", "corpus"):
        hashed.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return hashed.hexdigest()[:32]
