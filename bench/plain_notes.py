"""Plain notes made from a seed, as clients post them: words, replies with e and p tags, topics. Knows no keys and no signatures."""

import random
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.authors import Crowd
from relay.protocol.event import Tag

TOPICS = 50
CONTENT_CHARS = 300
# Notes that others reply to: one of the last few.
_RECENT = 400
_WORDS = re.findall(
    "[a-z]+", "relay note event signature client gossip zap thread reply media bitcoin privacy open graph social key"
)


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody posts: the place of the author, the tags and the content."""

    author: int
    tags: tuple[Tag, ...]
    content: str


class PlainNotes:
    """The drafts of one crowd, one after another. Whoever uses them tells each one's id, so that the next ones can reply."""

    def __init__(self, seed: int, pubkeys: Sequence[str]) -> None:
        self._random = random.Random(seed)
        self._pubkeys = pubkeys
        self._crowd = Crowd(len(pubkeys), self._random)
        self._authors: Iterator[int] = iter(())
        self._recent: deque[tuple[str, str]] = deque(maxlen=_RECENT)
        self._count = 0

    def draft(self) -> Words:
        """Return the next note's words."""
        tags: list[Tag] = []
        if self._recent and self._random.random() < 0.5:
            note_id, pubkey = self._recent[int(self._random.random() * len(self._recent))]
            tags += [("e", note_id, "", "reply"), ("p", pubkey)]
        if self._random.random() < 0.3:
            tags.append(("t", f"topic{int(self._random.random() * TOPICS)}"))
        content = f"{self._count} {' '.join(self._random.choices(_WORDS, k=48))}"[:CONTENT_CHARS]
        self._count += 1
        return Words(self.choose_author(), tuple(tags), content)

    def choose_author(self) -> int:
        """Return the place of one who posts next."""
        author = next(self._authors, None)
        if author is None:
            self._authors = iter(self._crowd.choose(1_000))
            return next(self._authors)
        return author

    def see(self, note_id: str, author: int) -> None:
        """Let the notes that follow reply to one."""
        self._recent.append((note_id, self._pubkeys[author]))
