"""The keys of a ring as a page lists them: short, with the names that they claim. Knows no note and no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from relay.pages.words import summarise
from relay.protocol.nip19 import shorten_npub
from relay.protocol.printable import has_lookalikes
from relay.storage.page_reader import Profile

_MAX_NAME_CHARS = 40


@dataclass(frozen=True, slots=True)
class Member:
    """A key with the name that its own profile claims; "" where the relay has none. `key` is in hex.

    `is_mixed`: the name has letters of several alphabets that look alike.
    """

    key: str
    short: str
    name: str = ""
    is_mixed: bool = False


class _Content(msgspec.Struct):
    """A profile's content: its names may be anything, as it is anybody's JSON."""

    name: object = None
    display_name: object = None


def list_members(keys: Sequence[bytes], profiles: Mapping[bytes, Profile]) -> list[Member]:
    """Return keys (32 bytes each) with their names, in the order given."""
    return [make_member(key, profiles.get(key)) for key in keys]


def make_member(key: bytes, profile: Profile | None) -> Member:
    """Return a key with the name that its profile claims."""
    name = "" if profile is None or profile.content is None else read_name(profile.content)
    return Member(key.hex(), shorten_npub(key), name, has_lookalikes(name))


def read_name(content: str) -> str:
    """Return the name in a profile's content (NIP-01, NIP-24) on one line, "" where there is none."""
    try:
        read = msgspec.json.decode(content, type=_Content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    names = [one for one in (read.name, read.display_name) if isinstance(one, str) and one.strip()]
    return summarise(names[0], _MAX_NAME_CHARS) if names else ""


def count_older(profiles: Mapping[bytes, Profile], created_at: int) -> int:
    """Return how many profiles say that they are older than a note: their own word."""
    return sum(profile.created_at < created_at for profile in profiles.values())
