"""Keys made from a seed, and how often each of many authors posts: a few often, most seldom."""

import hashlib
import itertools
import random
from dataclasses import dataclass

from coincurve import PrivateKey

# A Tuesday in 2023. What is stored before is older, so that what is sent is newest.
BASE_TIME = 1_700_000_000
AUTHORS = 300


@dataclass(frozen=True, slots=True)
class Author:
    """A key with its public key, 32 bytes and as hex."""

    key: PrivateKey
    pubkey: bytes

    @property
    def hex(self) -> str:
        """Return the public key as events have it."""
        return self.pubkey.hex()


def make_author(seed: int, name: str) -> Author:
    """Return the author of that name; the same seed and name always give the same key."""
    key = PrivateKey(hashlib.sha256(f"bench {seed} {name}".encode()).digest())
    return Author(key, key.public_key.format()[1:])


def make_authors(seed: int, name: str, count: int) -> list[Author]:
    """Return so many authors."""
    return [make_author(seed, f"{name} {number}") for number in range(count)]


def list_authors(seed: int) -> list[Author]:
    """Return those who post the plain notes of a corpus, and many of those in a store."""
    return make_authors(seed, "author", AUTHORS)


class Crowd:
    """A choice among so many, the n-th as often as 1 in n + 10: nearly Zipf's law, without one who posts a tenth of all."""

    def __init__(self, count: int, random_: random.Random) -> None:
        self._places = range(count)
        self._sums = list(itertools.accumulate(1 / (place + 10) for place in self._places))
        self._random = random_

    def choose(self, count: int) -> list[int]:
        """Return the places of so many."""
        return self._random.choices(self._places, cum_weights=self._sums, k=count)
