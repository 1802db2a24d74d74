"""The index of this process's live subscriptions: an event is compared only with those that could match it. No I/O."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from relay.policy.tiers import ROOT
from relay.protocol.filter import Filter, find_facts, matches_filter, with_min_price
from relay.protocol.search import find_selective
from relay.storage.note import Note


class Owner(Protocol):
    """The receiver of what a subscription matches."""

    def deliver(self, subscription: "Subscription", note: Note) -> None:
        """Receive one matching note."""


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


class Subscriptions:
    """An index of subscriptions by the most selective field of each of their filters."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, dict[tuple[int, int], tuple[Subscription, Filter]]] = {}

    def add(self, subscription: Subscription) -> None:
        """Add a subscription to the index."""
        for position, filter_ in enumerate(subscription.filters):
            for key in _list_keys(filter_):
                self._by_key.setdefault(key, {})[id(subscription), position] = (subscription, filter_)

    def remove(self, subscription: Subscription) -> None:
        """Close a subscription and remove it from the index."""
        subscription.is_open = False
        for position, filter_ in enumerate(subscription.filters):
            for key in _list_keys(filter_):
                entries = self._by_key[key]
                del entries[id(subscription), position]
                if not entries:
                    del self._by_key[key]

    def change_min_prices(self, find_min_price_msat: Callable[[str], int | None]) -> None:
        """Have each subscription get from now on what its path shows from this price on; None leaves it as it is."""
        entries = (entry for by_place in self._by_key.values() for entry in by_place.values())
        for subscription in {id(subscription): subscription for subscription, _ in entries}.values():
            min_price_msat = find_min_price_msat(subscription.path)
            if min_price_msat is not None:
                self.remove(subscription)
                subscription.filters = with_min_price(subscription.filters, min_price_msat)
                subscription.is_open = True
                self.add(subscription)

    def find_matching(self, note: Note) -> list[Subscription]:
        """Return the subscriptions that match a note, each once."""
        found: dict[int, Subscription] = {}
        facts = find_facts(note.event, note.claim, note.price_paid_msat, note.previous_price_msat)
        for key in _list_note_keys(note):
            for subscription, filter_ in self._by_key.get(key, {}).values():
                if id(subscription) not in found and matches_filter(filter_, facts):
                    found[id(subscription)] = subscription
        return list(found.values())


_EVERY_EVENT = ("every event",)
_EVERY_RING_NOTE = ("every ring note",)


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
