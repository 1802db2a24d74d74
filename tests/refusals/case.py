"""What a case of the table of refusals is: a text, when it is given, what its reader does next, and how to provoke it."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from relay.protocol.event import Event
from tests.support.client import to_json
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of

# A value that is filled in: the name of a setting, or of what the text speaks of.
_FILLED_IN = re.compile(r"\\\{[A-Za-z_.\\]+\\\}")
_VALUE = r"[A-Za-z0-9_.#-]+"
# What lists several values.
_LISTED = {r"\{verbs\}": r"[A-Z]+(?:, [A-Z]+)* and [A-Z]+"}

# 64 hex digits that are the x coordinate of no point of secp256k1.
OFF_CURVE = f"{5:064x}"


@dataclass(frozen=True, slots=True)
class Variant:
    """Give one of two authors that have nothing in common, so that a text that repeats something differs between them."""

    number: int

    @property
    def word(self) -> str:
        return f"canary{'ab'[self.number] * (3 + 4 * self.number)}"

    @property
    def now(self) -> int:
        return int(time.time()) - self.number

    @property
    def pubkey(self) -> str:
        return pubkey_of(KEYS[20 + self.number])

    @property
    def members(self) -> list[str]:
        return sorted(pubkey_of(member) for member in KEYS[: 4 + self.number])

    def plain(self, **options: Any) -> Event:
        """Make an event that is stored without a ring."""
        key = KEYS[20 + self.number]
        return make_event(**{"key": key, "kind": 0, "content": self.word, "created_at": self.now, **options})

    def ring(self, **options: Any) -> Event:
        """Make a bound ring note that is accepted."""
        given = {"ring_size": 4 + self.number, "signer": self.number, "author": KEYS[20 + self.number], **options}
        return make_ring_note(self.word, **given)

    def retag(self, event: Event, *tags: tuple[str, ...]) -> Event:
        """Return the event with other tags, and an id and an author's signature that fit them."""
        return make_event(
            key=KEYS[20 + self.number],
            kind=event.kind,
            content=event.content,
            tags=tags,
            created_at=event.created_at,
        )

    def put(self, event: Event, name: str, *values: str) -> Event:
        """Return the event with other values in one tag, or with that tag put first where there was none."""
        if not any(tag[0] == name for tag in event.tags):
            return self.retag(event, (name, *values), *event.tags)
        return self.retag(event, *((name, *values) if tag[0] == name else tag for tag in event.tags))

    def drop(self, event: Event, name: str) -> Event:
        """Return the event without the tags of that name."""
        return self.retag(event, *(tag for tag in event.tags if tag[0] != name))

    def change(self, event: Event, **members: Any) -> Event:
        """Return the event with members that do not fit the rest."""
        return Event(**{**to_json(event), **members})


@dataclass(frozen=True, slots=True)
class Request:
    """Hold a plain HTTP request: its first line and headers."""

    text: str


# What is sent: an EVENT's event, a frame as a list or as it stands, an HTTP request; a tuple is sent one after another.
Message = Event | list[Any] | str | bytes | Request
Way = Callable[[Variant], Message | tuple[Message, ...]]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Name the test that provokes a refusal in circumstances of its own, and which part of the text it looks for."""

    test: str
    asserts: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Hold one refusal.

    `text` is as relay/ spells it, with the names of filled-in values in braces. `ways` are named provocations; the last
    message of each must be answered with the text. `settings` are sections of the configuration, beside those of every case.
    With `quotes` the answer goes on with what was found in the note, in brackets.
    """

    text: str
    when: str
    then: str
    ways: Mapping[str, Way] | Elsewhere
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    quotes: bool = False


def to_pattern(text: str) -> re.Pattern[str]:
    """Return what a text looks like when its values are filled in."""
    return re.compile(_FILLED_IN.sub(lambda found: _LISTED.get(found[0], _VALUE), re.escape(text)))


def list_filled_in(text: str) -> list[str]:
    """Return the names of a text's filled-in values."""
    return [found[2:-2].replace("\\", "") for found in _FILLED_IN.findall(re.escape(text))]
