"""What is asked for: filters over values that stored notes have, with as many matches in a small store as in a large one."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from relay.protocol.event import Event

# A value that fewer notes have would make a small store's answers shorter than a large one's.
_ENOUGH = 50
_KEPT = 2_000
_FOLLOWS = 100


class Vocabulary(msgspec.Struct, frozen=True):
    """Values that filters can ask for: pubkeys, p and t tags and ring members of many notes, ids, and ids that have replies.

    `everyone` is a sample of all who post, also seldom.
    """

    authors: list[str]
    everyone: list[str]
    mentioned: list[str]
    topics: list[str]
    members: list[str]
    replied: list[str]
    ids: list[str]


class VocabularyBuilder:
    """What is counted while a store is made."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ("author", "p", "t", "member")}
        self._ids: dict[str, list[str]] = {"e": [], "id": []}
        self._seen: Counter[str] = Counter()

    def see(self, event: Event, ring: Sequence[bytes] = ()) -> None:
        """Count a note."""
        if event.kind != 1:
            return
        if not ring:
            self._counts["author"][event.pubkey] += 1
        self._counts["member"].update(member.hex() for member in ring)
        self._keep("id", event.id)
        for tag in event.tags:
            if tag[0] in ("p", "t"):
                self._counts[tag[0]][tag[1]] += 1
            elif tag[0] == "e":
                self._keep("e", tag[1])

    def _keep(self, name: str, value: str) -> None:
        """Keep a fair sample of all values."""
        self._seen[name] += 1
        kept = self._ids[name]
        if len(kept) < _KEPT:
            kept.append(value)
        elif (place := int(self._random.random() * self._seen[name])) < _KEPT:
            kept[place] = value

    def build(self) -> Vocabulary:
        """Return the values that enough notes have."""
        often = {
            name: sorted(value for value, count in counts.items() if count >= _ENOUGH)
            for name, counts in self._counts.items()
        }
        return Vocabulary(
            authors=self._sample(often["author"]),
            everyone=self._sample(sorted(self._counts["author"])),
            mentioned=self._sample(often["p"]),
            topics=often["t"],
            members=self._sample(often["member"]),
            replied=self._ids["e"],
            ids=self._ids["id"],
        )

    def _sample(self, values: list[str]) -> list[str]:
        return self._random.sample(values, min(_KEPT, len(values)))


# Each kind of query, as its name in the figures and what makes one.
_QUERIES: dict[str, Callable[[Vocabulary, random.Random], dict[str, Any]]] = {
    "latest100": lambda _, __: {"kinds": [1], "limit": 100},
    "author50": lambda known, drawn: {"kinds": [1], "authors": [drawn.choice(known.authors)], "limit": 50},
    "ptag50": lambda known, drawn: {"kinds": [1], "#p": [drawn.choice(known.mentioned)], "limit": 50},
    "ttag50": lambda known, drawn: {"kinds": [1], "#t": [drawn.choice(known.topics)], "limit": 50},
    "etag": lambda known, drawn: {"kinds": [1], "#e": [drawn.choice(known.replied)], "limit": 100},
    "ids10": lambda known, drawn: {"ids": drawn.sample(known.ids, 10)},
    "follows": lambda known, drawn: {
        "kinds": [1],
        "authors": drawn.sample(known.everyone, min(_FOLLOWS, len(known.everyone))),
        "limit": 50,
    },
    "search_ring": lambda known, drawn: {"search": f"ring:{drawn.choice(known.members)}", "limit": 50},
}
QUERIES = tuple(_QUERIES)


def make_filters(name: str, vocabulary: Vocabulary, count: int, seed: int) -> list[bytes]:
    """Return so many filters of one kind, encoded; the same ones for the same seed."""
    drawn = random.Random(f"{seed} {name}")
    return [msgspec.json.encode(_QUERIES[name](vocabulary, drawn)) for _ in range(count)]
