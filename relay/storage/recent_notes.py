"""The recent notes of one process in memory, and whether they are what the database holds. The feed keeps them in step.

They change in the order of the commits, which is that of the feed's numbers. They answer only while all that this process has
committed is among them, and the feed was read just now: who was told that a note is stored or deleted finds it so. What other
processes have done meanwhile is missing for as long as the feed takes to bring it.
"""

import time
from collections.abc import Iterable

from relay.protocol.filter import Filter
from relay.storage.conditions import Cursor
from relay.storage.note import Note
from relay.storage.pages import PageRow
from relay.storage.window import Window
from relay.storage.window_answer import count_matching, find_page
from relay.storage.window_entry import CREATED_AT, ENCODED, ID

# The feed is read every second. Where nobody has read it for longer, other processes may be far ahead.
_MAX_AGE_S = 3.0
# It is filled up to this part, and again when half of that is left.
_FULL_PART = 0.9


class RecentNotes:
    """A window of the newest notes that are stored, of at most `max_mib` MiB; 0: none. `knows_all_own` is set by the feed."""

    def __init__(self, max_mib: float) -> None:
        self._window = Window(int(max_mib * 2**20))
        self._read_s = -_MAX_AGE_S
        self._is_filling = self._can_grow = True
        self.knows_all_own = True

    def __len__(self) -> int:
        return len(self._window)

    @property
    def _is_current(self) -> bool:
        return self.knows_all_own and time.monotonic() - self._read_s < _MAX_AGE_S

    def find_page(
        self, filter_: Filter, after: Cursor | None, rows: int, page_bytes: int, now: int
    ) -> list[PageRow] | None:
        """Return the page that the database would give (build_page), None where only that can know."""
        if not self._window.max_bytes or not self._is_current:
            return None
        entries = find_page(self._window, filter_, after, rows, now)
        if entries is None:
            return None
        page: list[PageRow] = []
        for entry in entries:
            page.append((entry[CREATED_AT], entry[ID], entry[ENCODED] if page_bytes > 0 else None))
            page_bytes -= len(entry[ENCODED])
        return page

    def count(self, filters: Iterable[Filter], now: int) -> int | None:
        """Return how many distinct notes match, None where only the database can know."""
        return count_matching(self._window, filters, now) if self._is_current else None

    def has(self, note_id: bytes) -> bool:
        """Return whether a note is known to be stored. If not, it can be all the same."""
        return self._is_current and note_id in self._window.by_id

    def confirm_read(self, read_s: float) -> None:
        """Note that the feed was read whole; it was asked at `read_s` (monotonic)."""
        self._read_s = read_s

    def add(self, note: Note) -> None:
        """Take a note that was stored, or upgraded."""
        self._window.add(note)

    def remove(self, ids: Iterable[bytes]) -> None:
        """Drop notes that were deleted."""
        self._window.remove(ids)

    def forget(self) -> None:
        """Forget everything: what has changed is not known."""
        self._window.clear()
        self._read_s = -_MAX_AGE_S
        self._is_filling = self._can_grow = True

    def find_gap(self) -> bytes | None:
        """Return the key below which older notes are wanted, None where it is full or knows all."""
        window = self._window
        if not window.floor or not window.max_bytes or not self._can_grow:
            return None
        part = window.used_bytes / window.max_bytes
        self._is_filling = part < (_FULL_PART if self._is_filling else _FULL_PART / 2)
        return window.floor if self._is_filling else None

    def extend(self, notes: Iterable[Note], floor: bytes) -> bool:
        """Take all notes from a lower floor up to where the gap began, and return whether it reaches further down now."""
        before = self._window.floor
        self._window.extend(notes, floor)
        return self._window.floor < before

    def stop_growing(self) -> None:
        """Take no older notes: the next one cannot be read here. That it is there is known from the floor."""
        self._can_grow = False
