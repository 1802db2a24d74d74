"""A window of recent notes: the newest that are stored, down to a floor, with indexes. No I/O, and it knows no filter.

What is at the floor or above is all here, and nothing below it. So what is not here at or above the floor is not stored.
"""

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Set

from relay.protocol.event import KindClass, classify
from relay.storage.note import Note
from relay.storage.window_entry import (
    ID,
    KEY,
    KEY_IMAGE,
    KIND,
    MEMBER_BYTES,
    PRICE,
    PUBKEY,
    RING,
    RING_ID,
    SCOPE,
    TAGS,
    Entry,
    count_bytes,
    encode_key,
    make_entry,
)

# Entries, the oldest first. Most tags stand on one note: no list is made for a single entry.
Index = dict[Hashable, "list[Entry] | Entry"]

# Above every key.
_TOP = b"\xff" * 8
# Evicted together, in 2 ms or less: the lists are cut once for all of them. To add a note took 15 us one by one, and takes 10.
_EVICTED_PART, _EVICTED_BYTES = 64, 524_288


def list_entries(held: "list[Entry] | Entry | None") -> list[Entry]:
    """Return the entries of one key of an index, the oldest first."""
    if held is None:
        return []
    return held if isinstance(held, list) else [held]


class Window:
    """The notes from a floor up, of at most `max_bytes` together with what their indexes take. At first it knows nothing."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        """Forget everything, also what is not stored."""
        # All stored notes whose key is not below it are here. b"" is below all of them.
        self.floor = _TOP
        self.used_bytes = 0
        self.notes: list[Entry] = []
        self.ring_notes: list[Entry] = []
        self.priced: list[Entry] = []
        self.by_id: dict[bytes, Entry] = {}
        self.by_kind: Index = {}
        self.by_author: Index = {}
        self.by_tag: Index = {}
        self.by_ring: Index = {}
        self.by_key_image: Index = {}
        self.by_scope: Index = {}
        self._members: dict[bytes, tuple[bytes, ...]] = {}
        # Most members are in one ring: no set is made for a single one.
        self._rings: dict[bytes, set[bytes] | bytes] = {}

    def __len__(self) -> int:
        return len(self.notes)

    def find_rings(self, member: bytes) -> Set[bytes]:
        """Return the ids of the rings here that have a member. It is no copy: there can be thousands."""
        held = self._rings.get(member)
        if held is None:
            return frozenset()
        return frozenset((held,)) if isinstance(held, bytes) else held

    def add(self, note: Note) -> None:
        """Add a note that is stored, or give it its new price, unless it is below the floor."""
        event, note_id = note.event, bytes.fromhex(note.event.id)
        if encode_key(event.created_at, note_id) < self.floor or classify(event.kind) is KindClass.EPHEMERAL:
            return
        known = self.by_id.get(note_id)
        if known is not None:
            self._change_price(known, note.price_paid_msat)
        elif note.previous_price_msat >= 0:
            # What is stored under this id may have another signature than what was paid for again.
            self.clear()
        else:
            self._insert(make_entry(note, note_id), () if note.claim is None else note.claim.ring)
            self._evict()

    def extend(self, notes: Iterable[Note], floor: bytes) -> None:
        """Add what is stored from a lower floor up to the present one, and take that one."""
        self.floor = floor
        for note in notes:
            note_id = bytes.fromhex(note.event.id)
            if note_id not in self.by_id:
                self._insert(make_entry(note, note_id), () if note.claim is None else note.claim.ring)
        self._evict()

    def remove(self, ids: Iterable[bytes]) -> None:
        """Remove notes that are stored no longer, as far as they are here."""
        for note_id in ids:
            entry = self.by_id.get(note_id)
            if entry is not None:
                self._discard(entry)

    def _change_price(self, entry: Entry, price_paid_msat: int) -> None:
        key, note_id, encoded, created_at, kind, pubkey, expires_at, price, tags, ring = entry
        if price == price_paid_msat:
            return
        members = () if ring is None else self._members[ring[RING_ID]]
        self._discard(entry)
        entry = (key, note_id, encoded, created_at, kind, pubkey, expires_at, price_paid_msat, tags, ring)
        self._insert(entry, members)

    def _insert(self, entry: Entry, members: tuple[bytes, ...]) -> None:
        self.by_id[entry[ID]] = entry
        for entries in self._list_orders(entry):
            _insert_sorted(entries, entry)
        for index, key in self._list_keys(entry):
            held = index.get(key)
            if held is None:
                index[key] = entry
            elif isinstance(held, list):
                _insert_sorted(held, entry)
            else:
                index[key] = [held, entry] if held < entry else [entry, held]
        ring = entry[RING]
        if ring is not None:
            self._add_ring(ring[RING_ID], members)
        self.used_bytes += count_bytes(entry)

    def _discard(self, entry: Entry) -> None:
        del self.by_id[entry[ID]]
        for entries in self._list_orders(entry):
            del entries[bisect_left(entries, entry)]
        for index, key in self._list_keys(entry):
            held = index[key]
            if isinstance(held, list) and len(held) > 1:
                del held[bisect_left(held, entry)]
            else:
                self._drop_key(index, key)
        self.used_bytes -= count_bytes(entry)

    def _evict(self) -> None:
        """Let the oldest notes go where there are too many, and raise the floor above them."""
        excess = self.used_bytes - self.max_bytes
        if excess <= 0:
            return
        wanted = excess + min(self.max_bytes // _EVICTED_PART, _EVICTED_BYTES)
        count = freed = 0
        for entry in self.notes:
            if freed >= wanted:
                break
            freed += count_bytes(entry)
            count += 1
        gone = self.notes[:count]
        self.floor = gone[-1][KEY] + b"\0"
        self.used_bytes -= freed
        for entries in (self.notes, self.ring_notes, self.priced):
            del entries[: bisect_left(entries, (self.floor,))]
        for entry in gone:
            del self.by_id[entry[ID]]
            for index, key in self._list_keys(entry):
                self._cut(index, key)

    def _cut(self, index: Index, key: Hashable) -> None:
        """Remove what is below the floor from the entries of one key."""
        held = index.get(key)
        if isinstance(held, list):
            del held[: bisect_left(held, (self.floor,))]
            if not held:
                self._drop_key(index, key)
        elif held is not None and held[KEY] < self.floor:
            self._drop_key(index, key)

    def _drop_key(self, index: Index, key: Hashable) -> None:
        del index[key]
        if index is self.by_ring:
            assert isinstance(key, bytes)  # noqa: S101
            self._remove_ring(key)

    def _list_orders(self, entry: Entry) -> list[list[Entry]]:
        """Return the orders without a key that an entry is in."""
        orders = [self.notes]
        if entry[PRICE]:
            orders.append(self.priced)
        if entry[RING] is not None:
            orders.append(self.ring_notes)
        return orders

    def _list_keys(self, entry: Entry) -> list[tuple[Index, Hashable]]:
        """Return the indexes that an entry is in, and its key in each."""
        keys: list[tuple[Index, Hashable]] = [(self.by_kind, entry[KIND]), (self.by_author, entry[PUBKEY])]
        keys += [(self.by_tag, tag) for tag in entry[TAGS]]
        ring = entry[RING]
        if ring is not None:
            keys.append((self.by_ring, ring[RING_ID]))
            if ring[KEY_IMAGE] is not None:
                keys.append((self.by_key_image, ring[KEY_IMAGE]))
            if ring[SCOPE] is not None:
                keys.append((self.by_scope, ring[SCOPE]))
        return keys

    def _add_ring(self, ring_id: bytes, members: tuple[bytes, ...]) -> None:
        if ring_id in self._members:
            return
        self._members[ring_id] = members
        self.used_bytes += len(members) * MEMBER_BYTES
        for member in members:
            held = self._rings.setdefault(member, ring_id)
            if isinstance(held, set):
                held.add(ring_id)
            elif held is not ring_id:
                self._rings[member] = {held, ring_id}

    def _remove_ring(self, ring_id: bytes) -> None:
        members = self._members.pop(ring_id)
        self.used_bytes -= len(members) * MEMBER_BYTES
        for member in members:
            held = self._rings[member]
            if isinstance(held, set) and len(held) > 1:
                # To look for it in a list of thousands of rings took 0.7 s at one eviction.
                held.remove(ring_id)
            else:
                del self._rings[member]


def _insert_sorted(entries: list[Entry], entry: Entry) -> None:
    # Mostly notes come in the order of their times.
    if not entries or entries[-1] < entry:
        entries.append(entry)
    else:
        insort(entries, entry)
