"""The index of this process's live subscriptions: an event is compared only with those that could match it. No I/O."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from relay.delivery.live_note import LiveNote
from relay.policy.tiers import ROOT
from relay.protocol.filter import Filter, find_facts, matches_filter, with_min_price
from relay.protocol.messages import encode_event_prefix
from relay.protocol.search import find_selective
from relay.storage.note import Note


class Owner(Protocol):
    """The receiver of what a subscription matches."""

    def deliver(self, subscription: "Subscription", notes: Sequence[LiveNote]) -> None:
        """Receive matching notes, in order."""


@dataclass(eq=False, slots=True)
class Subscription:
    """A REQ of one connection.

    While loading, matching events wait in `pending` until the stored ones are sent. `sent` has the ids (32 bytes each) of
    stored events that may come again as live ones. `path` is the connection's.
    """

    id: str
    filters: tuple[Filter, ...]
    owner: Owner
    path: str = ROOT
    is_open: bool = True
    loading: bool = True
    pending: list[Note] = field(default_factory=list)
    sent: set[bytes] = field(default_factory=set)
    # What each of its messages begins with.
    event_prefix: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.event_prefix = encode_event_prefix(self.id)


@dataclass(eq=False, slots=True)
class _Group:
    """All subscriptions with one filter, whatever their `limit`. It is matched once for all of them."""

    filter_: Filter
    members: dict[int, Subscription] = field(default_factory=dict)


class Subscriptions:
    """An index of subscriptions by the most selective field of each of their filters."""

    def __init__(self) -> None:
        self._groups: dict[Filter, _Group] = {}
        self._by_key: dict[Hashable, dict[int, _Group]] = {}

    def add(self, subscription: Subscription) -> None:
        """Add a subscription to the index."""
        for filter_ in map(_without_limit, subscription.filters):
            group = self._groups.get(filter_)
            if group is None:
                group = self._groups[filter_] = _Group(filter_)
                for key in _list_keys(filter_):
                    self._by_key.setdefault(key, {})[id(group)] = group
            group.members[id(subscription)] = subscription

    def remove(self, subscription: Subscription) -> None:
        """Close a subscription and remove it from the index."""
        subscription.is_open = False
        # Two of its filters can be one without their limits.
        for filter_ in set(map(_without_limit, subscription.filters)):
            group = self._groups[filter_]
            del group.members[id(subscription)]
            if not group.members:
                self._remove_group(group)

    def _remove_group(self, group: _Group) -> None:
        del self._groups[group.filter_]
        for key in _list_keys(group.filter_):
            groups = self._by_key[key]
            del groups[id(group)]
            if not groups:
                del self._by_key[key]

    def change_min_prices(self, find_min_price_msat: Callable[[str], int | None]) -> None:
        """Have each subscription get from now on what its path shows from this price on; None leaves it as it is."""
        every = {name: member for group in self._groups.values() for name, member in group.members.items()}
        for subscription in every.values():
            min_price_msat = find_min_price_msat(subscription.path)
            if min_price_msat is not None:
                self.remove(subscription)
                subscription.filters = with_min_price(subscription.filters, min_price_msat)
                subscription.is_open = True
                self.add(subscription)

    def find_matching(self, note: Note) -> list[Subscription]:
        """Return the subscriptions that match a note, each once."""
        if not self._groups:
            return []
        facts = find_facts(note.event, note.claim, note.price_paid_msat, note.previous_price_msat)
        matching = [
            group.members
            for groups in map(self._by_key.get, _list_note_keys(note))
            if groups is not None
            for group in groups.values()
            if matches_filter(group.filter_, facts)
        ]
        # A note can match a subscription by several filters, and a filter by several values.
        if len(matching) == 1:
            return list(matching[0].values())
        found: dict[int, Subscription] = {}
        for members in matching:
            found.update(members)
        return list(found.values())


_EVERY_EVENT = ("every event",)
_EVERY_RING_NOTE = ("every ring note",)


def _without_limit(filter_: Filter) -> Filter:
    """Return a filter as it matches live notes, whose number no `limit` bounds (NIP-01)."""
    return filter_ if filter_.limit is None else msgspec.structs.replace(filter_, limit=None)


def _list_keys(filter_: Filter) -> Iterable[Hashable]:
    """Return the index keys of a filter: those of its most selective field."""
    if filter_.ids is not None:
        return [("id", event_id) for event_id in filter_.ids]
    if term := find_selective(filter_.search):
        return [(term.key, bytes.fromhex(term.value) if term.key == "ring" else term.value)]
    if filter_.tags:
        letter, values = min(filter_.tags, key=lambda tag: len(tag[1]))
        return [(letter, value) for value in values]
    if filter_.authors is not None:
        return [("author", author) for author in filter_.authors]
    if filter_.search:
        return [_EVERY_RING_NOTE]
    if filter_.kinds is not None:
        return [("kind", kind) for kind in filter_.kinds]
    return [_EVERY_EVENT]


def _list_note_keys(note: Note) -> Iterator[Hashable]:
    event, claim = note.event, note.claim
    yield ("id", event.id)
    yield ("author", event.pubkey)
    yield ("kind", event.kind)
    yield _EVERY_EVENT
    yield from event.indexed_tags
    if claim is not None:
        yield _EVERY_RING_NOTE
        yield ("keyimage", claim.key_image)
        yield ("ringid", claim.ring_id)
        yield ("scope", claim.scope)
        for member in claim.ring:
            yield ("ring", member)
